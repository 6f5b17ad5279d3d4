"""Columns on disk, in the user's cache directory: what was read once need not be parsed again.

A pack is one file: a table of contents (JSON), then whole columns of many sources that share a
header, each column in one piece, as float64, then a sum of each. It is written aside and renamed
into place, and never changed after that, so readers in other processes see all of it or nothing. A
source, which goes by its first file, counts as known while its files have the signatures (size,
mtime, inode) that stand in the pack. Whatever is not as it should be (other version, other size,
other sum of a column, a name that is not the table's own) is not used; the sources are read again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from exptools.plain_json import parse_json
from exptools.viewing.cache_files import open_own, written_privately
from exptools.viewing.metrics.columns import Values
from exptools.viewing.run import Fault
from exptools.viewing.signatures import Signature

MAGIC = b"exptools columns 3 " + sys.byteorder.encode().ljust(8) + b"\n"
BLOCK = 512  # numbers: 4 KiB, as disks write them
MAX_PACKS = 64  # of an index
MAX_BYTES = 2 * 2**30  # of all indexes: the least recently used packs go first

Signatures = tuple[Signature | None, ...]


@dataclass
class Table:
    """What is known of one source: some of its columns, as they were at ``signatures``."""

    signatures: Signatures
    header: tuple[str, ...]  # all columns of the file
    step_from: str | None
    rows: int
    faults: tuple[Fault, ...] = ()
    columns: dict[str, Values] = field(default_factory=dict)  # by their names in the file
    on_disk: set[str] = field(default_factory=set)  # columns that a pack has


@dataclass
class Pack:
    """A pack on disk, of which columns are read when they are asked for."""

    file: Path
    start: int  # where the columns begin in the file
    header: tuple[str, ...]
    places: dict[str, int]  # of its columns: the number of each by its name
    rows: int
    loaded: dict[str, Values] = field(default_factory=dict)

    def column(self, name: str) -> Values | None:
        """A column of all its runs; None where it has none, or is gone."""
        if name not in self.places:
            return None
        if name not in self.loaded:
            number, columns = self.places[name], len(self.places)
            try:
                with open_own(self.file) as file:
                    file.seek(self.start + 8 * self.rows * number)
                    values = np.fromfile(file, np.float64, self.rows)
                    file.seek(self.start + 8 * self.rows * columns + 8 * number)
                    written = np.fromfile(file, np.uint64, 1)
            except OSError:
                return None
            if len(values) < self.rows or not np.array_equal(written, [_sum(values)]):
                return None
            values.flags.writeable = False
            self.loaded[name] = values
        return self.loaded[name]


class Place(NamedTuple):
    """Where a run stands in a pack."""

    pack: Pack
    start: int
    entry: list[Any]  # what the table of contents says of it, see ``_entry``


class DiskCache:
    """The packs of an index. Safe to use from threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._places: dict[str, list[Place]] | None = None  # by first file
        self._lock = threading.Lock()

    def fill(
        self,
        source: str,
        table: Table | None,
        signatures: Signatures,
        choose: Callable[[tuple[str, ...]], list[str]],
    ) -> Table | None:
        """A table with as many of the columns as the packs have; None where they have none.

        ``choose`` says which of a header's columns are wanted.
        """
        now = [None if each is None else list(each) for each in signatures]  # as JSON has them
        with self._lock:
            for place in self._packs_of(source):
                try:
                    if place.entry[1] == now:
                        table = table or _table(place, signatures)
                        _fill(table, place, choose)
                except (TypeError, ValueError):
                    continue  # none of ours: the run is read again
        return table

    def forget_loaded(self) -> None:
        """Give back the memory of the columns that were read; they can be read again."""
        with self._lock:
            for places in (self._places or {}).values():
                for place in places:
                    place.pack.loaded.clear()

    def write(self, tables: Sequence[tuple[str, Table]]) -> None:
        """Keep the columns of these runs; where that cannot be done, nothing happens."""
        # No room, or not ours to write: the next session is slower, no more.
        with suppress(OSError), self._lock:
            groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[str, Table]]] = {}
            for run, table in tables:
                names = tuple(name for name in table.columns if name not in table.on_disk)
                if names:
                    groups.setdefault((table.header, names), []).append((run, table))
            for (header, names), members in groups.items():
                self._write(header, names, members)
                for _, table in members:
                    table.on_disk.update(names)
            self._prune()

    def _write(
        self, header: Sequence[str], names: Sequence[str], members: Sequence[tuple[str, Table]]
    ) -> None:
        contents = {
            "header": header,
            "columns": names,
            "rows": sum(table.rows for _, table in members),
            "runs": [_entry(run, table) for run, table in members],
        }
        text = json.dumps(contents).encode()
        text += b" " * (-(len(MAGIC) + 8 + len(text)) % 8)
        pack = self._directory / _name_of(text)
        with written_privately(pack) as aside:
            with aside.open("wb") as file:
                file.write(MAGIC + len(text).to_bytes(8, "little") + text)
                sums = []
                for column in names:
                    whole = np.concatenate([table.columns[column] for _, table in members])
                    whole.tofile(file)
                    sums.append(_sum(whole))
                np.array(sums, np.uint64).tofile(file)
            aside.replace(pack)

    def _packs_of(self, run: str) -> Sequence[Place]:
        if self._places is None:
            self._places = {}
            for file in sorted(self._directory.glob("*.pack")):
                self._load(file, self._places)
        return self._places.get(run, ())

    def _load(self, file: Path, places: dict[str, list[Place]]) -> None:
        try:
            with open_own(file) as raw:
                if raw.read(len(MAGIC)) != MAGIC:
                    return
                length = int.from_bytes(raw.read(8), "little")
                text = raw.read(min(length, file.stat().st_size))
                if _name_of(text) != file.name:
                    return
                contents = parse_json(text)
                header, names = tuple(contents["header"]), tuple(contents["columns"])
                numbered = {name: number for number, name in enumerate(names)}
                pack = Pack(file, raw.tell(), header, numbered, contents["rows"])
            whole = pack.start + 8 * (pack.rows + 1) * len(names)
            if file.stat().st_size == whole:
                at = 0
                for entry in contents["runs"]:
                    places.setdefault(entry[0], []).append(Place(pack, at, entry))
                    at += entry[3]
                os.utime(file)  # used: it goes last
        except (OSError, ValueError, TypeError, LookupError):
            return  # gone, or none of ours: what it had is read again

    def _prune(self) -> None:
        newest = sorted(self._directory.glob("*.pack"), key=_age)
        for file in newest[MAX_PACKS:]:
            file.unlink(missing_ok=True)
        total = 0
        for file in sorted(self._directory.parent.glob("*/*.pack"), key=_age):
            total += file.stat().st_size
            if total > MAX_BYTES:
                file.unlink(missing_ok=True)


