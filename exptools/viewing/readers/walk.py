"""Walk directory trees for runs: every directory once, and only those that may hold runs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from os.path import join
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from exptools.rundir import (
    EXPTOOLS_DIR,
    HYDRA_DIR,
    MEDIA_DIR,
    OUT_OF_ORDER_DIR,
    PROGRESS_CSV,
    SNAPSHOTS_DIR,
    SWEEP_FILE,
)
from exptools.viewing.run import Fault

# Directories of any run in which no run is looked for; nor is one in what is hidden.
PARTS_OF_A_RUN = (MEDIA_DIR, SNAPSHOTS_DIR, OUT_OF_ORDER_DIR)
MAX_DEPTH = 100  # directories below a root; people have ten
MAX_ENTRIES = 100_000  # of a directory that are looked at
MAX_LINKS, MOST_LOOKED_AT = 20, 10_000  # to directories: that are named, and that are looked at


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


def list_directory(path: str, links: list[str] | None = None) -> Listing:
    """What a directory holds, ``MAX_ENTRIES`` and one at most; ``links`` gets the names of links.

    Raises:
        OSError: it cannot be listed.
    """
    listing = Listing(path, [], [], [])
    with os.scandir(path) as entries:
        for entry in islice(entries, MAX_ENTRIES + 1):
            name = entry.name
            if not entry.is_dir(follow_symlinks=False):
                listing.files.append(name)
                if links is not None and entry.is_symlink():
                    links.append(name)
            elif name[0] == ".":
                listing.hidden.append(name)
            else:
                listing.directories.append(name)
    return listing


def walk(
    roots: Sequence[Path], detect: Callable[[Listing], R | None], faults: list[Fault]
) -> Iterator[R]:
    """What ``detect`` says of each directory that is a run, those below another run included.

    Links are not followed, roots excepted. What cannot be looked into is added to ``faults``, and
    so are links to directories that one may miss: nothing that lies in one keeps the others from
    being seen.
    """
    # Paths, with the places that they really are: a root may be a link into another one.
    placed = _placed(roots)
    directories = deque((path, place, 0) for path, place in placed)
    linked = _LinkedDirectories([place for _, place in placed], faults)
    visited: set[str] = set()
    while directories:
        path, place, depth = directories.popleft()
        if place in visited:
            continue
        visited.add(place)
        links: list[str] = []
        try:
            listing = list_directory(path, links)
            run = detect(listing)
        except OSError as error:
            faults.append(Fault(Path(path), None, f"cannot be searched: {error.strerror}"))
            continue
        except Exception as error:  # noqa: BLE001 (what lies in one must not hide the others)
            faults.append(Fault.of(Path(path), error))
            continue
        if sum(map(len, listing[1:])) > MAX_ENTRIES:
            faults.append(Fault(Path(path), None, _TOO_MANY))
        if links:
            linked.name(listing, links, None if run is None else run.parts)
        if run is not None:
            yield run
        names = listing.directories
        if names and run is not None:
            names = _besides(names, run.parts)
        if names and depth == MAX_DEPTH:
            faults.append(Fault(Path(path), None, _TOO_DEEP))
        elif names:
            path, place = join(path, ""), join(place, "")
            directories += [(path + name, place + name, depth + 1) for name in names]


_TOO_MANY = f"holds more than {MAX_ENTRIES:,} files and directories: the others are not looked at"
_TOO_DEEP = f"is {MAX_DEPTH} directories deep: what lies below is not searched"


_NOT_FOLLOWED = (
    "and links below a directory that is given are not followed: give it, too, to see what is there"
)
_HIDDEN = frozenset({HYDRA_DIR, EXPTOOLS_DIR})
_STATE = "trainer_state.json"  # of a checkpoint, which is a part of a run
_OF_RUNS = _HIDDEN | {SWEEP_FILE, PROGRESS_CSV, "metrics.csv"}
_FIRST = 50  # entries of a directory that a link leads to


class _LinkedDirectories:
    """Says which links to directories one may miss: to runs out of the roots, and a run's parts.

    The others lead to what is seen where it is, or to what nobody would look for there: data.
    """

    def __init__(self, places: Sequence[str], faults: list[Fault]) -> None:
        self._places = tuple(join(place, "") for place in places)
        self._faults = faults
        self._named = self._looked_at = 0

    def name(self, listing: Listing, links: Sequence[str], parts: Sequence[str] | None) -> None:
        """Add a fault for each; ``parts`` are those of the run that stands here, None of none."""
        left = MOST_LOOKED_AT - self._looked_at
        self._looked_at += len(links)
        for name in links[: max(0, left)]:
            path = join(listing.path, name)
            if not os.path.isdir(path):
                continue
            target = os.path.realpath(path)
            is_part = name in _HIDDEN or any(fnmatchcase(name, part) for part in parts or ())
            if is_part or os.path.lexists(join(path, _STATE)):
                self._add(path, "is a link, and links in a run's directory are not followed")
            elif parts is None and self._leads_out(target) and _seems_to_hold_runs(target):
                self._add(path, f"is a link to {target}, {_NOT_FOLLOWED}")

    def _leads_out(self, target: str) -> bool:
        return not join(target, "").startswith(self._places)

    def _add(self, path: str, reason: str) -> None:
        self._named += 1
        if self._named <= MAX_LINKS:
            self._faults.append(Fault(Path(path), None, reason))
        elif self._named == MAX_LINKS + 1:
            self._faults.append(Fault(Path(path), None, "is one of more links that are not named"))


def _seems_to_hold_runs(directory: str) -> bool:
    """Whether a directory, or one in it, has a file of a run, by the names alone."""
    below = [directory]
    try:
        with os.scandir(directory) as entries:
            below += [e.path for e in islice(entries, _FIRST) if e.is_dir()]
    except OSError:
        return False
    return any(os.path.lexists(join(path, name)) for path in below for name in _OF_RUNS)


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
