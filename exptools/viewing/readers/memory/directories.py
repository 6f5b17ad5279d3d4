"""What directories were when they were last looked at, so that the readers are not asked again.

A directory is what it was while its listing is the same, and all of its files, and whatever else
the readers have looked for, are as they were. It is listed anew each time: on network file systems
the time of a directory's last change is not to be trusted.
"""

from __future__ import annotations

import re
import time
from fnmatch import translate
from functools import cached_property
from pathlib import Path

from exptools.viewing.readers.formats import READERS, DetectedRun, detect_format
from exptools.viewing.readers.memory.kept import KeptDirectories, Known
from exptools.viewing.readers.walk import Listing
from exptools.viewing.signatures import SETTLED, Signature, file_signature

MOST_FILES = 64  # in a directory: with more, looking at each takes longer than asking the readers
# Directories that were looked into since they were kept on disk: fewer, or a smaller share of all,
# are not worth to write all of them again.
WORTH, WORTH_SHARE = 32, 1 / 16

_LOOKED_INTO = re.compile("|".join(translate(part) for r in READERS for part in r.parts))


class DirectoryMemory:
    """Says which directories are runs, and remembers it from one walk to the next.

    ``file`` is where it is kept between sessions, None for nowhere.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, Known] = {}
        self._met: dict[str, Known] = {}  # in this walk
        self._new = 0  # of those that are known: not on disk

    @cached_property
    def _kept(self) -> KeptDirectories | None:
        return KeptDirectories(self._file) if self._file else None

    def detect(self, listing: Listing) -> DetectedRun | None:
        """As ``detect_format``; where nothing has changed it is the same object again."""
        known = self._recall(listing)
        if known is None:
            known = _look(listing)
            if not _can_be_remembered(known):
                return known.run
            self._new += 1
        self._met[listing.path] = known
        return known.run

    def _recall(self, listing: Listing) -> Known | None:
        known = self._known.get(listing.path)
        if known is None:
            return self._kept.take(listing) if self._kept else None
        return known if known.listing == listing and _holds(known) else None

    def forget_others(self) -> None:
        """Forget the directories that were not met since this was last called; keep these."""
        self._known, self._met = self._met, {}
        if self._kept and self._new >= max(WORTH, WORTH_SHARE * len(self._known)):
            self._kept.save(self._known.values())
            self._new = 0


def _look(listing: Listing) -> Known:
    signatures = _Signatures()
    run = detect_format(listing, signatures.__getitem__)
    if len(listing.files) <= MOST_FILES:
        for name in listing.files:
            signatures[f"{listing.path}/{name}"]
    looked = [path.removeprefix(listing.path) for path in signatures]
    return Known(listing, looked, list(signatures.values()), run)


class _Signatures(dict[str, Signature | None]):
    """By path; each is looked up once."""

    def __missing__(self, path: str) -> Signature | None:
        signature = self[path] = file_signature(path)
        return signature


def _holds(known: Known) -> bool:
    path = known.listing.path
    return [file_signature(path + name) for name in known.looked] == known.signatures


def _can_be_remembered(known: Known) -> bool:
    """Whether a change of anything that the readers may have looked at will be seen."""
    if len(known.listing.files) > MOST_FILES:
        return False
    if any(map(_LOOKED_INTO.match, known.listing.directories)):
        return False
    # What has just been written to may be so again, under the same time.
    last = max([s.mtime_ns for s in known.signatures if s], default=0)
    return time.time() - last / 1e9 > SETTLED
