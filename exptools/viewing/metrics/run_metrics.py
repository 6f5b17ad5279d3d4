"""The metrics of runs, each of one source or of several.

Of a metric that several sources have, the values of the first count, never those of both: sources
stand in the order in which they are to be trusted. What only a later one has is added, in rows of
its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from exptools.gc_pause import collector_paused
from exptools.rundir import STEP, WALL_TIME
from exptools.viewing.metrics.columns import ABSENT, Columns, Values, is_absent, read_only
from exptools.viewing.metrics.disk_cache import Table
from exptools.viewing.metrics.logged_rows import step_column
from exptools.viewing.metrics.store import MetricStore
from exptools.viewing.metrics.usage import TIME, placed, usage_source
from exptools.viewing.run import USAGE, Fault, Run, Source, is_usage

_OF_ANY_ROW = (STEP, WALL_TIME)  # what the rows of all sources have in common


class RunMetrics:
    """Columns of runs. Safe to use from threads."""

    def __init__(self, store: MetricStore) -> None:
        self._store = store

    def columns(self, runs: Sequence[Run], names: Sequence[str]) -> dict[str, Columns]:
        """See ``Index.columns``."""
        with collector_paused():
            if any(map(is_usage, names)):
                sampled = [replace(r, sources=(*r.sources, usage_source(r))) for r in runs]
                return self._combined(sampled, [STEP, WALL_TIME, *names])
            plain = [run.sources[0] for run in runs if _is_plain(run)]
            combined = self._combined([run for run in runs if not _is_plain(run)], names)
            tables = self._store.tables(plain, names)
            return {
                run.name: _of_table(tables[run.sources[0].files[0]], names)
                if _is_plain(run)
                else combined[run.name]
                for run in runs
            }

    def runs_by_tag(self, runs: Sequence[Run]) -> dict[str, int]:
        """See ``Index.runs_by_tag``."""
        headers = self._store.headers([source for run in runs for source in run.sources])
        alike = Counter(
            tuple((source.prefix, headers[source.files[0]]) for source in run.sources)
            for run in runs
        )
        files = dict.fromkeys(file for each in alike for file in each)
        steps = {prefix + (step_column(header) or "") for prefix, header in files}
        numbers: dict[str, int] = {}
        for each, number in alike.items():
            names = (p + n for p, header in each for n in header if n and n not in _OF_ANY_ROW)
            for tag in dict.fromkeys(names):
                numbers[tag] = numbers.get(tag, 0) + number
        return {tag: n for tag, n in numbers.items() if tag not in steps}

    def last(self, run: Run, metric: str) -> float:
        """See ``Index.last``."""
        for source in run.sources:
            inside = _inside(source, metric)
            last = self._store.last(source, inside) if inside else math.nan
            if not math.isnan(last):
                return last
        return math.nan

    def has_faults(self) -> bool:
        """Whether anything that was read so far could not be read whole."""
        return self._store.has_faults

    def faults(self, run: Run) -> tuple[Fault, ...]:
        """What could not be read of a run's metrics when they were last read."""
        return tuple(fault for source in run.sources for fault in self._store.faults(source))

    def counted_by(self, run: Run, metric: str) -> tuple[str | None, ...]:
        """See ``Index.counted_by``."""
        for source in run.sources:
            inside = _inside(source, metric)
            counted = self._store.counted_by(source, inside) if inside is not None else ()
            if counted:
                return counted
        return ()

    def keep(self, runs: Iterable[Run]) -> None:
        """Forget all but these runs."""
        self._store.keep(
            source
            for run in runs
            for sources in (
                run.sources,
                *(attempt.sources for attempt in run.earlier),
                *([(usage_source(run),)] if run.status is not None else []),
            )
            for source in sources
        )

    def _combined(self, runs: Sequence[Run], names: Sequence[str]) -> dict[str, Columns]:
        """The columns of runs with several sources: a later one is read for what is lacking."""
        combined = {run.name: _Combined(names) for run in runs}
        for number in range(max((len(run.sources) for run in runs), default=0)):
            wanted: dict[str, dict[str, Source]] = {}
            lacking: dict[str, dict[str, None]] = {}
            for run in runs:
                source = run.sources[number] if number < len(run.sources) else None
                if source and (inside := combined[run.name].lacking(source)):
                    wanted.setdefault(source.prefix, {})[run.name] = source
                    lacking.setdefault(source.prefix, {}).update(dict.fromkeys(inside))
            of_rows = (STEP, WALL_TIME) if WALL_TIME in names else (STEP,)
            for prefix, sources in wanted.items():
                more = (TIME,) if prefix == USAGE else ()
                tables = self._store.tables(sources.values(), [*lacking[prefix], *of_rows, *more])
                for run_name, source in sources.items():
                    combined[run_name].add(source, tables[source.files[0]])
        return {name: each.columns() for name, each in combined.items()}


