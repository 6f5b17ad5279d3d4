"""What each command does."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from exptools.viewing.api.loading import load
from exptools.viewing.api.run_table import run_table
from exptools.viewing.api.runs import Runs
from exptools.viewing.cli.commands import (
    FIGURE,
    Command,
    ExportCommand,
    ListCommand,
    Output,
    PlotCommand,
    TableCommand,
)
from exptools.viewing.cli.output import say, show, write, write_frame, writing
from exptools.viewing.cli.roots import chosen_roots
from exptools.viewing.cli.sorting import sorted_runs
from exptools.viewing.configs.values import display
from exptools.viewing.curves.averaged import with_reason
from exptools.viewing.curves.baseline import Against, parse_difference
from exptools.viewing.curves.curve_data import CurveData, points
from exptools.viewing.curves.query import CurveQuery, curve_sets
from exptools.viewing.curves.remarks import remarks
from exptools.viewing.curves.selection import keys_in_condition
from exptools.viewing.curves.statistics.aggregation import parse_method
from exptools.viewing.curves.summaries import summary_of
from exptools.viewing.errors import NothingError, UsageError
from exptools.viewing.frames import column, frame_of
from exptools.viewing.groups.grouping import Key, find_keys, run_key
from exptools.viewing.groups.metric_names import find_metric, nothing_yet
from exptools.viewing.groups.names import RUN, SUMMARY, config_name
from exptools.viewing.lazy_polars import pl
from exptools.viewing.readers.unread import (
    beside_configs,
    earlier_attempts,
    instead_of_metrics,
    no_runs,
)
from exptools.viewing.run_files.user_marks import UserMarks
from exptools.viewing.tables import export
from exptools.viewing.tables.results import ResultsQuery, results_table
from exptools.viewing.wording import shortened
from exptools.visible import visible_lines

MOST_KEYS = 12  # in a table for people, of those that differ
MOST_FAULTS = 3  # that are told one by one


def list_runs(command: ListCommand) -> None:
    """A row for each run."""
    runs, asked = _found(command.roots, command)
    runs = sorted_runs(runs, command.sort, command.summary)
    names = _listed(command.metrics, runs)
    columns = _values(runs, names, command.summary)
    every = runs.origin.snapshot.runs
    keys = find_keys(runs, command.by or [], every)
    if command.output.kind:
        write_frame(_listing(runs, keys, columns), command.output)
    else:
        usual = _usual_keys(runs)
        shown = keys or _each_once(find_keys(runs, [*asked, *usual], every), names)
        _show_runs(runs, shown, columns)
        if not keys:
            say(command.output, _what_varies(runs, usual))
    say(command.output, _remarks(runs, names, command.summary))
    say(command.output, filter(None, [earlier_attempts(runs), beside_configs(runs)]))
    tell_faults(command.output, runs)


def export_rows(command: ExportCommand) -> None:
    """All logged rows; CSV where nothing else is said."""
    runs = find_runs(command.roots, command)
    metrics, long = command.metrics or None, not command.wide
    if metrics is None and not runs.metrics:
        raise _nothing_logged(runs)
    rows = export.logged(runs.origin, runs, metrics, command.by or (), long=long)
    write_frame(rows, command.output)
    tell_faults(command.output, runs)


def make_table(command: TableCommand) -> None:
    """A table of results."""
    output, runs = command.output, find_runs(command.roots, command)
    query = ResultsQuery(
        tuple(_metrics_of(command.metrics, runs)),
        tuple(_keys_of(command.by, command.facet, runs)),
        command.facet,
        command.summary,
        parse_method(command.center, command.band),
        dict(command.better),
        command.states,
        runs.settings,
    )
    table = results_table(runs.origin, runs, query)
    if output.kind in ("latex", "markdown"):
        text = export.latex(table) if output.kind == "latex" else export.markdown(table)
        write([text.encode()], output)
    elif output.kind:
        write_frame(table.frame(), output)
    else:
        heads, rows = export.readable(table)
        show(heads, rows, numbers=len(heads) - len(table.by))
    say(output, table.notes)
    tell_faults(output, runs)


def plot(command: PlotCommand) -> None:
    """A figure, or the numbers in it."""
    output = command.output
    if output.kind is None:
        raise UsageError(
            "say where to, as in --out curves.pdf; --csv and --json print the figure's numbers"
        )
    runs = find_runs(command.roots, command)
    curves = curve_sets(runs.origin, runs, _queries(command, runs))
    curves = with_reason(runs.origin, runs, curves, runs.settings)
    told: tuple[str, ...] = ()
    if output.kind == FIGURE and output.path is not None:
        _draw(command, curves, output.path)
        told = tuple(sentence for part in curves for sentence in part.caveats)
    else:
        write_frame(points(curves), output)
    notes = dict.fromkeys(note for part in curves for note in part.notes)
    say(output, (note for note in notes if note not in told))
    tell_faults(output, runs)


def find_runs(given: Sequence[Path], command: Command) -> Runs:
    """The runs below the given directories that fulfil the command's condition."""
    return _found(given, command)[0]


