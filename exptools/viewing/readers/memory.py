"""What directories were when they were last looked at, so that the readers are not asked again.

A directory is what it was while its listing is the same, and all of its files, and whatever else
the readers have looked for, are as they were. It is listed anew each time: on network file systems
the time of a directory's last change is not to be trusted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from fnmatch import translate
from operator import eq
from typing import NamedTuple

from exptools.viewing.readers.formats import READERS, DetectedRun, detect_format
from exptools.viewing.readers.walk import Listing
from exptools.viewing.signatures import SETTLED, Signature, file_signature

MOST_FILES = 64  # in a directory: with more, looking at each takes longer than asking the readers

_LOOKED_INTO = re.compile("|".join(translate(part) for r in READERS for part in r.parts))


class _Known(NamedTuple):
    listing: Listing
    signatures: Mapping[str, Signature | None]  # by path; None: there was nothing
    run: DetectedRun | None


class DirectoryMemory:
    """Says which directories are runs, and remembers it from one walk to the next."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._met: dict[str, _Known] = {}  # in this walk

    def detect(self, listing: Listing) -> DetectedRun | None:
        """As ``detect_format``; where nothing has changed it is the same object again."""
        known = self._known.get(listing.path)
        if known is None or known.listing != listing or not _hold(known.signatures):
            known = _look(listing)
            if not _can_be_remembered(known):
                return known.run
        self._met[listing.path] = known
        return known.run

    def forget_others(self) -> None:
        """Forget the directories that were not met since this was last called."""
        self._known, self._met = self._met, {}


def _look(listing: Listing) -> _Known:
    signatures = _Signatures()
    run = detect_format(listing, signatures.__getitem__)
    if len(listing.files) <= MOST_FILES:
        for name in listing.files:
            signatures[f"{listing.path}/{name}"]
    return _Known(listing, signatures, run)


class _Signatures(dict[str, Signature | None]):
    """By path; each is looked up once."""

    def __missing__(self, path: str) -> Signature | None:
        signature = self[path] = file_signature(path)
        return signature


def _hold(signatures: Mapping[str, Signature | None]) -> bool:
    return all(map(eq, map(file_signature, signatures), signatures.values()))


def _can_be_remembered(known: _Known) -> bool:
    """Whether a change of anything that the readers may have looked at will be seen."""
    if len(known.listing.files) > MOST_FILES:
        return False
    if any(map(_LOOKED_INTO.match, known.listing.directories)):
        return False
    # What has just been written to may be so again, under the same time.
    last = max([s.mtime_ns for s in known.signatures.values() if s], default=0)
    return time.time() - last / 1e9 > SETTLED
