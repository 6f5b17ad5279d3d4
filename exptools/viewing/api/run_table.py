"""Frames of runs: a row a run, with its keys and a number of each metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from exptools.rundir import STEP
from exptools.viewing.curves.remarks import remarks_on
from exptools.viewing.curves.summaries import (
    BEST,
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
) -> pl.DataFrame:
    """What ``Runs.table`` says of these keys of the configs, metrics and summaries."""
    columns = [("run", run_key(name)) for name in ("name", "sweep", "state")]
    columns += [("config", config_key(name)) for name in keys]
    cells = [(of, key.name, [key.value(run) for run in runs]) for of, key in columns]
    parts = [(of, name, column(name, values)) for of, name, values in cells]
    return frame_of([*parts, *_values(index, runs, names, summary, better)])


def _values(
    index: Index,
    runs: Sequence[Run],
    names: Sequence[str],
    summary: str,
    better: Mapping[str, str],
) -> Iterable[_Part]:
    """What the summaries and the metrics that are asked for say of each run."""
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
            yield "metric", name, pl.Series(name, numbers, dtype=pl.Float64)
        else:
            own = name.removeprefix(SUMMARY)
            own = own if own not in tags else name
            yield "summary", own, column(own, values)


def summary_remarks(
    index: Index, runs: Sequence[Run], names: Sequence[str], summary: str
) -> Iterator[str]:
    """What to know of the numbers of metrics: values between two steps, repeated steps."""
    if summary == BEST:
        return
    tags = dict.fromkeys(index.every_metric(runs))
    found = dict.fromkeys(find_metric(tags, runs, name) for name in names)
    metrics = [metric for metric in found if metric in tags]
    wanted = parse_summary(summary)
    columns = index.columns(runs, [STEP, *metrics])
    for metric in metrics:
        yield from remarks_on(metric, wanted, (columns[run.name].series(metric) for run in runs))


def difference_table(differences: Iterable[Difference]) -> pl.DataFrame:
    """A row a key: key, left, right, the values as texts."""
    cells = [(difference.key, *difference.texts) for difference in differences]
    return pl.DataFrame(cells, dict.fromkeys(("key", "left", "right"), pl.String), orient="row")