def _found(given: Sequence[Path], command: Command) -> tuple[Runs, list[str]]:
    """The same, and the keys that the condition asks for."""
    roots = chosen_roots(given)
    with warnings.catch_warnings():  # what is said of no runs is an error here
        warnings.simplefilter("ignore")
        runs = load(*roots, show_secrets=command.show_secrets)
    if not len(runs):
        tell_faults(command.output, runs)
        raise NothingError(no_runs(roots, runs.origin.secrets))
    _tell_hidden(command, runs)
    if not command.where:
        return runs, []
    chosen = runs.where(command.where)
    if not len(chosen):
        raise NothingError(f"there is no run such that {shortened(command.where)}")
    return chosen, keys_in_condition(runs.origin, runs, command.where)


def _tell_hidden(command: Command, runs: Runs) -> None:
    """Say that runs which are hidden in the app count here."""
    if "hidden" in (command.where or ""):
        return
    marks = UserMarks()
    number = sum(mark.hidden for mark in marks.of(list(runs)).values())
    if number:
        are = "run that is" if number == 1 else "runs that are"
        hint = "--where 'not run.hidden' leaves them out"
        say(command.output, [f"{number} {are} hidden in the app count here; {hint}"])


def _each_once(keys: Sequence[Key], others: Sequence[str]) -> list[Key]:
    """The keys, each once; not those that stand in each row anyway, with what else is listed."""
    every = {key.whole: key for key in keys}
    there = {"name", "state", *others}
    return [key for whole, key in every.items() if whole.removeprefix(RUN) not in there]


def _metrics_of(given: Sequence[str], runs: Runs) -> list[str]:
    """The metrics that were asked for, or the one that tells how good a run is."""
    every = runs.origin.every_metric(list(runs))
    names = [*dict.fromkeys(find_metric(every, runs, name) for name in given)]
    if names and not (nothing_yet(every, runs) and set(names) - set(every)):
        return names
    if runs.default_metric is None or names:
        raise _nothing_logged(runs)
    return [runs.default_metric]


def _nothing_logged(runs: Runs) -> NothingError:
    going = nothing_yet((), runs).rstrip(".")
    if going:
        return NothingError(f"{going[:1].lower()}{going[1:]}")
    unread = instead_of_metrics([*runs], runs.origin.secrets)
    return NothingError(f"the runs have logged nothing yet{f'; {unread}' if unread else ''}")


def _listed(given: Sequence[str], runs: Runs) -> list[str]:
    """What to list of each run: what was asked for, or its summary and the most telling metric."""
    if given:
        every = runs.origin.every_metric(list(runs))
        return [find_metric(every, runs, name) for name in given]
    if not (runs.metrics or runs.summaries):
        return []
    said = [f"{SUMMARY}{name}" for name in runs.summaries]
    return [*said, *(_metrics_of((), runs) if runs.metrics else [])]


def _values(runs: Runs, names: Sequence[str], summary: str) -> list[pl.Series]:
    """A value a run, of metrics and summaries."""
    asked = list(dict.fromkeys(names))
    table, _ = run_table(runs.origin, runs, (), asked, summary, {})
    columns = table.get_columns()[-len(asked) :] if asked else []
    by_name = dict(zip(asked, columns, strict=True))
    return [by_name[name] for name in names]


def _remarks(runs: Runs, names: Sequence[str], summary: str) -> Iterator[str]:
    """What to know of the metrics' numbers."""
    metrics = set(runs.metrics)
    for name in (name for name in dict.fromkeys(names) if name in metrics):
        yield from remarks(runs.origin, runs, name, summary_of(name, summary))


