"""The metrics of many runs: read in bulk, as far as asked for, and only once.

What a run's columns are is remembered with the signatures of its files, in memory and, through
``DiskCache``, on disk. A file that has grown is read from where the last reading ended.

Whoever asks waits only for the runs that were asked for. The lock is held to look what is there,
never while a file is read; a run is read by one thread, and others that want it wait for that run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from exptools.gc_pause import collector_paused
from exptools.rundir import STEP, WALL_TIME
from exptools.viewing.metrics.columns import Columns, column_of, is_absent, read_only
from exptools.viewing.metrics.csv_bulk_reader import CsvPart, read_many, read_tail
from exptools.viewing.metrics.csv_reader import read_header, read_last_row
from exptools.viewing.metrics.disk_cache import DiskCache, Signatures, Table
from exptools.viewing.metrics.logged_rows import UNFINISHED, LoggedRows, step_column
from exptools.viewing.metrics.reading import SEPARATORS, read_logged_rows
from exptools.viewing.run import Fault, Run, Source
from exptools.viewing.signatures import file_signature

MEMORY = 2**30  # bytes of columns that are remembered; then all are forgotten
WORTH_BYTES, WORTH_RUNS = 2**20, 32  # less than both is not worth a pack: it is read in no time


Choose = Callable[[tuple[str, ...]], list[str]]  # which of a header's columns are wanted


class _Request(NamedTuple):
    """A run whose metrics are asked for, and its files as they are now."""

    source: Source
    directory: str
    separator: str | None  # None where it is no CSV
    signatures: Signatures

    @property
    def path(self) -> str:
        """The first file."""
        return self.source.files[0]


@dataclass
class _Remembered:
    table: Table
    part: CsvPart | None = None  # how far the file was read; None where it has to be read anew


class MetricStore:
    """Columns of runs, kept for the next session if there is a cache. Safe to use from threads."""

    def __init__(self, cache: DiskCache | None) -> None:
        self._cache = cache
        self._remembered: dict[str, _Remembered] = {}  # by run directory
        self._being_read: set[str] = set()  # run directories
        self._bytes = 0
        self._changed = threading.Condition()  # its lock guards the three above

    def columns(self, runs: Sequence[Run], names: Sequence[str]) -> dict[str, Columns]:
        """See ``Index.columns``."""
        with collector_paused():
            tables = self._tables(runs, names)
            return {run.name: _columns(tables.get(str(run.directory)), names) for run in runs}

    def tags(self, runs: Sequence[Run]) -> list[str]:
        """See ``Index.tags``."""
        others = [run for run in runs if run.sources and run.sources[0].kind not in SEPARATORS]
        tables = self._tables(others, [STEP])
        headers = dict.fromkeys(self._header(run, tables) for run in runs)
        tags = dict.fromkeys(name for header in headers for name in header)
        no_metrics = {STEP, WALL_TIME, "", *(step_column(header) for header in headers)}
        return [tag for tag in tags if tag not in no_metrics]

    def last(self, run: Run) -> Mapping[str, float]:
        """See ``Index.last``."""
        request = _request(run)
        if request is None:
            return {}
        if request.separator is None:
            table = self._tables([run], [STEP])[request.directory]
            cells = {name: column[-1:] for name, column in table.columns.items()}
            return {n: float(c[0]) for n, c in cells.items() if len(c) and not is_absent(c)[0]}
        header = self._header(run, {})
        last = read_last_row(request.path, header, request.separator)
        step = step_column(header)
        return last | {STEP: last[step]} if step in last else last

    def faults(self, run: Run) -> tuple[Fault, ...]:
        """What could not be read of a run's metrics when they were last read."""
        remembered = self._remembered.get(str(run.directory))
        return remembered.table.faults if remembered else ()

    def keep(self, directories: Iterable[str]) -> None:
        """Forget all but these run directories."""
        with self._changed:
            old = self._remembered
            self._remembered = {d: old[d] for d in directories if d in old}

    def _tables(self, runs: Sequence[Run], names: Sequence[str]) -> dict[str, Table]:
        """The runs' tables by directory, with the columns that are wanted and that they have."""
        wanted: Choose = partial(columns_in_file, names=names)
        waiting = {request.directory: request for request in map(_request, runs) if request}
        tables: dict[str, Table] = {}
        while waiting:
            mine = self._reserve(waiting)
            try:
                self._read([waiting.pop(directory) for directory in mine], wanted, tables)
            finally:
                self._release(directory for directory in mine if directory not in tables)
        return tables

    def _reserve(self, waiting: Mapping[str, _Request]) -> list[str]:
        """Those of the runs that no other thread reads just now, at least one, for this thread."""
        with self._changed:
            while not (mine := [d for d in waiting if d not in self._being_read]):
                self._changed.wait()
            self._being_read.update(mine)
            if self._bytes > MEMORY:
                self._remembered, self._bytes = {}, 0
                if self._cache:
                    self._cache.forget_loaded()
        return mine

    def _release(self, directories: Iterable[str]) -> None:
        with self._changed:
            self._being_read.difference_update(directories)
            self._changed.notify_all()

    def _read(self, requests: Sequence[_Request], wanted: Choose, tables: dict[str, Table]) -> None:
        """Put the tables of reserved runs into ``tables``, and release each as soon as it is."""

        def hand_over(request: _Request, table: Table) -> None:
            tables[request.directory] = table
            self._release([request.directory])

        missing: dict[str, _Request] = {}
        for request in requests:
            table = self._recall(request, wanted)
            if table is None:
                missing[request.path] = request
            else:
                hand_over(request, table)
        tabular = (
            (path, request.separator) for path, request in missing.items() if request.separator
        )
        others = [request for request in missing.values() if not request.separator]
        for path, part in read_many(tabular, wanted):
            if part is None:
                others.append(missing[path])
            else:
                hand_over(missing[path], self._take(missing[path], part))
        for request in sorted(others, key=_size):  # a small one need not wait for a large one
            table = _table(read_logged_rows(request.source), request.signatures)
            hand_over(request, self._remember(request.directory, table))
        self._keep_on_disk(list(missing.values()), tables)

    def _recall(self, request: _Request, wanted: Choose) -> Table | None:
        """A table from memory, the end of a grown file, or disk; None where it lacks a column."""
        remembered = self._remembered.get(request.directory)
        table = remembered.table if remembered else None
        if remembered and table and table.signatures != request.signatures:
            grown = remembered.part if not _lacking(table, wanted) else None
            part = grown and read_tail(grown, request.path)
            if part:
                return self._take(request, part)
            table = None
        if table and not _lacking(table, wanted):
            return table
        if self._cache is None:
            return None
        filled = self._cache.fill(request.directory, table, request.signatures, wanted)
        if filled is not None and table is None:
            self._remember(request.directory, filled)
        return None if filled is None or _lacking(filled, wanted) else filled

    def _take(self, request: _Request, part: CsvPart) -> Table:
        """Remember what was read of a CSV, beside the columns that are known of it."""
        faults: tuple[Fault, ...] = ()
        if part.torn:
            faults = (Fault(Path(request.path), part.rows + 2, UNFINISHED),)
        header = part.layout.names
        columns = dict(part.columns)
        table = Table(request.signatures, header, step_column(header), part.rows, faults, columns)
        remembered = self._remembered.get(request.directory)
        old = remembered.table if remembered else None
        if old and old.signatures == request.signatures and old.rows == part.rows:
            columns.update(old.columns)
            table.on_disk.update(old.on_disk)
        part.columns = columns
        return self._remember(request.directory, table, part)

    def _remember(self, directory: str, table: Table, part: CsvPart | None = None) -> Table:
        with self._changed:
            self._remembered[directory] = _Remembered(table, part)
            self._bytes += sum(column.nbytes for column in table.columns.values())
        return table

    def _keep_on_disk(self, requests: Sequence[_Request], tables: Mapping[str, Table]) -> None:
        settled = [
            request for request in requests if all(s and s.settled for s in request.signatures)
        ]
        enough = sum(map(_size, settled)) >= WORTH_BYTES or len(settled) >= WORTH_RUNS
        if self._cache and enough:
            self._cache.write(
                [(request.directory, tables[request.directory]) for request in settled]
            )

    def _header(self, run: Run, tables: Mapping[str, Table]) -> tuple[str, ...]:
        request = _request(run)
        if request is None:
            return ()
        if request.separator is None:
            return tables[request.directory].header
        remembered = self._remembered.get(request.directory)
        if remembered and remembered.table.signatures == request.signatures:
            return remembered.table.header
        return read_header(request.path, request.separator)


