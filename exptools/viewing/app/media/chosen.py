"""Which runs have a column on the wall, and the media of these."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from exptools.rundir import MEDIA_INDEX
from exptools.viewing.app.run.reading import MediaCache, Unreadable
from exptools.viewing.groups.grouping import Group
from exptools.viewing.run import Run, natural_key
from exptools.viewing.run_files.media import MediaIndex
from exptools.viewing.wording import escape_invalid_unicode

NOT_SEEN = ("hparams", "file")  # which a run's own page has
MOST_COLUMNS = 200
MOST_READ = 48 * 2**20  # bytes of the runs' indexes of media, all together

Chosen = tuple[Group, Run, MediaIndex]


@dataclass
class Reading:
    """The media of runs that were read, and what could not be."""

    cache: MediaCache
    shown: int = 0
    bytes: int = 0  # of the indexes
    notes: list[str] = field(default_factory=list)
    without: int = 0  # runs that have logged none
    events: int = 0  # of these such as have event files of another logger
    beyond: int = 0  # runs that were not read, for it would be too much
    bad_lines: int = 0

    def get(self, run: Run) -> MediaIndex | None:
        """A run's media; None where there are none to be seen."""
        try:
            size = os.lstat(run.directory / MEDIA_INDEX).st_size
        except OSError:
            self.without += 1
            self.events += any(source.kind == "events" for source in run.sources)
            return None
        if self.shown == MOST_COLUMNS or (self.bytes + size > MOST_READ and self.bytes):
            self.beyond += 1
            return None
        self.bytes += size
        try:
            media = self.cache.get(run)
        except Unreadable as said:
            self.notes.append(f"{escape_invalid_unicode(run.name)}: {said}")
            return None
        self.bad_lines += media.bad_lines
        if not any(kind not in NOT_SEEN for kind, _ in media.items):
            self.without += 1
            return None
        self.shown += 1
        return media


def each(grouped: Sequence[Group], reading: Reading) -> Iterator[Chosen]:
    """Each run that has media, by groups."""
    for group in grouped:
        for run in sorted(group.runs, key=lambda run: natural_key(run.name)):
            media = reading.get(run)
            if media is not None:
                yield group, run, media


def one_of_each(grouped: Sequence[Group], reading: Reading) -> Iterator[Chosen]:
    """Of each group the first run that has media."""
    for group in grouped:
        yield from islice(each([group], reading), 1)
