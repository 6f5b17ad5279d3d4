"""What each command does."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from exptools.metrics import default_metric
from exptools.viewing.api import Runs, load
from exptools.viewing.cli.output import json_text, kind_of, say, show, write, write_frame
from exptools.viewing.cli.roots import chosen_roots, no_runs
from exptools.viewing.configs.values import short_names
from exptools.viewing.curves.cells import summary_of
from exptools.viewing.errors import NothingError
from exptools.viewing.frames import column, frame_of, text_column
from exptools.viewing.groups import differences
from exptools.viewing.groups.differences import SweepComparison
from exptools.viewing.groups.grouping import Key, find_keys, known_keys, own_name
from exptools.viewing.readers.formats import MARKERS
from exptools.viewing.tables import export
from exptools.viewing.tables.results import results

_DIFFERENCE = ("key", "left", "right")
MOST_FAULTS = 3  # that are told one by one


def list_runs(options: Namespace) -> None:
    """A row for each run."""
    kind, runs = kind_of(options), find_runs(options, options.roots)
    metrics = metrics_of(options, runs) if options.metric or runs.metrics else []
    keys = find_keys(runs, options.by or [])
    if kind:
        write_frame(_listing(runs, keys, metrics, options), options, kind)
    else:
        _show_runs(runs, keys or find_keys(runs, list(runs.together)), metrics, options)
    tell_faults(options, runs)


def diff_runs(options: Namespace) -> None:
    """What two runs, or two sweeps, differ in."""
    kind = kind_of(options)
    left, right = (find_runs(options, [root]) for root in (options.left, options.right))
    if len(left) == len(right) == 1:
        found = tuple(differences.diff(left[0], right[0]))
        compared = SweepComparison(found, (), ((left[0], right[0]),), (), ())
    else:
        compared = differences.compare(left, right)
    cells = [(difference.key, *difference.texts) for difference in compared.differences]
    if kind == "json":
        write([json_text(_document(compared, cells)), b"\n"], options)
    elif kind:
        texts = {name: [cell[at] for cell in cells] for at, name in enumerate(_DIFFERENCE)}
        write_frame(pl.DataFrame([text_column(*item) for item in texts.items()]), options, kind)
    else:
        show(["", str(options.left), str(options.right)], cells)
        print("\n".join(_matches(compared, len(left), len(right))))
    tell_faults(options, left, right)


def export_rows(options: Namespace) -> None:
    """All logged rows; CSV where nothing else is said."""
    kind, runs = kind_of(options) or "csv", find_runs(options, options.roots)
    rows = export.logged(runs, options.metric, options.by or (), long=not options.wide)
    write_frame(rows, options, kind)
    tell_faults(options, runs)


def make_table(options: Namespace) -> None:
    """A table of results."""
    kind, runs = kind_of(options), find_runs(options, options.roots)
    table = results(
        runs,
        metrics_of(options, runs),
        keys_of(options, runs),
        facet=options.facet,
        summary=options.summary,
        center=options.center,
        band=options.band,
        better={**dict.fromkeys(options.min, "min"), **dict.fromkeys(options.max, "max")},
    )
    if kind in ("latex", "markdown"):
        text = export.latex(table) if kind == "latex" else export.markdown(table)
        write([text.encode()], options)
    elif kind:
        write_frame(table.frame(), options, kind)
    else:
        heads, rows = export.readable(table)
        show(heads, rows, numbers=len(heads) - len(table.by))
    say(options, table.notes)
    tell_faults(options, runs)


def find_runs(options: Namespace, given: Sequence[Path]) -> Runs:
    """The runs that were asked for.

    Raises:
        NothingError: there is none.
    """
    roots = chosen_roots(given)
    runs = load(*roots)
    if not len(runs):
        tell_faults(options, runs)
        raise NothingError(no_runs(roots, MARKERS))
    if options.where:
        runs = runs.where(options.where)
        if not len(runs):
            raise NothingError(f"there is no run such that {options.where}")
    return runs


def metrics_of(options: Namespace, runs: Runs) -> list[str]:
    """The metrics that were asked for, or the one that tells how good a run is."""
    if options.metric:
        return [*dict.fromkeys(options.metric)]
    metric = default_metric(runs.metrics)
    if metric is None:
        raise NothingError("the runs have logged nothing yet")
    return [metric]


def keys_of(options: Namespace, runs: Runs) -> list[str]:
    """The keys to group by, without the facet: as asked for, or so that only the seed is averaged.

    Where nothing but the seed differs, all runs are one group; an empty ``--by`` says the same.
    """
    if options.by is not None:
        keys = [key for key in options.by if key]
    else:
        keys = [*runs.facets]
        if not keys and runs.seed_key not in runs.varying:
            keys = [own_name("name", known_keys(runs))]
    return [key for key in dict.fromkeys(keys) if key != options.facet]


def tell_faults(options: Namespace, *collections: Runs) -> None:
    """Say what could not be read."""
    faults = [fault for runs in collections for fault in runs.faults]
    say(options, map(str, faults[:MOST_FAULTS]))
    if len(faults) > MOST_FAULTS:
        say(options, [f"{len(faults) - MOST_FAULTS} more faults of this kind or another"])


def _listing(
    runs: Runs, keys: Sequence[Key], metrics: Sequence[str], options: Namespace
) -> pl.DataFrame:
    """Name, sweep, state, keys and metrics of each run; of the keys by default all that vary."""
    table = runs.table([])
    values = [("run", name, table[name]) for name in islice(table.columns, 3)]
    if options.by:
        cells = [(key.name, [key.value(run) for run in runs]) for key in keys]
        values += [("config", name, column(name, found)) for name, found in cells]
    else:
        values += [("config", name, table[name]) for name in islice(table.columns, 3, None)]
    values += [("metric", name, _summaries(runs, name, options)) for name in metrics]
    return frame_of(values)


def _summaries(runs: Runs, metric: str, options: Namespace) -> pl.Series:
    return runs.table(metric, summary_of(metric, options.summary)).to_series(-1)


def _show_runs(runs: Runs, keys: Sequence[Key], metrics: Sequence[str], options: Namespace) -> None:
    columns = [find_keys(runs, ["run.name", "run.state"]), keys]
    texts = [[key.show(key.value(run)) for run in runs] for part in columns for key in part]
    for metric in metrics:
        found = _summaries(runs, metric, options)
        texts.append(["—" if value is None else f"{value:.4g}" for value in found])
    names = short_names([key.name for key in keys])
    heads = ["run", "state", *(names[key.name] for key in keys), *metrics]
    show(heads, zip(*texts, strict=True), numbers=len(metrics))
    if not options.by:
        spoken = [(key, others) for key, others in runs.together.items() if others]
        say(options, [f"with {key} vary {', '.join(others)}" for key, others in spoken])


def _document(compared: SweepComparison, cells: Sequence[Sequence[str]]) -> dict[str, object]:
    return {
        "differences": [dict(zip(_DIFFERENCE, cell, strict=True)) for cell in cells],
        "matched_by": compared.matched_by,
        "matched": [[str(one.directory), str(other.directory)] for one, other in compared.matched],
        "only_left": [str(run.directory) for run in compared.only_left],
        "only_right": [str(run.directory) for run in compared.only_right],
    }


def _matches(compared: SweepComparison, left: int, right: int) -> list[str]:
    if left == right == 1:
        number = len(compared.differences)
        return [f"{number} key{'s' if number != 1 else ''} differ{'s' if number == 1 else ''}"]
    keys = f" by {', '.join(compared.matched_by)}" if compared.matched_by else ""
    lines = [f"{len(compared.matched)} runs of {left} and of {right} match{keys}"]
    for side, alone in (("left", compared.only_left), ("right", compared.only_right)):
        lines += [f"only {side}: {', '.join(run.name for run in alone)}"] if alone else []
    return lines
