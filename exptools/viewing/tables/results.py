"""A table of results: for each group of runs centre and band of a summary of its runs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from exptools.hints import suggestion
from exptools.rundir import STEP
from exptools.viewing.curves.averaged import averaged_keys, reason_for_spread
from exptools.viewing.curves.endings import ALL, counted, endings, left_out
from exptools.viewing.curves.remarks import remarks
from exptools.viewing.curves.statistics.aggregation import MEAN_AND_STD, Method, fitting
from exptools.viewing.curves.statistics.centers import bootstrap_of_few, few_runs, parse_band
from exptools.viewing.curves.statistics.options import one_name
from exptools.viewing.curves.summaries import (
    Cell,
    cell_of,
    direction,
    in_numbers,
    members_of,
    parse_summary,
    said_of_runs,
    summarize_runs,
    summary_said,
)
from exptools.viewing.errors import QueryError
from exptools.viewing.frames import column, frame_of, type_of
from exptools.viewing.groups.grouping import Group, Key, among, find_keys, groups
from exptools.viewing.groups.metric_names import find_metric, means_metric, nothing_yet
from exptools.viewing.index import Index
from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Run


@dataclass(frozen=True)
class ResultsQuery:
    """The table that is asked for; ``exptools.viewing.results.results`` tells more of each part."""

    metrics: tuple[str, ...]  # a column each
    by: tuple[str, ...]  # the keys whose settings are the rows
    facet: str | None = None  # the key whose values are columns
    summary: str = "last"  # of each run; also "best"
    method: Method = MEAN_AND_STD  # its centre and band, over runs
    better: Mapping[str, str] = field(default_factory=dict)  # "max" or "min" by metric
    states: str = ALL  # which runs count: "all", "finished"
    settings: tuple[str, ...] = ()  # keys: what of them is averaged is said


@dataclass(frozen=True)
class Column:
    """What the cells below each other are of."""

    metric: str
    summary: str  # of each run: "last", "max", "mean:10", …
    better: str | None  # "max", "min"; None where nobody said and the name does not tell
    facet: tuple[Any, str] | None = None  # the value of the key across the columns, and its text
    of_curves: bool = True  # and not a value that runs have one of


@dataclass(frozen=True)
class Results:
    """A table of results; ``export`` writes it."""

    by: tuple[str, ...]  # the keys grouped by
    facet: str | None  # the key across the columns
    center: str
    band: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]  # values of the keys; MISSING where runs lack it
    texts: tuple[tuple[str, ...], ...]  # the same as a person reads them
    cells: tuple[tuple[Cell | None, ...], ...]  # [rows][columns]; None where there is no run
    caveats: tuple[str, ...] = ()  # runs that did not finish, an interval of few, in sentences
    remarks: tuple[str, ...] = ()  # sentences on how the runs' numbers came about
    heads: tuple[str, ...] = ()  # the keys grouped by, by the shortest names that find them

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is to be said wherever the numbers are shown."""
        return (*self.caveats, *self.remarks, *_on_n(self))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know, in sentences."""
        unknown = dict.fromkeys(c.metric for c in self.columns if c.better is None)
        bold = "Nothing is bold for {}: whether more or less of it is better is not known."
        return (*self.sentences, *map(bold.format, unknown))

    @property
    def remark(self) -> str:
        """Of how few runs bootstrap intervals are; mostly nothing."""
        counts = (cell.n for row in self.cells for cell in row if cell)
        return bootstrap_of_few(parse_band(self.band), counts)

    def frame(self) -> pl.DataFrame:
        """A row a cell: the keys, and what is known of the runs in it.

        Behind the keys stand metric, summary, center, low, high, n, runs, early, going and pending.
        Nothing is rounded. A cell without runs is left out; no band is NaN in low and high.
        ``early`` counts the runs of n that failed, were killed or interrupted, or timed out,
        ``going`` those that are still running; ``pending`` the running or queued runs that have no
        number yet, so are not in n.
        """
        filled = [
            (values, head, cell)
            for values, cells in zip(self.rows, self.cells, strict=True)
            for head, cell in zip(self.columns, cells, strict=True)
            if cell is not None
        ]
        parts = [
            ("key", key, column(key, [values[at] for values, _, _ in filled]))
            for at, key in enumerate(self.by)
        ]
        if self.facet is not None:
            across = [head.facet[0] for _, head, _ in filled if head.facet]
            parts.append(("key", self.facet, column(self.facet, across)))
        for name, owner, kind in _FRAME:
            cells = [getattr(head if owner is Column else cell, name) for _, head, cell in filled]
            parts.append(("result", name, pl.Series(cells, dtype=type_of(kind))))
        return frame_of(parts)


_FRAME: tuple[tuple[str, type, type], ...] = (
    ("metric", Column, str),
    ("summary", Column, str),
    *((name, Cell, float) for name in ("center", "low", "high")),
    *((name, Cell, int) for name in ("n", "runs", "early", "going", "pending")),
)


def results_table(index: Index, runs: Sequence[Run], query: ResultsQuery) -> Results:
    """The table that is asked for, of these runs."""
    if not len(runs):
        raise QueryError("there are no runs to make a table of")
    runs, everyone = counted(runs, query.states), runs
    tags = index.every_metric(runs)
    names = list(dict.fromkeys(find_metric(tags, runs, name) for name in query.metrics))
    better = directions_of(names, query.better)
    every = index.snapshot.runs
    across = find_keys(runs, [query.facet] if query.facet is not None else [], every)
    taken = {key.whole for key in across}
    keys = [key for key in find_keys(runs, query.by, every) if key.whole not in taken]
    facets = groups(runs, across) if across else []
    metrics = [_column(tags, runs, name, query.summary, better) for name in names]
    rows = groups(runs, keys)
    shown = [among(key, [row.values[at] for row in rows]) for at, key in enumerate(keys)]
    parts = _parts(rows, facets)
    values = [
        summarize_runs(index, runs, head.metric, parse_summary(head.summary)) for head in metrics
    ]
    counts = {len(in_numbers(p, v)) for v in values for column in parts for p in column}
    method = fitting(query.method, counts)
    caveats = (
        *left_out(everyone, runs),
        *_endings(index, runs, metrics, values, parts),
        *few_runs(method.center, method.band, counts),
    )
    columns = [
        _mark_best([cell_of(part, of_runs, method) for part in column], head.better)
        for head, of_runs in zip(metrics, values, strict=True)
        for column in parts
    ]
    return Results(
        tuple(key.name for key in keys),
        query.facet,
        method.center,
        str(method.band),
        tuple(head for metric in metrics for head in _across(metric, across, facets)),
        tuple(row.values for row in rows),
        tuple(tuple(map(_shown, shown, row.values)) for row in rows),
        tuple(zip(*columns, strict=True)),
        caveats=(*filter(None, [nothing_yet(tags, runs)]), *caveats),
        remarks=(
            *(
                sentence
                for head in metrics
                for sentence in remarks(index, runs, head.metric, head.summary)
            ),
            *_averaged(find_keys(everyone, query.settings), [*keys, *across], parts, values[0]),
        ),
        heads=tuple(key.short for key in keys),
    )


def _averaged(
    settings: Sequence[Key],
    grouped: Sequence[Key],
    parts: Sequence[Sequence[Sequence[Run]]],
    values: Mapping[str, float | None],
) -> Iterator[str]:
    """The sentence that says what is averaged of the settings; none where nothing is."""
    taken = {key.whole for key in grouped}
    keys = [key for key in settings if key.whole not in taken]
    cells = [in_numbers(part, values) for column in parts for part in column]
    numbers = {name: value for name, value in values.items() if value is not None}
    yield from filter(
        None, [reason_for_spread(averaged_keys(cells, keys, numbers, {key.name for key in keys}))]
    )


def headings(table: Results) -> list[str]:
    """The columns' names as a person reads them, the keys' first."""
    metrics = {head.metric for head in table.columns}
    heads = []
    for head in table.columns:
        value = head.facet[1] if head.facet else ""
        heads.append(
            f"{head.metric}, {value}" if value and len(metrics) > 1 else value or head.metric
        )
    return [*(table.heads or table.by), *heads]


def _on_n(table: Results) -> Iterator[str]:
    """How to read the column n, where it says more than of how many runs a row is."""
    every = [cell for row in table.cells for cell in row if cell]
    short = [cell for cell in every if cell.n < cell.runs]
    pending = sum(cell.pending for cell in short)
    if short and pending < sum(cell.runs for cell in every):
        one = max(short, key=lambda cell: cell.n)
        yield (
            f"n is {one.n}/{one.runs} where {one.n} of {one.runs} runs are in the numbers. "
            f"Left out {_left_out(table)}."
        )
    if any(len({(c.n, c.runs, c.early, c.going) for c in row if c}) > 1 for row in table.cells):
        yield "Where n has several numbers, they are those of the columns from left to right."


def _left_out(table: Results) -> str:
    """Which runs are in no number, by metric: a run may lack several."""
    by_metric: dict[str, str] = {}
    for metric in dict.fromkeys(head.metric for head in table.columns):
        places = [at for at, head in enumerate(table.columns) if head.metric == metric]
        cells = [cell for row in table.cells for at in places if (cell := row[at])]
        by_metric[metric] = _why_left_out(cells)
    why = dict.fromkeys(by_metric.values())
    if len(why) == 1:
        which = "of each metric" if len(by_metric) > 1 else f"of {next(iter(by_metric))}"
        return f"{which}: {next(iter(why))}"
    return "; ".join(f"of {metric}: {why}" for metric, why in by_metric.items() if why)


def _why_left_out(cells: Sequence[Cell]) -> str:
    pending, missing = sum(cell.pending for cell in cells), sum(cell.missing for cell in cells)
    infinite = sum(cell.runs - cell.n for cell in cells) - pending - missing
    reasons = {"still to come": pending, "without a value": missing, "NaN or infinite": infinite}
    return ", ".join(f"{number} {why}" for why, number in reasons.items() if number)


def directions_of(metrics: Sequence[str], better: Mapping[str, str]) -> dict[str, str]:
    """Which is better, ``max`` or ``min``, by the whole names of metrics.

    Raises:
        QueryError: something is said of a metric that is not asked for.
    """
    if not isinstance(better, Mapping):
        raise QueryError(f'better says it by metric, as in {{"size": "min"}}, not {better!r}')
    directions = {}
    for given, mode in better.items():
        name = one_name("a metric of better", given)
        meant = [name] if name in metrics else [m for m in metrics if means_metric([m], name)]
        if len(meant) != 1:
            raise QueryError(f"better: {name!r} is not asked for; {suggestion(name, metrics)}")
        directions[meant[0]] = mode
    return directions


def _column(
    tags: Collection[str],
    runs: Sequence[Run],
    metric: str,
    summary: str,
    better: Mapping[str, str],
) -> Column:
    mode = direction(metric, better)
    # Of a run, and no curve's.
    if said_of_runs(tags, runs, metric) is not None:
        return Column(metric, "last", mode, of_curves=False)
    return Column(metric, summary_said(metric, summary, better), mode)


def _across(head: Column, across: Sequence[Key], facets: Sequence[Group]) -> list[Column]:
    """A column for each value across; what a word is of shows, and what a number is of does not."""
    columns = []
    for group in facets:
        (value,) = group.values
        text = group.label if isinstance(value, str) else f"{across[0].short}={group.label}"
        columns.append(replace(head, facet=(value, text)))
    return columns or [head]


def _shown(key: Key, value: Any) -> str:
    return key.show(value)


def _parts(rows: Sequence[Group], facets: Sequence[Group]) -> list[list[list[Run]]]:
    """The runs of each cell: a list for each column of a metric, from the first row to the last."""
    if not facets:
        return [[list(row.runs) for row in rows]]
    names = [{run.name for run in facet.runs} for facet in facets]
    return [[[run for run in row.runs if run.name in of] for row in rows] for of in names]


def _endings(
    index: Index,
    runs: Sequence[Run],
    metrics: Sequence[Column],
    values: Sequence[Mapping[str, float | None]],
    parts: Sequence[Sequence[Sequence[Run]]],
) -> tuple[str, ...]:
    """How many of the runs in the numbers did not finish, and where."""
    members = [
        members_of(index, runs, head.metric, of_runs)
        for head, of_runs in zip(metrics, values, strict=True)
    ]
    cells = [
        [of[run.name] for run in part if run.name in of]
        for of in members
        for column in parts
        for part in column
    ]
    return endings(cells, STEP, given=len(runs))


def _mark_best(cells: Sequence[Cell | None], mode: str | None) -> list[Cell | None]:
    """The same cells, the best of them marked; of equal ones all, in a table of one row none."""
    centers = [cell.center for cell in cells if cell and not math.isnan(cell.center)]
    if mode is None or len(cells) < 2 or not centers:
        return list(cells)
    best = max(centers) if mode == "max" else min(centers)
    return [cell and replace(cell, best=cell.center == best) for cell in cells]