class _Combined:
    """Columns of one run that are taken from its sources, one after the other."""

    def __init__(self, names: Sequence[str]) -> None:
        self._metrics = [name for name in names if name not in _OF_ANY_ROW]
        self._of_rows = [name for name in names if name in _OF_ANY_ROW]
        self._tables: list[Table] = []
        # By name: which table has it, and its column there.
        self._found: dict[str, tuple[int, Values]] = {}
        self._empty: dict[str, tuple[int, Values]] = {}  # without a value in any row

    def lacking(self, source: Source) -> list[str]:
        """The columns that a source may have of those that no earlier one has."""
        metrics = (_inside(source, name) for name in self._metrics if name not in self._found)
        return [
            *(name for name in metrics if name is not None),
            *(name for name in self._of_rows if name not in self._found),
        ]

    def add(self, source: Source, table: Table) -> None:
        """Take from a source what earlier ones do not have."""
        if source.prefix == USAGE and TIME in table.columns:
            table = placed(table, *self._rows_so_far())
        number = len(self._tables)
        self._tables.append(table)
        for name in self._metrics:
            inside = _inside(source, name)
            column = table.columns.get(inside) if inside else None
            if column is not None and name not in self._found:
                found = self._empty if is_absent(column).all() else self._found
                found.setdefault(name, (number, column))
        for name in self._of_rows:
            column = _column(table, name)
            if column is not None and len(column):
                self._found.setdefault(name, (number, column))

    def columns(self) -> Columns:
        """All of them, in the rows of the sources that have them; the first one's always."""
        found = self._empty | self._found
        first = [at for at, table in enumerate(self._tables) if table.rows][:1]
        used = sorted({*first, *(found[name][0] for name in self._metrics if name in found)})
        tables = [self._tables[number] for number in used]
        begins, rows = {}, 0
        for number, table in zip(used, tables, strict=True):
            begins[number] = rows
            rows += table.rows
        arrays = {}
        if STEP in self._of_rows and self._tables:
            arrays[STEP] = np.concatenate([np.empty(0), *map(_steps, tables)])
        if WALL_TIME in found:
            arrays[WALL_TIME] = np.concatenate([self._clock(table) for table in tables])
        for name in filter(found.__contains__, self._metrics):
            number, column = found[name]
            arrays[name] = np.full(rows, ABSENT)
            arrays[name][begins[number] : begins[number] + len(column)] = column
        arrays = {name: read_only(array) for name, array in arrays.items()}
        return Columns(MappingProxyType(arrays), rows, tables[0].step_from if tables else None)

    def _rows_so_far(self) -> tuple[Values, Values]:
        """When each row was logged, and its step, of the sources that say when."""
        timed = [table for table in self._tables if WALL_TIME in table.columns]
        clocks = (table.columns[WALL_TIME] for table in timed)
        return (
            np.concatenate([np.empty(0), *clocks]),
            np.concatenate([np.empty(0), *map(_steps, timed)]),
        )

    def _clock(self, table: Table) -> Values:
        """The wall time of a source's rows; where it has none, another source's at each step."""
        clock = table.columns.get(WALL_TIME)
        if clock is not None:
            return clock
        number, clock = self._found[WALL_TIME]
        steps, first = np.unique(_steps(self._tables[number]), return_index=True)
        places = np.searchsorted(steps, wanted := _steps(table)).clip(max=len(steps) - 1)
        return np.where(steps[places] == wanted, clock[first[places]], ABSENT)


def _is_plain(run: Run) -> bool:
    """Whether a run has one source, whose columns are the run's as they are."""
    return len(run.sources) == 1 and not run.sources[0].prefix


def _inside(source: Source, name: str) -> str | None:
    """What a column of the run is called in a source; None where it cannot have it."""
    if name in _OF_ANY_ROW:
        return name
    return name[len(source.prefix) :] if name.startswith(source.prefix) else None


def _of_table(table: Table, names: Sequence[str]) -> Columns:
    columns = ((name, _column(table, name)) for name in names)
    arrays = {name: read_only(column) for name, column in columns if column is not None}
    return Columns(MappingProxyType(arrays), table.rows, table.step_from)


def _column(table: Table, name: str) -> Values | None:
    """A column by its name in the run: ``"step"`` counts the rows, whatever the file calls it."""
    return _steps(table) if name == STEP else table.columns.get(name)


def _steps(table: Table) -> Values:
    counted = table.columns.get(table.step_from or "")
    return np.arange(table.rows, dtype=np.float64) if counted is None else counted