def _keys_of(given: Sequence[str] | None, facet: str | None, runs: Runs) -> list[str]:
    """The keys to group by, without the facet: as asked for, or so that only the seed is averaged.

    An empty ``--by`` has all runs in one group.
    """
    keys = runs.default_by if given is None else [key for key in given if key]
    every = runs.origin.snapshot.runs
    names = {key.whole: key.name for key in reversed(find_keys(runs, keys, every))}
    across = {key.whole for key in find_keys(runs, [facet] if facet else [], every)}
    return [name for whole, name in reversed(names.items()) if whole not in across]


def tell_faults(output: Output, *collections: Runs) -> None:
    """Say what could not be read."""
    faults = [fault for runs in collections for fault in runs.faults]
    say(output, map(str, faults[:MOST_FAULTS]))
    if more := len(faults[MOST_FAULTS:]):
        say(output, [f"{more} more fault{'s' if more > 1 else ''} of this kind or another"])


def _listing(runs: Runs, keys: Sequence[Key], columns: Sequence[pl.Series]) -> pl.DataFrame:
    """Name, sweep, state, keys and values of each run; of the keys by default all that vary."""
    table = runs.table([])
    values = [("run", name, table[name]) for name in islice(table.columns, 3)]
    if keys:
        cells = [(key.name, [key.value(run) for run in runs]) for key in keys]
        values += [("config", name, column(name, of_runs)) for name, of_runs in cells]
    else:
        values += [("config", name, table[name]) for name in islice(table.columns, 3, None)]
    values += [("metric", column.name, column) for column in columns]
    return frame_of(values)


def _usual_keys(runs: Runs) -> list[str]:
    """The keys to show of each run: those that differ, and of many the most telling."""
    keys = [config_name(key) for key in runs.together]
    if len(keys) <= MOST_KEYS:
        return keys
    telling = dict.fromkeys(key for key in [*runs.facets, *keys] if key in {*keys})
    kept = set(list(telling)[:MOST_KEYS])
    return [key for key in keys if key in kept]


def _what_varies(runs: Runs, shown: Sequence[str]) -> Iterator[str]:
    """Which keys differ that are not shown."""
    for key, others in runs.together.items():
        if others and config_name(key) in shown:
            named, more = [*map(shortened, others[:MOST_KEYS])], len(others) - MOST_KEYS
            named += [f"{more} more keys"] * (more > 0)
            subject = " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
            change = "changes" if len(others) == 1 else "change"
            yield f"{subject} {change} whenever {shortened(key)} does"
    left_out = len(runs.together) - len(shown)
    if left_out:
        yield f"{left_out} more keys differ: --by shows the ones you name, --csv and --json all"


def _show_runs(runs: Runs, keys: Sequence[Key], columns: Sequence[pl.Series]) -> None:
    shown = [run_key("name"), run_key("state"), *keys]
    texts = [[key.show(key.value(run)) for run in runs] for key in shown]
    texts += [list(map(_text, values)) for values in columns]
    heads = ["run", "state", *(key.short for key in keys), *(c.name for c in columns)]
    show(heads, zip(*texts, strict=True), numbers=len(columns))


def _text(value: Any) -> str:
    """A value of a run as a person reads it."""
    if value is None:
        return "—"
    if isinstance(value, str):  # as it is, also where numbers among texts have made it one
        return value
    return f"{value:.4g}" if isinstance(value, float) else display(value)


def _queries(command: PlotCommand, runs: Runs) -> list[CurveQuery]:
    facet = (command.facet,) if command.facet else ()
    by = (*facet, *_keys_of(command.by, command.facet, runs))
    method = parse_method(command.center, command.band, command.smooth)
    metrics = _metrics_of(command.metrics, runs)
    percent = parse_difference(command.difference)
    against = Against(command.baseline, percent) if command.baseline else None
    return [
        CurveQuery(name, by, command.x, method, states=command.states, against=against)
        for name in metrics
    ]


def _draw(command: PlotCommand, curves: Sequence[CurveData], path: Path) -> None:
    from exptools.viewing import paper

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        drawn = paper.figure(
            curves,
            facet=command.facet,
            size=command.size,
            together=command.together,
            references=command.lines,
            labels=dict(command.labels),
            colors=dict(command.colors),
        )
        with writing(path):
            paper.save(drawn, path)
    print(visible_lines(f"{path}: {paper.caption(curves)}"))
    say(command.output, dict.fromkeys(str(warning.message) for warning in caught))
