"""What can be typed after ``exptools``. Standard library only: the help is there at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from exptools.hints import suggestion
from exptools.viewing.cli.commands import (
    FIGURE,
    Command,
    DiffCommand,
    ExportCommand,
    ImportanceCommand,
    ImprovementCommand,
    ListCommand,
    Output,
    PlotCommand,
    TableCommand,
)
from exptools.viewing.cli.roots import SHOW_SECRETS, listed
from exptools.viewing.errors import UsageError
from exptools.viewing.wording import HYDRAS

SUMMARIES = "last, best, min, max, mean:10 (of the last 10), at:1000 (that step) or auc"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def parse(arguments: Sequence[str]) -> Command:
    """Read a command and its options; ends the process where these cannot be read."""
    top = _Parser(
        prog="exptools",
        usage="exptools COMMAND [ROOT ...] [OPTION ...]",
        description="Work with the runs below some directories. exptools-dash shows them in the "
        "browser.",
        epilog="commands:\n"
        + "\n".join(f"  {name:13}{entry.help}" for name, entry in COMMANDS.items())
        + "\n\nexptools COMMAND --help tells the options of each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if not arguments or arguments[0] in ("-h", "--help"):
        top.print_help()
        top.exit(0 if arguments else 2)
    name, *rest = arguments
    if name not in COMMANDS:
        hint = suggestion(name, COMMANDS)
        if Path(name).is_dir():
            hint = f"exptools-dash {name} serves it, exptools list {name} lists its runs"
        top.error(f"there is no command {name!r}; {hint}")
    entry = COMMANDS[name]
    parser = _Parser(prog=f"exptools {name}", description=f"{entry.help}.", allow_abbrev=False)
    entry.add_options(parser)
    options, unknown = parser.parse_known_intermixed_args(_sorting(rest))
    if unknown:
        allowed = [text for action in parser._actions for text in action.option_strings]
        hint = suggestion(unknown[0].partition("=")[0], allowed)
        parser.error(f"there is no option {unknown[0]!r}; {hint}")
    options.output = Output(name, _kind(options), options.out, options.for_spreadsheets)
    kind = options.output.kind
    if options.for_spreadsheets and kind != "csv" and (kind or entry.command is not ExportCommand):
        parser.error("--for-spreadsheets is for CSV: say --csv, or --out FILE.csv")
    given = {field.name: getattr(options, field.name) for field in fields(entry.command)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    return entry.command(**values)


def _sorting(arguments: Sequence[str]) -> list[str]:
    """The arguments with ``--sort -KEY`` in one word, as argparse takes ``-KEY`` for an option."""
    words: list[str] = []
    for word in arguments:
        follows = words[-1:] == ["--sort"] and word.startswith("-")
        if follows and not word.startswith("--"):
            words[-1] = f"--sort={word}"
        else:
            words.append(word)
    return words


def _kind(options: argparse.Namespace) -> str | None:
    """What to write: as an option says, or else the suffix of ``--out``."""
    if options.kind or options.out is None:
        return options.kind  # type: ignore[no-any-return]
    suffix = options.out.suffix.lower()
    if suffix not in options.suffixes:
        allowed = suggestion(suffix, options.suffixes)
        raise UsageError(f"{options.out}: its suffix does not say what to write; {allowed}")
    return str(options.suffixes[suffix])


def _list(parser: _Parser) -> None:
    _roots(parser)
    _metric(parser, "show a summary of it (default: one that tells how good a run is)")
    _by(parser, "a key to show (default: all that differ)")
    _summary(parser)
    parser.add_argument(
        "--sort", action="append", metavar="[-]KEY", default=[],
        help="a key or metric by which to order the rows, with - from the largest down; may be "
        "given several times",
    )  # fmt: skip
    _output(parser)


def _diff(parser: _Parser) -> None:
    parser.add_argument("left", type=Path, metavar="LEFT", help="a run's directory, or a sweep's")
    parser.add_argument("right", type=Path, metavar="RIGHT", help="what to compare it with")
    _where(parser)
    _output(parser)


def _export(parser: _Parser) -> None:
    _roots(parser)
    _metric(parser, "which metric (default: all)")
    _by(parser, "a key to add as a column")
    parser.add_argument(
        "--wide", action="store_true", help="a column a metric, instead of a row a value"
    )
    _output(parser)


def _table(parser: _Parser) -> None:
    _roots(parser)
    _metric(parser, "a column of the table")
    _by(parser, "a row for each of the key's values (default: all that are worth it)")
    parser.add_argument("--facet", metavar="KEY", help="a column for each of the key's values")
    _summary(parser)
    _statistics(parser)
    _directions(parser)
    _output(parser, "latex", "markdown")


def _directions(parser: _Parser) -> None:
    for mode, word in (("min", "less"), ("max", "more")):
        parser.add_argument(
            f"--{mode}", metavar="METRIC", action="append", default=[], dest="better",
            type=partial(_better, mode),
            help=f"of this metric {word} is better, where its name does not tell",
        )  # fmt: skip


def _better(mode: str, metric: str) -> tuple[str, str]:
    return metric, mode


def _plot(parser: _Parser) -> None:
    _roots(parser)
    _metric(parser, "a panel of the figure")
    _by(parser, "a line for each of the key's values (default: all that are worth it)")
    parser.add_argument("--facet", metavar="KEY", help="a panel for each of the key's values")
    parser.add_argument(
        "--x", default="step",
        help="step, relative_time (seconds), wall_time (Unix seconds), or what was logged",
    )  # fmt: skip
    _statistics(parser)
    parser.add_argument("--together", action="store_true", help="all metrics in one panel")
    parser.add_argument(
        "--baseline", metavar="GROUP",
        help="show the difference to this group (0.01 or lr=0.01) or run, paired by seed",
    )  # fmt: skip
    parser.add_argument(
        "--difference", default="absolute", metavar="HOW",
        help="absolute, or in percent of the baseline",
    )  # fmt: skip
    parser.add_argument(
        "--line", action="append", metavar="LINE", dest="lines", default=[],
        help="a horizontal line and its name: \"0.95 PPO (paper)\", or of another metric than the "
        "first \"test/loss = 0.3 theirs\"; may be given several times",
    )  # fmt: skip
    for name, what in (("label", "name"), ("color", "colour, as #d9580a,")):
        parser.add_argument(
            f"--{name}", action="append", metavar="GROUP=TEXT", dest=f"{name}s", default=[],
            type=_named, help=f"an own {what} of a group; may be given several times",
        )  # fmt: skip
    parser.add_argument("--smooth", metavar="HOW", help="ema:0.9, gaussian:5 or mean:10, in rows")
    _size(parser)
    _output(parser, figure=True)


def _importance(parser: _Parser) -> None:
    _roots(parser)
    _one_metric(parser)
    parser.add_argument(
        "--key", action="append", metavar="KEY", dest="keys", default=[],
        help="a key that may explain it (default: all that vary, but for seeds); may be given "
        "several times",
    )  # fmt: skip
    _summary(parser)
    _states(parser)
    _size(parser)
    _output(parser, figure=True)


def _improvement(parser: _Parser) -> None:
    _roots(parser)
    for name, what in (("of", "the runs whose improvement is asked for"), ("over", "the others")):
        parser.add_argument(
            f"--{name}", required=True, metavar="EXPR", help=f'{what}: a condition, "lr = 1e-3"'
        )
    _one_metric(parser)
    _summary(parser)
    parser.add_argument(
        "--strata", action="append", metavar="KEY",
        help="compare runs within each value of the key (default: of the keys that vary in both "
        "alike); \"\" for none; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--interval", default="interval:95", metavar="HOW",
        help="t:95 (Welch's and Newcombe's), ci:95 (bootstrap, as rliable) or interval:95 "
        "(whichever of both fits the number of runs)",
    )  # fmt: skip
    _directions(parser)
    _states(parser)
    _size(parser)
    _output(parser, figure=True)


def _one_metric(parser: _Parser) -> None:
    parser.add_argument(
        "--metric", metavar="NAME", help="of what (default: one that tells how good a run is)"
    )


def _size(parser: _Parser) -> None:
    parser.add_argument(
        "--size", default="column",
        help="column (3.25 inches), text (5.5), page (6.75), or a width in inches",
    )  # fmt: skip


def _named(text: str) -> tuple[str, str]:
    group, equals, name = text.rpartition("=")
    if not equals or not group or not name:
        raise argparse.ArgumentTypeError(f"{text!r} should be as 0.01=ours: a group and its text")
    return group, name


def _roots(parser: _Parser) -> None:
    parser.add_argument(
        "roots", nargs="*", type=Path, metavar="ROOT",
        help="directories with runs in them, at any depth (default: those of "
        f"{listed(HYDRAS)} that are here)",
    )  # fmt: skip
    _where(parser)


def _where(parser: _Parser) -> None:
    parser.add_argument(
        "--where",
        metavar="EXPR",
        help="only runs for which this is true: \"lr > 1e-4 and a = 'b'\"",
    )
    parser.add_argument("--show-secrets", action="store_true", help=SHOW_SECRETS)


def _metric(parser: _Parser, what: str) -> None:
    parser.add_argument(
        "--metric", action="append", metavar="NAME", dest="metrics", default=[],
        help=f"{what}; may be given several times",
    )  # fmt: skip


def _by(parser: _Parser, what: str) -> None:
    parser.add_argument(
        "--by", action="append", metavar="KEY", help=f"{what}; may be given several times"
    )


def _summary(parser: _Parser) -> None:
    parser.add_argument("--summary", default="last", metavar="HOW", help=f"of a run: {SUMMARIES}")


def _statistics(parser: _Parser) -> None:
    parser.add_argument("--center", default="mean", metavar="HOW", help="mean, median or iqm")
    parser.add_argument(
        "--band", default="std", metavar="HOW",
        help="std, sem, ci:95 (bootstrap), t:95 (Student's), interval:95 (whichever of both fits "
        "the number of runs), minmax, percentiles:25,75 or none",
    )  # fmt: skip
    _states(parser)


def _states(parser: _Parser) -> None:
    parser.add_argument(
        "--states", default="all", metavar="WHICH",
        help="which runs count: all, or finished: without those that failed, were killed or run",
    )  # fmt: skip


def _output(parser: _Parser, *more: str, figure: bool = False) -> None:
    kinds = ("json", "csv", *more)
    suffixes = {f".{_SUFFIXES.get(kind, kind)}": kind for kind in kinds}
    if figure:
        suffixes |= dict.fromkeys((".pdf", ".svg", ".png"), FIGURE)
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help=f"write a file as its suffix says: {', '.join(sorted(suffixes))}",
    )  # fmt: skip
    group = parser.add_mutually_exclusive_group()
    for kind in kinds:
        group.add_argument(
            f"--{kind}", dest="kind", action="store_const", const=kind, help=f"write {_NAMES[kind]}"
        )
    parser.add_argument(
        "--for-spreadsheets", action="store_true",
        help="in CSV, set ' before texts that a spreadsheet would run as formulas (= + - @)",
    )  # fmt: skip
    parser.set_defaults(kind=None, suffixes=suffixes)


_SUFFIXES = {"latex": "tex", "markdown": "md"}
_NAMES = {"json": "JSON", "csv": "CSV", "latex": "LaTeX", "markdown": "Markdown"}


class _Entry(NamedTuple):
    help: str
    add_options: Callable[[_Parser], None]
    command: type[Command]


COMMANDS = {
    "list": _Entry(
        "A row for each run: its state, its keys that differ, its metrics", _list, ListCommand
    ),
    "diff": _Entry("What the configs of two runs or two sweeps differ in", _diff, DiffCommand),
    "export": _Entry("All logged rows, exactly", _export, ExportCommand),
    "table": _Entry(
        "A table of results: centre and band over the runs of each group", _table, TableCommand
    ),
    "plot": _Entry("A figure of curves, for a paper", _plot, PlotCommand),
    "importance": _Entry(
        "How much each key explains of what the runs came to", _importance, ImportanceCommand
    ),
    "improvement": _Entry(
        "Whether some runs are better than others, and how sure that is",
        _improvement,
        ImprovementCommand,
    ),
}