def _columns(table: Table | None, names: Sequence[str]) -> Columns:
    if table is None:
        return Columns()
    arrays = {name: read_only(table.columns[name]) for name in names if name in table.columns}
    if STEP in names:
        counted = table.columns.get(table.step_from or "")
        steps = np.arange(table.rows, dtype=np.float64) if counted is None else counted
        arrays[STEP] = read_only(steps)
    return Columns(MappingProxyType(arrays), table.rows, table.step_from)


def columns_in_file(header: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns of a file that columns ``names`` of its run are taken from."""
    there = frozenset(header)
    sources = (step_column(header) if name == STEP else name for name in names)
    return list(dict.fromkeys(name for name in sources if name and name in there))


def _request(run: Run) -> _Request | None:
    if not run.sources:
        return None
    source = run.sources[0]
    signatures = tuple(map(file_signature, source.files))
    return _Request(source, str(run.directory), SEPARATORS.get(source.kind), signatures)


def _size(request: _Request) -> int:
    return sum(signature.size for signature in request.signatures if signature)


def _lacking(table: Table, wanted: Choose) -> bool:
    return any(name not in table.columns for name in wanted(table.header))


def _table(rows: LoggedRows, signatures: Signatures) -> Table:
    """What the careful reader has read: all columns."""
    frame = rows.frame
    if rows.step_from != STEP:
        frame = frame.drop(STEP)  # it repeats another column, or counts rows
    columns = {series.name: column_of(series) for series in frame}
    header = tuple(columns)
    return Table(signatures, header, rows.step_from, frame.height, rows.faults, columns)
