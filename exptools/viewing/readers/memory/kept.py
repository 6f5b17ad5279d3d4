"""What directories were, kept on disk from one session to the next.

Ten thousand runs of a sweep differ in little more than the sizes and times of their files. So what
they have in common, their shape, is written once, in JSON, and of each directory only the number
of its shape and the signatures of its files. That is read back as names and numbers and nothing
else: what a run says of itself is read by its reader. It counts for these very readers only.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from exptools.viewing import readers
from exptools.viewing.cache_files import CacheFile, parse_kept
from exptools.viewing.readers.description import Reader
from exptools.viewing.readers.formats import READERS, DetectedRun
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Source
from exptools.viewing.signatures import Signature, file_signature

VERSION = "directories 1"
MAX_FILE = 2**26  # bytes of the directories of an index; more are not kept
MAX_BYTES = 2**28  # of those of all indexes: the least recently used ones go first

_READERS: Mapping[str, Reader] = {reader.name: reader for reader in READERS}


class Known(NamedTuple):
    """What a directory was."""

    listing: Listing
    # Its files, and what else the readers have looked for, by what comes behind its path.
    looked: Sequence[str]
    signatures: list[Signature | None]  # of these; None: there was nothing
    run: DetectedRun | None


class KeptDirectories:
    """What directories were in an earlier session, read from ``file`` when one is asked for."""

    def __init__(self, file: Path) -> None:
        self._file = CacheFile(file, f"{VERSION} {_version_of_readers()}", MAX_FILE)
        self._rows, self._shapes = _stored(self._file)

    def take(self, listing: Listing) -> Known | None:
        """What a directory was, if nothing in it has changed since then; it is told only once."""
        row = self._rows.pop(listing.path, None)
        if row is None:
            return None
        try:
            shape = self._shape(row[0])
            if shape.names != listing[1:]:
                return None
            signatures = [file_signature(listing.path + name) for name in shape.looked]
            same = row == [row[0], *_numbers(signatures)]
            return _known(listing.path, shape, signatures) if same else None
        except (ValueError, TypeError, LookupError, AttributeError):  # it is none of ours
            return None

    def save(self, known: Iterable[Known]) -> None:
        """Keep these instead of what was kept."""
        self._rows, self._shapes = {}, []
        shapes: dict[_Form, int] = {}
        rows = {
            one.listing.path: [
                shapes.setdefault(_form(one), len(shapes)),
                *_numbers(one.signatures),
            ]
            for one in known
        }
        content = json.dumps({"shapes": list(shapes), "rows": rows}).encode()
        self._file.write(content, MAX_BYTES)

    def _shape(self, number: int) -> _Shape:
        shape = self._shapes[number]
        if not isinstance(shape, _Shape):
            shape = self._shapes[number] = _Shape.of(*shape)
        return shape


_NOTHING = (None, None, None)  # in place of a signature


def _numbers(signatures: Iterable[Signature | None]) -> list[int | None]:
    numbers: list[int | None] = []
    for signature in signatures:
        numbers += signature or _NOTHING
    return numbers


# A shape as it is written: the listing's names, what was looked at, and the run.
_Form = tuple[Any, ...]


class _FoundSource(NamedTuple):
    """Where metrics stand, its files as numbers of what was looked at."""

    kind: Any
    files: Sequence[int]
    prefix: str


class _Found(NamedTuple):
    """The run in a directory."""

    reader: Reader
    described: Mapping[str, int]  # its files as numbers of what was looked at
    sources: Sequence[_FoundSource]
    values: tuple[str, ...]
    unread: tuple[str, ...]


class _Shape(NamedTuple):
    """What directories that are alike have in common."""

    names: tuple[list[str], list[str], list[str]]  # as in their listings
    looked: Sequence[str]  # what comes behind the directory's path
    run: _Found | None

    @classmethod
    def of(cls, names: Any, looked: Any, run: Any) -> _Shape:
        """The shape that was written so."""
        files, hidden, directories = names
        if run is None:
            return cls((files, hidden, directories), looked, None)
        places = {path: number for number, path in enumerate(looked)}
        reader, described, sources, values, unread = run
        found = _Found(
            _READERS[reader],
            {name: places[f"/{name}"] for name in described},
            [
                _FoundSource(kind, [places[file] for file in files], prefix)
                for kind, files, prefix in sources
            ],
            tuple(values),
            tuple(unread),
        )
        return cls((files, hidden, directories), looked, found)


def _form(known: Known) -> _Form:
    path, run = known.listing.path, known.run
    names = tuple(map(tuple, known.listing[1:]))
    looked = tuple(known.looked)
    if run is None:
        return names, looked, None
    sources = tuple(
        [
            (source.kind, tuple([f.removeprefix(path) for f in source.files]), source.prefix)
            for source in run.sources
        ]
    )
    return names, looked, (run.reader.name, tuple(run.described), sources, run.values, run.unread)


def _known(path: str, shape: _Shape, signatures: list[Signature | None]) -> Known:
    """A directory of this shape, whose files have these signatures."""
    listing = Listing(path, *shape.names)
    found = shape.run
    if found is None:
        return Known(listing, shape.looked, signatures, None)
    looked = shape.looked
    sources = [
        Source(kind, tuple([path + looked[number] for number in files]), prefix)
        for kind, files, prefix in found.sources
    ]
    run = DetectedRun(
        path,
        found.reader,
        {name: known for name, at in found.described.items() if (known := signatures[at])},
        tuple(sources),
        tuple([signatures[number] for source in found.sources for number in source.files]),
        found.values,
        found.unread,
    )
    return Known(listing, looked, signatures, run)


def _stored(file: CacheFile) -> tuple[dict[str, Any], list[Any]]:
    """The rows by their directories, and the shapes; none where the file is not one of ours."""
    content = file.read()
    with suppress(ValueError, TypeError, LookupError):
        if content is not None:
            stored = parse_kept(content)
            return dict(stored["rows"]), list(stored["shapes"])
    return {}, []


@cache
def _version_of_readers() -> str:
    """Other readers may see something else in the same directory."""
    modules = sorted(_modules(readers.__path__[0]))
    return f"{zlib.crc32(repr(modules).encode()):08x}"


def _modules(directory: str) -> Iterator[tuple[str, int, int]]:
    for above, _, names in os.walk(directory):
        for name in names:
            if name.endswith(".py"):
                about = os.stat(os.path.join(above, name))
                yield os.path.relpath(above, directory), about.st_size, about.st_mtime_ns
