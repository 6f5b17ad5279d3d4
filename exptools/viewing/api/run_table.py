"""Frames of runs: a row a run, with its keys and a number of each metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from exptools.rundir import STEP
from exptools.viewing.curves.remarks import remarks_on
from exptools.viewing.curves.summaries import (
    number_of,
    parse_summary,
    said_of_runs,
    summary_of,
    summary_said,
)
from exptools.viewing.frames import column, frame_of
from exptools.viewing.groups.differences import Difference
from exptools.viewing.groups.grouping import config_key, run_key
from exptools.viewing.groups.metric_names import find_metric
from exptools.viewing.groups.names import SUMMARY
from exptools.viewing.index import Index
from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Run
from exptools.viewing.tables.results import directions_of

_Part = tuple[str, str, "pl.Series"]  # what it is, its name, its values


def run_table(
    index: Index,
    runs: Sequence[Run],
    keys: Sequence[str],
    names: Sequence[str],
    summary: str,
    better: Mapping[str, str],
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """What ``Runs.table`` says of these keys, metrics and summaries; and what to know of that."""
    columns = [("run", run_key(name)) for name in ("name", "sweep", "state")]
    columns += [("config", config_key(name)) for name in keys]
    cells = [(of, key.name, [key.value(run) for run in runs]) for of, key in columns]
    parts = [(of, name, column(name, values)) for of, name, values in cells]
    remarks: dict[str, None] = {}
    table = frame_of([*parts, *_values(index, runs, names, summary, better, remarks)])
    return table, tuple(remarks)


def _values(
    index: Index,
    runs: Sequence[Run],
    names: Sequence[str],
    summary: str,
    better: Mapping[str, str],
    remarks: dict[str, None],
) -> Iterable[_Part]:
    """What the summaries and the metrics that are asked for say of each run.

    ``remarks`` gets the sentences on values between two steps, and on repeated steps.
    """
    summary_of("", summary, "max")  # whether there is such a summary, also where no metric asks
    tags = dict.fromkeys(index.every_metric(runs))
    found = {name: find_metric(tags, runs, name) for name in names}
    directions = directions_of(list(found.values()), better)
    said = {name: said_of_runs(tags, runs, metric) for name, metric in found.items()}
    metrics = {metric for name, metric in found.items() if said[name] is None}
    each = {name: parse_summary(summary_said(name, summary, directions)) for name in metrics}
    columns = index.columns(runs, [STEP, *metrics])
    for name, values in said.items():
        metric = found[name]
        if values is None:
            series = [columns[run.name].series(metric) for run in runs]
            numbers = [number_of(x, y, each[metric]) for x, y in series]
            remarks.update(dict.fromkeys(remarks_on(metric, each[metric], series)))
            yield "metric", name, pl.Series(name, numbers, dtype=pl.Float64)
        else:
            own = name.removeprefix(SUMMARY)
            own = own if own not in tags else name
            yield "summary", own, column(own, values)


def difference_table(differences: Iterable[Difference]) -> pl.DataFrame:
    """A row a key: key, left, right, the values as texts."""
    cells = [(difference.key, *difference.texts) for difference in differences]
    return pl.DataFrame(cells, dict.fromkeys(("key", "left", "right"), pl.String), orient="row")
