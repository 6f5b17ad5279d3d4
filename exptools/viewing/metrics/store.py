"""The columns of many sources: read in bulk, as far as asked for, and only once.

What a source's columns are is remembered with the signatures of its files, in memory and, through
``DiskCache``, on disk. A file that has grown is read from where the last reading ended.

Whoever asks waits only for the sources that were asked for. The lock is held to look what is there,
never while a file is read; a source is read by one thread, and others that want it wait for that.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from exptools.rundir import STEP
from exptools.viewing.metrics.columns import column_of, is_absent
from exptools.viewing.metrics.csv_bulk_reader import CsvPart, read_many, read_tail
from exptools.viewing.metrics.csv_reader import read_header, read_last_row
from exptools.viewing.metrics.disk_cache import DiskCache, Signatures, Table
from exptools.viewing.metrics.logged_rows import UNFINISHED, LoggedRows, step_column
from exptools.viewing.metrics.reading import SEPARATORS, read_logged_rows
from exptools.viewing.run import Fault, Source
from exptools.viewing.signatures import file_signature
from exptools.visible import visible_lines

MEMORY = 2**30  # bytes of columns that are remembered; then all are forgotten
MAX_ANSWER = 2**32  # bytes of columns that are read at once; what comes then is a fault
WORTH_BYTES, WORTH_RUNS = 2**20, 32  # less than both is not worth a pack: it is read in no time


Choose = Callable[[tuple[str, ...]], list[str]]  # which of a header's columns are wanted


class _Request(NamedTuple):
    """A source that is asked for, and its files as they are now."""

    source: Source
    separator: str | None  # None where it is no CSV
    signatures: Signatures

    @property
    def path(self) -> str:
        """The first file, by which the source is known."""
        return self.source.files[0]


@dataclass
class _Remembered:
    table: Table
    part: CsvPart | None = None  # how far the file was read; None where it has to be read anew


class MetricStore:
    """Tables of sources, kept for the next session if there is a cache. Safe to use from threads.

    A source is known by its first file.
    """

    def __init__(self, cache: DiskCache | None) -> None:
        self._cache = cache
        self._remembered: dict[str, _Remembered] = {}
        self._heads: dict[str, tuple[Signatures, tuple[str, ...]]] = {}  # of what was not read yet
        self._being_read: set[str] = set()
        self._bytes = 0
        self.has_faults = False  # whether any source that was read had some
        self._changed = threading.Condition()  # its lock guards the three above

    def tables(self, sources: Iterable[Source], names: Sequence[str]) -> dict[str, Table]:
        """The sources' tables by first file, with those of the columns that they have.

        ``"step"`` is the column that counts the steps, whatever it is called.
        """
        wanted: Choose = cache(partial(columns_in_file, names=names))  # most have one header
        waiting = {source.files[0]: _request(source) for source in sources}
        tables: dict[str, Table] = {}
        while waiting:
            mine = self._reserve(waiting)
            try:
                self._read([waiting.pop(path) for path in mine], wanted, tables)
            finally:
                self._release(path for path in mine if path not in tables)
        return tables

    def headers(self, sources: Iterable[Source]) -> dict[str, tuple[str, ...]]:
        """All columns of the sources, by first file; of a CSV no more than its head is read."""
        headers = {}
        others = []
        for source in sources:
            if source.kind in SEPARATORS:
                headers[source.files[0]] = self._header(_request(source))
            else:
                others.append(source)
        return headers | {path: table.header for path, table in self.tables(others, [STEP]).items()}

    def last(self, source: Source, name: str) -> float:
        """The value of a column in the last row; NaN where there is none.

        Of a CSV that is not known no more than its head and its end is read.
        """
        request = _request(source)
        wanted: Choose = partial(columns_in_file, names=[name])
        if source.kind not in SEPARATORS:
            table: Table | None = self.tables([source], [name])[request.path]
        else:
            table = self._known(request, wanted)
        if table is None or _lacking(table, wanted):
            separator = SEPARATORS[source.kind]
            return read_last_row(request.path, self._header(request), separator).get(name, math.nan)
        column = table.columns.get(name)
        if column is None or not len(column) or is_absent(column[-1:])[0]:
            return math.nan
        return float(column[-1])

    def faults(self, source: Source) -> tuple[Fault, ...]:
        """What could not be read of a source when it was last read."""
        remembered = self._remembered.get(source.files[0])
        return remembered.table.faults if remembered else ()

    def counted_by(self, source: Source, name: str) -> tuple[str | None, ...]:
        """What counts the rows of a column when it was last read; nothing where there is none."""
        remembered = self._remembered.get(source.files[0])
        if remembered is None or name not in remembered.table.columns:
            return ()
        return (remembered.table.step_from,)

    def keep(self, sources: Iterable[Source]) -> None:
        """Forget all but these."""
        with self._changed:
            if not self._remembered and not self._heads:
                return
            paths = {source.files[0] for source in sources}
            self._remembered = {p: one for p, one in self._remembered.items() if p in paths}
            self._heads = {p: one for p, one in self._heads.items() if p in paths}

    def _reserve(self, waiting: Mapping[str, _Request]) -> list[str]:
        """Those of the sources that no other thread reads just now; at least one."""
        with self._changed:
            while not (mine := [p for p in waiting if p not in self._being_read]):
                self._changed.wait()
            self._being_read.update(mine)
            if self._bytes > MEMORY:
                self._remembered, self._bytes = {}, 0
                if self._cache:
                    self._cache.forget_loaded()
        return mine

    def _release(self, paths: Iterable[str]) -> None:
        with self._changed:
            self._being_read.difference_update(paths)
            self._changed.notify_all()

    def _read(self, requests: Sequence[_Request], wanted: Choose, tables: dict[str, Table]) -> None:
        """Put the tables of reserved sources into ``tables``, and release each as soon as it is."""

        def hand_over(request: _Request, table: Table) -> None:
            tables[request.path] = table
            self._release([request.path])

        missing: dict[str, _Request] = {}
        known: dict[str, Table] = {}
        for request in requests:
            table = self._recall(request, wanted)
            if table is None:
                missing[request.path] = request
            else:
                known[request.path] = table
        tables |= known
        self._release(known)
        tabular = (
            (path, request.separator) for path, request in missing.items() if request.separator
        )
        others = [request for request in missing.values() if not request.separator]
        size = sum(map(_bytes, known.values()))
        for path, part in read_many(tabular, wanted):
            if part is None:
                others.append(missing[path])
            else:
                hand_over(missing[path], self._take(missing[path], part))
                size += _bytes(tables[path])
            if size > MAX_ANSWER:
                break
        left = [request for path, request in missing.items() if path not in tables]
        # A small one need not wait for a large one.
        for request in sorted(left if size > MAX_ANSWER else others, key=_size):
            if size > MAX_ANSWER:
                table = Table((), (), None, 0, (Fault(Path(request.path), None, _TOO_MUCH),))
            else:
                table = _table(read_logged_rows(request.source), request.signatures)
            hand_over(request, self._remember(request.path, table))
            size += _bytes(table)
        self._keep_on_disk(list(missing.values()), tables)

    def _recall(self, request: _Request, wanted: Choose) -> Table | None:
        """A table from memory, the end of a grown file, or disk; None where it lacks a column."""
        remembered = self._remembered.get(request.path)
        table = remembered.table if remembered else None
        if remembered and table and table.signatures != request.signatures:
            grown = remembered.part if not _lacking(table, wanted) else None
            part = grown and read_tail(grown, request.path)
            if part:
                return self._take(request, part)
            table = None
        filled = self._filled(request, table, wanted)
        if filled is not None and table is None:
            self._remember(request.path, filled)
        return None if filled is None or _lacking(filled, wanted) else filled

    def _known(self, request: _Request, wanted: Choose) -> Table | None:
        """A table from memory or disk, without columns that neither has; None if it has changed."""
        remembered = self._remembered.get(request.path)
        if remembered is None:
            return self._filled(request, None, wanted)
        table = remembered.table
        is_now = table.signatures == request.signatures
        return self._filled(request, table, wanted) if is_now else None

    def _filled(self, request: _Request, table: Table | None, wanted: Choose) -> Table | None:
        """A table with what the disk has of the columns that it lacks."""
        if self._cache is None or (table and not _lacking(table, wanted)):
            return table
        return self._cache.fill(request.path, table, request.signatures, wanted)

    def _take(self, request: _Request, part: CsvPart) -> Table:
        """Remember what was read of a CSV, beside the columns that are known of it."""
        faults: tuple[Fault, ...] = ()
        if part.torn:
            faults = (Fault(Path(request.path), part.rows + 2, UNFINISHED),)
        header = part.layout.names
        columns = dict(part.columns)
        table = Table(request.signatures, header, step_column(header), part.rows, faults, columns)
        remembered = self._remembered.get(request.path)
        old = remembered.table if remembered else None
        if old and old.signatures == request.signatures and old.rows == part.rows:
            columns.update(old.columns)
            table.on_disk.update(old.on_disk)
        part.columns = columns
        return self._remember(request.path, table, part)

    def _remember(self, path: str, table: Table, part: CsvPart | None = None) -> Table:
        with self._changed:
            self._remembered[path] = _Remembered(table, part)
            self._bytes += _bytes(table)
            self.has_faults = self.has_faults or bool(table.faults)
        return table

    def _keep_on_disk(self, requests: Sequence[_Request], tables: Mapping[str, Table]) -> None:
        settled = [
            request for request in requests if all(s and s.settled for s in request.signatures)
        ]
        enough = sum(map(_size, settled)) >= WORTH_BYTES or len(settled) >= WORTH_RUNS
        if self._cache and enough:
            self._cache.write([(request.path, tables[request.path]) for request in settled])

    def _header(self, request: _Request) -> tuple[str, ...]:
        """The columns of a CSV, from its head where nothing is known of it."""
        table = self._known(request, _no_columns)
        if table is not None:
            return table.header
        signatures, header = self._heads.get(request.path, ((), ()))
        if signatures != request.signatures:
            header = read_header(request.path, request.separator or ",")
            self._heads[request.path] = request.signatures, header
        return header


def columns_in_file(header: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns of a file that columns ``names`` of its run are taken from."""
    there = frozenset(header)
    sources = (step_column(header) if name == STEP else name for name in names)
    return list(dict.fromkeys(name for name in sources if name and name in there))


def _no_columns(header: Sequence[str]) -> list[str]:
    """For whom the header is enough."""
    return []


def _request(source: Source) -> _Request:
    signatures = tuple(map(file_signature, source.files))
    return _Request(source, SEPARATORS.get(source.kind), signatures)


_TOO_MUCH = (
    f"is not read: the metrics that are asked for take more than {MAX_ANSWER / 2**30:.0f} GiB "
    "together; choose fewer runs or metrics"
)


def _bytes(table: Table) -> int:
    return sum([column.nbytes for column in table.columns.values()])


def _size(request: _Request) -> int:
    return sum(signature.size for signature in request.signatures if signature)


def _lacking(table: Table, wanted: Choose) -> bool:
    return not table.columns.keys() >= set(wanted(table.header))


def _table(rows: LoggedRows, signatures: Signatures) -> Table:
    """What the careful reader has read: all columns."""
    frame = rows.frame
    if rows.step_from != STEP:
        frame = frame.drop(STEP)  # it repeats another column, or counts rows
    columns = {visible_lines(series.name): column_of(series) for series in frame}
    header, step_from = tuple(columns), rows.step_from and visible_lines(rows.step_from)
    return Table(signatures, header, step_from, frame.height, rows.faults, columns)
