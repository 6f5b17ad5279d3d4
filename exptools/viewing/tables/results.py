"""A table of results: for each group of runs centre and band of a summary of its runs."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from exptools.metrics import better as better_by_name
from exptools.viewing.api import Runs
from exptools.viewing.configs.values import short_names
from exptools.viewing.curves.aggregation import Method, method
from exptools.viewing.curves.cells import Cell, cell_of, summary_of
from exptools.viewing.curves.options import Choice, parse
from exptools.viewing.errors import QueryError
from exptools.viewing.frames import column, frame_of
from exptools.viewing.groups.grouping import Group, Key, find_keys, groups


@dataclass(frozen=True)
class Column:
    """What the cells below each other are of."""

    metric: str
    summary: str  # of each run: "last", "max", "mean:10", …
    better: str | None  # "max", "min"; None where nobody said and the name does not tell
    facet: tuple[Any, str] | None = None  # the value of the key across the columns, and its text


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

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know, in sentences."""
        unknown = dict.fromkeys(c.metric for c in self.columns if c.better is None)
        left_out = sum(cell.runs - cell.n for row in self.cells for cell in row if cell)
        notes = [
            f"Nothing is bold for {metric}: whether more or less of it is better is not known."
            for metric in unknown
        ]
        if left_out:
            notes.append(
                f"{left_out} results of runs are not in the numbers, where n says 4/5 for 4 of 5: "
                "the run has no such value, or it is NaN or infinite."
            )
        return tuple(notes)

    def frame(self) -> pl.DataFrame:
        """A row a cell: the keys, metric, summary, center, low, high, n, runs. Nothing is rounded.

        A cell without runs is left out; no band is NaN in low and high.
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
            parts.append(("result", name, pl.Series(cells, dtype=kind)))
        return frame_of(parts)


_FRAME: tuple[tuple[str, type, type[pl.DataType]], ...] = (
    ("metric", Column, pl.String),
    ("summary", Column, pl.String),
    *((name, Cell, pl.Float64) for name in ("center", "low", "high")),
    *((name, Cell, pl.Int64) for name in ("n", "runs")),
)


def results(
    runs: Runs,
    metrics: str | Sequence[str],
    by: str | Sequence[str],
    *,
    facet: str | None = None,
    summary: str = "last",
    center: str = "mean",
    band: str = "std",
    better: Mapping[str, str] | None = None,
) -> Results:
    """Centre and band over the runs of each group, of one number a run.

    A run whose number is NaN or infinite, as of one that diverged, is not in centre and band, but
    counted: see ``Cell.runs``.

    Args:
        runs: the runs.
        metrics: a column each.
        by: the keys to group by: a row for each of their settings.
        facet: a key across the columns, for example the task: a column for each of its values.
        summary: a run's number: as for ``Runs.table``, or ``best``.
        center: over runs, as for ``Runs.curves``.
        band: likewise.
        better: for metrics whose name does not tell it, ``max`` or ``min``.

    Raises:
        QueryError: something of this is not there; the message names the nearest.
    """
    if not len(runs):
        raise QueryError("there are no runs to make a table of")
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    keys = find_keys(runs, [by] if isinstance(by, str) else by)
    across = groups(runs, find_keys(runs, [facet])) if facet is not None else []
    how = method(center, band)
    columns = [_column(name, summary, dict(better or {})) for name in names]
    rows = groups(runs, keys)
    found = [_cells(runs, column_, rows, across, how) for column_ in columns]
    return Results(
        tuple(key.name for key in keys),
        facet,
        how.center,
        str(how.band),
        tuple(head for column_ in columns for head in _across(column_, across)),
        tuple(row.values for row in rows),
        tuple(_texts(keys, row) for row in rows),
        tuple(zip(*(cells for part in found for cells in part), strict=True)),
    )


def headings(table: Results) -> list[str]:
    """The columns' names as a person reads them, the keys' first."""
    names = short_names(table.by)
    metrics = {head.metric for head in table.columns}
    heads = []
    for head in table.columns:
        value = head.facet[1] if head.facet else ""
        heads.append(
            f"{head.metric}, {value}" if value and len(metrics) > 1 else value or head.metric
        )
    return [*(names[key] for key in table.by), *heads]


def _column(metric: str, summary: str, better: Mapping[str, str]) -> Column:
    if metric in better:
        parse(f"direction of {metric}", better[metric], {"max": Choice(), "min": Choice()})
    mode = better.get(metric) or better_by_name(metric)
    return Column(metric, summary_of(metric, summary, mode), mode)


def _across(head: Column, across: Sequence[Group]) -> list[Column]:
    return [replace(head, facet=(group.values[0], group.label)) for group in across] or [head]


def _texts(keys: Sequence[Key], row: Group) -> tuple[str, ...]:
    return tuple(key.show(value) for key, value in zip(keys, row.values, strict=True))


def _cells(
    runs: Runs, head: Column, rows: Sequence[Group], across: Sequence[Group], how: Method
) -> list[list[Cell | None]]:
    """The cells of a metric: a list for each column, from the first row to the last."""
    table = runs.table(head.metric, head.summary)
    values = dict(zip((run.name for run in runs), table.to_series(-1).to_list(), strict=True))
    members: Iterable[set[Hashable]] = [{run.name for run in group.runs} for group in across]
    columns = [
        [cell_of([run for run in row.runs if run.name in inside], values, how) for row in rows]
        for inside in (members or [set(values)])
    ]
    return [_marked(column_, head.better) for column_ in columns]


def _marked(cells: Sequence[Cell | None], mode: str | None) -> list[Cell | None]:
    """The same cells, the best of them marked; of equal ones all, of a single one none."""
    centers = [cell.center for cell in cells if cell and not math.isnan(cell.center)]
    if mode is None or len(cells) < 2 or not centers:
        return list(cells)
    best = max(centers) if mode == "max" else min(centers)
    return [cell and replace(cell, best=cell.center == best) for cell in cells]