def _fill(table: Table, place: Place, choose: Callable[[tuple[str, ...]], list[str]]) -> None:
    for name in choose(table.header):
        if name not in table.columns and (column := place.pack.column(name)) is not None:
            table.columns[name] = column[place.start : place.start + table.rows]
            table.on_disk.add(name)


def _name_of(text: bytes) -> str:
    """Of the pack with this table of contents."""
    return f"{hashlib.sha256(text).hexdigest()[:32]}.pack"


def _sum(column: Values) -> int:
    """Of its bits, block by block: a tenth of the time of a CRC.

    What a disk has lost, or put into another place, changes it, and nothing but zeros has none.
    """
    bits = column.view(np.uint64)
    whole = len(bits) // BLOCK * BLOCK
    blocks = bits[:whole].reshape(-1, BLOCK).sum(axis=1, dtype=np.uint64)
    blocks *= np.arange(1, 2 * len(blocks), 2, dtype=np.uint64)
    rest = bits[whole:].sum(dtype=np.uint64)
    return (int(blocks.sum(dtype=np.uint64)) + int(rest) + 1) % 2**64


def _age(file: Path) -> float:
    try:
        return -file.stat().st_mtime
    except OSError:
        return 0.0


def _entry(run: str, table: Table) -> list[Any]:
    faults = [(str(fault.file), fault.line, fault.reason) for fault in table.faults]
    return [run, table.signatures, table.step_from, table.rows, faults]


def _table(place: Place, signatures: Signatures) -> Table:
    """A run's table, without its columns; its files have the signatures that the pack names."""
    _, _, step_from, rows, faults = place.entry
    known = tuple([Fault(Path(file), line, reason) for file, line, reason in faults])
    return Table(signatures, place.pack.header, step_from, rows, known)
