"""Walk directory trees for runs: every directory once, and only those that may hold runs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from os.path import join
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from exptools.rundir import MEDIA_DIR, OUT_OF_ORDER_DIR, SNAPSHOTS_DIR
from exptools.viewing.run import Fault

# Directories of any run in which no run is looked for; nor is one in what is hidden.
PARTS_OF_A_RUN = (MEDIA_DIR, SNAPSHOTS_DIR, OUT_OF_ORDER_DIR)


class HasParts(Protocol):
    """A run as far as the walk knows it."""

    @property
    def parts(self) -> Sequence[str]:
        """Patterns of the directories in it that are not looked into, beside those of any run."""


R = TypeVar("R", bound=HasParts)


class Listing(NamedTuple):
    """What a directory holds, by name."""

    path: str
    files: list[str]  # all that is no directory, links included
    hidden: list[str]  # directories whose names start with a dot
    directories: list[str]  # the others; links to directories are none


def list_directory(path: str) -> Listing:
    """What a directory holds."""
    listing = Listing(path, [], [], [])
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if not entry.is_dir(follow_symlinks=False):
                listing.files.append(name)
            elif name[0] == ".":
                listing.hidden.append(name)
            else:
                listing.directories.append(name)
    return listing


def walk(
    roots: Sequence[Path], detect: Callable[[Listing], R | None], faults: list[Fault]
) -> Iterator[R]:
    """What ``detect`` says of each directory that is a run, those below another run included.

    Links are not followed, roots excepted. What cannot be looked into is added to ``faults``.
    """
    # Paths, with the places that they really are: a root may be a link into another one.
    directories = deque(_placed(roots))
    visited: set[str] = set()
    while directories:
        path, place = directories.popleft()
        if place in visited:
            continue
        visited.add(place)
        try:
            listing = list_directory(path)
        except OSError as error:
            faults.append(Fault(Path(path), None, f"cannot be searched: {error.strerror}"))
            continue
        run = detect(listing)
        if run is not None:
            yield run
        names = listing.directories if run is None else _besides(listing.directories, run.parts)
        if names:
            path, place = join(path, ""), join(place, "")
            directories += [(path + name, place + name) for name in names]


def _placed(roots: Sequence[Path]) -> list[tuple[str, str]]:
    """Where to begin, each root with the place that it really is.

    One that is a link into another root is looked at where it lies below that: what is there may
    belong to a run above it.
    """
    places = [(str(root), os.path.realpath(root)) for root in roots]
    placed = []
    for _, place in places:
        around = [(at, its) for at, its in places if f"{place}/".startswith(join(its, ""))]
        outermost, its = min(around, key=lambda one: len(one[1]))
        placed.append((join(outermost, place[len(its) :].lstrip(os.sep)).rstrip(os.sep), place))
    return placed


def _besides(names: list[str], parts: Sequence[str]) -> list[str]:
    """The directories of a run that are no parts of it."""
    names = [name for name in names if name not in PARTS_OF_A_RUN]
    if not parts:
        return names
    return [name for name in names if not any(fnmatchcase(name, part) for part in parts)]
