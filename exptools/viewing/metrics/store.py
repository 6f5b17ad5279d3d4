"""The metrics of many runs: read in bulk, as far as asked for, and only once.

What a run's columns are is remembered with the signatures of its files, in memory and, through
``DiskCache``, on disk. A file that has grown is read from where the last reading ended.

Whoever asks waits only for the runs that were asked for. The lock is held to look what is there,
never while a file is read; a run is read by one thread, and others that want it wait for that run.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from exptools.gc_pause import collector_paused
from exptools.rundir import STEP, WALL_TIME, open_without_waiting
from exptools.viewing.metrics.columns import Columns, column_of, is_absent, read_only
from exptools.viewing.metrics.csv_bulk_reader import CsvPart, read_many, read_tail
from exptools.viewing.metrics.csv_reader import header_names, number
from exptools.viewing.metrics.disk_cache import DiskCache, Signatures, Table
from exptools.viewing.metrics.logged_rows import UNFINISHED, LoggedRows, step_column
from exptools.viewing.metrics.reading import SEPARATORS, read_logged_rows
from exptools.viewing.run import Fault, Run, Source
from exptools.viewing.signatures import file_signature

MEMORY = 2**30  # bytes of columns that are remembered; then all are forgotten
WORTH_BYTES, WORTH_RUNS = 2**20, 32  # less than both is not worth a pack: it is read in no time
TAIL = 2**14  # bytes in which the last row is looked for
HEAD, MAX_HEAD = 2**16, 2**20  # bytes in which a header is looked for: at first, and at most


Choose = Callable[[tuple[str, ...]], list[str]]  # which of a header's columns are wanted


class _Item(NamedTuple):
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
    """Columns of runs. Safe to use from threads.

    Args:
        cache: where to keep them for the next session; None to forget.
    """

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
        others = [run for run in runs if run.source and run.source.kind not in SEPARATORS]
        tables = self._tables(others, [STEP])
        headers = dict.fromkeys(self._header(run, tables) for run in runs)
        tags = dict.fromkeys(name for header in headers for name in header)
        no_metrics = {STEP, WALL_TIME, "", *(step_column(header) for header in headers)}
        return [tag for tag in tags if tag not in no_metrics]

    def last(self, run: Run) -> Mapping[str, float]:
        """See ``Index.last``."""
        item = _item(run)
        if item is None:
            return {}
        if item.separator is None:
            table = self._tables([run], [STEP])[item.directory]
            cells = {name: column[-1:] for name, column in table.columns.items()}
            return {n: float(c[0]) for n, c in cells.items() if len(c) and not is_absent(c)[0]}
        header, row = self._header(run, {}), _last_row(item.path, item.separator)
        row = row if len(row) == len(header) else []
        numbers = {name: number(cell) for name, cell in zip(header, row, strict=False)}
        last = {name: value for name, value in numbers.items() if value is not None}
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
        wanted: Choose = partial(physical, names=names)
        waiting = {item.directory: item for item in map(_item, runs) if item}
        tables: dict[str, Table] = {}
        while waiting:
            mine = self._reserve(waiting)
            try:
                self._read([waiting.pop(directory) for directory in mine], wanted, tables)
            finally:
                self._release(directory for directory in mine if directory not in tables)
        return tables

    def _reserve(self, waiting: Mapping[str, _Item]) -> list[str]:
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

    def _read(self, items: Sequence[_Item], wanted: Choose, tables: dict[str, Table]) -> None:
        """Put the tables of reserved runs into ``tables``, and release each as soon as it is."""

        def hand_over(item: _Item, table: Table) -> None:
            tables[item.directory] = table
            self._release([item.directory])

        missing: dict[str, _Item] = {}
        for item in items:
            table = self._recall(item, wanted)
            if table is None:
                missing[item.path] = item
            else:
                hand_over(item, table)
        tabular = ((path, item.separator) for path, item in missing.items() if item.separator)
        others = [item for item in missing.values() if not item.separator]
        for path, part in read_many(tabular, wanted):
            if part is None:
                others.append(missing[path])
            else:
                hand_over(missing[path], self._take(missing[path], part))
        for item in sorted(others, key=_size):  # a small one need not wait for a large one
            table = _table(read_logged_rows(item.source), item.signatures)
            hand_over(item, self._remember(item.directory, table))
        self._keep_on_disk(list(missing.values()), tables)

    def _recall(self, item: _Item, wanted: Choose) -> Table | None:
        """A table without reading it anew: from memory, by the end of a grown file, or from disk.

        None where it lacks a column.
        """
        remembered = self._remembered.get(item.directory)
        table = remembered.table if remembered else None
        if remembered and table and table.signatures != item.signatures:
            grown = remembered.part if not _lacking(table, wanted) else None
            part = grown and read_tail(grown, item.path)
            if part:
                return self._take(item, part)
            table = None
        if table and not _lacking(table, wanted):
            return table
        if self._cache is None:
            return None
        filled = self._cache.fill(item.directory, table, item.signatures, wanted)
        if filled is not None and table is None:
            self._remember(item.directory, filled)
        return None if filled is None or _lacking(filled, wanted) else filled

    def _take(self, item: _Item, part: CsvPart) -> Table:
        """Remember what was read of a CSV, beside the columns that are known of it."""
        faults: tuple[Fault, ...] = ()
        if part.torn:
            faults = (Fault(Path(item.path), part.lines + 1, UNFINISHED),)
        header = part.layout.names
        columns = dict(part.columns)
        table = Table(item.signatures, header, step_column(header), part.rows, faults, columns)
        remembered = self._remembered.get(item.directory)
        old = remembered.table if remembered else None
        if old and old.signatures == item.signatures and old.rows == part.rows:
            columns.update(old.columns)
            table.on_disk.update(old.on_disk)
        part.columns = columns
        return self._remember(item.directory, table, part)

    def _remember(self, directory: str, table: Table, part: CsvPart | None = None) -> Table:
        with self._changed:
            self._remembered[directory] = _Remembered(table, part)
            self._bytes += sum(column.nbytes for column in table.columns.values())
        return table

    def _keep_on_disk(self, items: Sequence[_Item], tables: Mapping[str, Table]) -> None:
        settled = [item for item in items if all(s and s.settled for s in item.signatures)]
        enough = sum(map(_size, settled)) >= WORTH_BYTES or len(settled) >= WORTH_RUNS
        if self._cache and enough:
            self._cache.write([(item.directory, tables[item.directory]) for item in settled])

    def _header(self, run: Run, tables: Mapping[str, Table]) -> tuple[str, ...]:
        item = _item(run)
        if item is None:
            return ()
        if item.separator is None:
            return tables[item.directory].header
        remembered = self._remembered.get(item.directory)
        if remembered and remembered.table.signatures == item.signatures:
            return remembered.table.header
        return header_names(_beginning(item.path), item.separator)


def _columns(table: Table | None, names: Sequence[str]) -> Columns:
    if table is None:
        return Columns()
    arrays = {name: read_only(table.columns[name]) for name in names if name in table.columns}
    if STEP in names:
        counted = table.columns.get(table.step_from or "")
        steps = np.arange(table.rows, dtype=np.float64) if counted is None else counted
        arrays[STEP] = read_only(steps)
    return Columns(MappingProxyType(arrays), table.rows, table.step_from)


def physical(header: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns of a file that columns ``names`` of its run are taken from."""
    there = frozenset(header)
    sources = (step_column(header) if name == STEP else name for name in names)
    return list(dict.fromkeys(name for name in sources if name and name in there))


def _item(run: Run) -> _Item | None:
    if run.source is None:
        return None
    signatures = tuple(map(file_signature, run.source.files))
    return _Item(run.source, str(run.directory), SEPARATORS.get(run.source.kind), signatures)


def _size(item: _Item) -> int:
    return sum(signature.size for signature in item.signatures if signature)


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


def _beginning(path: str) -> bytes:
    """So much of a file that its first line is among it, unless that is longer than any header."""
    try:
        with open(path, "rb", opener=open_without_waiting) as file:
            content = file.read(HEAD) or b""
            return content if b"\n" in content else content + (file.readline(MAX_HEAD) or b"")
    except OSError:
        return b""


def _last_row(path: str, separator: str) -> list[str]:
    """The cells of the last whole line of a file, which is no header; none where there is none."""
    try:
        with open(path, "rb", buffering=0, opener=open_without_waiting) as file:
            size = os.fstat(file.fileno()).st_size
            at = max(0, size - TAIL)
            lines = os.pread(file.fileno(), TAIL, at).split(b"\n")
    except OSError:
        return []
    # The first one may have lost its beginning, or is the header; the last one has no end.
    return lines[-2].decode(errors="replace").split(separator) if len(lines) > 2 else []
