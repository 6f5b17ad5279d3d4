"""The metrics of many runs: read in bulk, as far as asked for, and only once.

What a run's columns are is remembered with the signatures of its files, in memory and, through
``Packs``, on disk. A file that has grown is read from where the last reading ended.
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
from exptools.viewing.metrics.csv_bulk_reader import Layout, Read, read_many, read_tail
from exptools.viewing.metrics.csv_reader import number, split_header
from exptools.viewing.metrics.disk_cache import Packs, Signatures, Table
from exptools.viewing.metrics.logged_rows import UNFINISHED, Progress, step_column
from exptools.viewing.metrics.reading import SEPARATORS, read_progress
from exptools.viewing.run import Fault, Run
from exptools.viewing.signatures import file_signature

MEMORY = 2**30  # bytes of columns that are remembered; then all are forgotten
WORTH_BYTES, WORTH_RUNS = 2**20, 32  # less than both is not worth a pack: it is read in no time
TAIL = 2**14  # bytes in which the last row is looked for
HEAD = 2**16  # bytes in which a header is looked for


Choose = Callable[[tuple[str, ...]], list[str]]  # which of a header's columns are wanted


class _Item(NamedTuple):
    """A run whose metrics are asked for, and its files as they are now."""

    run: Run
    directory: str
    path: str  # of the first file
    separator: str | None  # None where it is no CSV
    signatures: Signatures


@dataclass
class _Known:
    table: Table
    read: Read | None = None  # how far the file was read; None where it has to be read anew


class MetricStore:
    """Columns of runs. Safe to use from threads.

    Args:
        packs: where to keep them for the next session; None to forget.
    """

    def __init__(self, packs: Packs | None) -> None:
        self._packs = packs
        self._known: dict[str, _Known] = {}
        self._headers: dict[bytes, tuple[str, ...]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def columns(self, runs: Sequence[Run], names: Sequence[str]) -> dict[str, Columns]:
        """See ``Index.columns``."""
        with self._lock, collector_paused():
            self._make_room()
            self._read_missing(runs, names)
            return {run.name: self._columns(run, names) for run in runs}

    def tags(self, runs: Sequence[Run]) -> list[str]:
        """See ``Index.tags``."""
        with self._lock:
            others = [run for run in runs if run.source and run.source.kind not in SEPARATORS]
            self._read_missing(others, [STEP])
            headers = dict.fromkeys(self._header(run) for run in runs)
        tags = dict.fromkeys(name for header in headers for name in header)
        no_metrics = {STEP, WALL_TIME, "", *(step_column(header) for header in headers)}
        return [tag for tag in tags if tag not in no_metrics]

    def last(self, run: Run) -> Mapping[str, float]:
        """See ``Index.last``."""
        with self._lock:
            item = _source(run)
            if item is None:
                return {}
            if item.separator is None:
                self._read_missing([run], [STEP])
                table = self._known[item.directory].table
                cells = {name: column[-1:] for name, column in table.columns.items()}
                return {n: float(c[0]) for n, c in cells.items() if len(c) and not is_absent(c)[0]}
            header = self._header(run)
            row = _last_row(item.path, item.separator)
        row = row if len(row) == len(header) else []
        numbers = {name: number(cell) for name, cell in zip(header, row, strict=False)}
        last = {name: value for name, value in numbers.items() if value is not None}
        step = step_column(header)
        return last | {STEP: last[step]} if step in last else last

    def faults(self, run: Run) -> tuple[Fault, ...]:
        """What could not be read of a run's metrics when they were last read."""
        known = self._known.get(str(run.directory))
        return known.table.faults if known else ()

    def keep(self, directories: Iterable[str]) -> None:
        """Forget all but these run directories."""
        with self._lock:
            self._known = {d: self._known[d] for d in directories if d in self._known}

    def _read_missing(self, runs: Sequence[Run], names: Sequence[str]) -> None:
        wanted = partial(physical, names=names)
        tabular, others = {}, []
        missing = [item for item in map(_source, runs) if item and not self._has(item, wanted)]
        for item in missing:
            if item.separator:
                tabular[item.path] = item
            else:
                others.append(item)
        files = ((path, item.separator or "") for path, item in tabular.items())
        for path, read in read_many(files, wanted):
            if read is None:
                others.append(tabular[path])
            else:
                self._take(tabular[path], read)
        for item in others:
            table = _table(read_progress(item.run), item.signatures)
            self._remember(item.directory, _Known(table))
        self._pack(missing)

    def _has(self, item: _Item, wanted: Choose) -> bool:
        """Whether the columns are there: in memory, as the rest of a grown file, or on disk."""
        known = self._known.get(item.directory)
        current = known.table if known and known.table.signatures == item.signatures else None
        if current and not _lacking(current, wanted):
            return True
        if known and known.read and not current and not _lacking(known.table, wanted):
            read = read_tail(known.read, item.path)
            if read is not None:
                self._take(item, read)
                return True
        if self._packs is None:
            return False
        filled = self._packs.fill(item.directory, current, item.signatures, wanted)
        if filled is not None and current is None:
            self._remember(item.directory, _Known(filled))
        return filled is not None and not _lacking(filled, wanted)

    def _take(self, item: _Item, read: Read) -> None:
        """Remember what was read of a CSV, beside the columns that are known of it."""
        faults: tuple[Fault, ...] = ()
        if read.torn:
            faults = (Fault(Path(item.path), read.lines + 1, UNFINISHED),)
        header = read.layout.names
        columns = dict(read.columns)
        table = Table(item.signatures, header, step_column(header), read.rows, faults, columns)
        known = self._known.get(item.directory)
        if known and known.table.signatures == item.signatures and known.table.rows == read.rows:
            columns.update(known.table.columns)
            table.packed.update(known.table.packed)
        read.columns = columns
        self._remember(item.directory, _Known(table, read))

    def _remember(self, directory: str, known: _Known) -> None:
        self._known[directory] = known
        self._bytes += sum(column.nbytes for column in known.table.columns.values())

    def _make_room(self) -> None:
        if self._bytes > MEMORY:
            self._known, self._bytes = {}, 0
            if self._packs:
                self._packs.forget_loaded()

    def _pack(self, items: Sequence[_Item]) -> None:
        settled = [item for item in items if all(s and s.settled for s in item.signatures)]
        size = sum(s.size for item in settled for s in item.signatures if s)
        if self._packs and (size >= WORTH_BYTES or len(settled) >= WORTH_RUNS):
            tables = [(i.directory, self._known[i.directory].table) for i in settled]
            self._packs.write([(d, t) for d, t in tables if t.columns.keys() - t.packed])

    def _columns(self, run: Run, names: Sequence[str]) -> Columns:
        known = self._known.get(str(run.directory))
        if run.source is None or known is None:
            return Columns()
        table = known.table
        arrays = {n: read_only(table.columns[n]) for n in names if n in table.columns}
        if STEP in names:
            counted = table.columns.get(table.step_from or "")
            steps = np.arange(table.rows, dtype=np.float64) if counted is None else counted
            arrays[STEP] = read_only(steps)
        return Columns(MappingProxyType(arrays), table.rows, table.step_from)

    def _header(self, run: Run) -> tuple[str, ...]:
        item = _source(run)
        if item is None:
            return ()
        known = self._known.get(item.directory)
        if known and (item.separator is None or known.table.signatures == item.signatures):
            return known.table.header
        return self._names_in(_beginning(item.path), item.separator or "")

    def _names_in(self, content: bytes, separator: str) -> tuple[str, ...]:
        head = content[: content.find(b"\n") + 1]
        if head not in self._headers:
            proper = Layout.of(head, separator)
            names = proper.names if proper else split_header(content, separator)[0] if head else ()
            self._headers[head] = tuple(names)
        return self._headers[head]


def physical(header: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns of a file that columns ``names`` of its run are taken from."""
    sources = (step_column(header) if name == STEP else name for name in names)
    return list(dict.fromkeys(name for name in sources if name in header and name))


def _source(run: Run) -> _Item | None:
    if run.source is None:
        return None
    signatures = tuple(map(file_signature, run.source.files))
    separator = SEPARATORS.get(run.source.kind)
    return _Item(run, str(run.directory), run.source.files[0], separator, signatures)


def _lacking(table: Table, wanted: Choose) -> bool:
    return any(name not in table.columns for name in wanted(table.header))


def _table(progress: Progress, signatures: Signatures) -> Table:
    """What the careful reader has read: all columns."""
    frame = progress.frame
    if progress.step_from != STEP:
        frame = frame.drop(STEP)  # it repeats another column, or counts rows
    columns = {name: column_of(frame[name]) for name in frame.columns}
    return Table(
        signatures,
        tuple(columns),
        progress.step_from,
        progress.frame.height,
        progress.faults,
        columns,
    )


def _beginning(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0, opener=open_without_waiting) as file:
            return file.read(HEAD) or b""
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
