"""Stars, notes, tags and what is hidden: the user's own, kept in the user's data directory.

Each marked run has a file of its own, named after the run's real path, that is replaced atomically;
so two servers never undo what the other has kept of another run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from exptools.plain_json import parse_json
from exptools.viewing.cache_files import expect_own, make_private, read_kept, write_privately
from exptools.viewing.configs.values import MISSING
from exptools.viewing.run import Run
from exptools.visible import visible

MAX_NOTE = 10_000  # characters
MAX_TAG, MAX_TAGS = 60, 40  # characters of a tag, and tags of a run
_MAX_FILE = 2**18  # bytes: a note of characters outside of ASCII, and a path
# Whether a condition may ask for what is a user's own.
OF_MARKS = re.compile(r"\b(star|note|tags|hidden)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Mark:
    """What a user has said of a run."""

    star: bool = False
    note: str = ""
    tags: tuple[str, ...] = ()  # in the order in which they were given
    hidden: bool = False  # it is in no chart, table or number of the page


UNMARKED = Mark()


class UserMarks:
    """The marks of a user, in a directory: by default in the system's place for user data."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_data_path("exptools", appauthor=False) / "marks"
        make_private(self.path)
        self._known: dict[str, tuple[tuple[int, ...], tuple[str, Mark]]] = {}

    def get(self, run: Run) -> Mark:
        """The mark of a run."""
        record = _read(self._file(real_path(run)))
        return record[1] if record else UNMARKED

    def keep(
        self, run: Run, *, star: bool | None = None, note: str | None = None
    ) -> tuple[int | None, str]:
        """As ``set``: the time in ms since 1970, or None and the sentence that says why not."""
        return self._kept(lambda: self.set(run, star=star, note=note))

    def turn_star(self, run: Run) -> tuple[int | None, str]:
        """Star a run or take its star back; what ``keep`` says."""
        return self.keep(run, star=not self.get(run).star)

    def keep_hidden(self, runs: Iterable[Run], *, hidden: bool) -> tuple[int | None, str]:
        """Hide some runs, or show them again; what ``keep`` says."""
        return self._kept(lambda: self._change(runs, lambda mark: replace(mark, hidden=hidden)))

    def keep_tags(self, run: Run, tags: Sequence[str]) -> tuple[int | None, str]:
        """Give a run these tags and no others; what ``keep`` says."""
        return self._kept(lambda: self._change([run], lambda mark: replace(mark, tags=_tags(tags))))

    def tag(
        self, runs: Iterable[Run], tags: Sequence[str], *, taken_back: bool = False
    ) -> tuple[int | None, str]:
        """Give some runs these tags, too, or take them back; what ``keep`` says."""

        def changed(mark: Mark) -> Mark:
            others = [tag for tag in mark.tags if tag not in tags]
            return replace(mark, tags=_tags(others if taken_back else [*mark.tags, *tags]))

        return self._kept(lambda: self._change(runs, changed))

    def set(self, run: Run, *, star: bool | None = None, note: str | None = None) -> Mark:
        """Change what is given, and return the run's mark as it is now.

        Raises:
            ValueError: the note is longer than ``MAX_NOTE``.
            OSError: it cannot be written.
        """
        if note is not None and len(note) > MAX_NOTE:
            raise ValueError(
                f"a note of {len(note)} characters is too long: {MAX_NOTE} is the most"
            )

        def changed(mark: Mark) -> Mark:
            return replace(
                mark,
                star=mark.star if star is None else star,
                note=mark.note if note is None else note,
            )

        self._change([run], changed)
        return self.get(run)

    def of(self, runs: Sequence[Run]) -> Mapping[str, Mark]:
        """The marks of those of the runs that have one, by the runs' names."""
        marks = self._records()
        if not marks:
            return {}
        places = {run.name: real_path(run) for run in runs}
        return {name: marks[place] for name, place in places.items() if place in marks}

    def hidden_places(self) -> frozenset[str]:
        """Where the hidden runs are, those of all directories."""
        return frozenset(place for place, mark in self._records().items() if mark.hidden)

    def _kept(self, work: Callable[[], Any]) -> tuple[int | None, str]:
        try:
            work()
        except OSError as error:
            return None, f"{self.path} cannot be written: {error.strerror}."
        except ValueError as error:
            return None, f"This is not kept: {error}."
        return time.time_ns() // 1_000_000, ""

    def _change(self, runs: Iterable[Run], change: Callable[[Mark], Mark]) -> None:
        # All are looked at before the first is written: what one refuses is kept of none.
        before = [(run, self.get(run)) for run in runs]
        for run, old, mark in [(run, old, change(old)) for run, old in before]:
            self._write(real_path(run), old, mark)

    def _write(self, place: str, before: Mark, mark: Mark) -> None:
        if mark == UNMARKED:
            self._file(place).unlink(missing_ok=True)
        elif mark != before:
            said = {"star": mark.star, "note": mark.note}
            more = {"tags": list(mark.tags), "hidden": mark.hidden}
            record = {"run": place, **said, **more}
            write_privately(self._file(place), json.dumps(record).encode())

    def _records(self) -> dict[str, Mark]:
        """All marks by where their runs are; a file is read again only if it has changed."""
        try:
            expect_own(self.path)
            with os.scandir(self.path) as entries:
                files = sorted((e for e in entries if e.name.endswith(".json")), key=_name)
        except OSError:
            return {}
        before, self._known = self._known, {}
        for file in files:
            try:
                stat = file.stat()
            except OSError:  # taken back a moment ago
                continue
            signature = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            known = before.get(file.name)
            record = known[1] if known and known[0] == signature else _read(Path(file.path))
            if record is not None:
                self._known[file.name] = (signature, record)
        return dict(record for _, record in self._known.values())

    def _file(self, place: str) -> Path:
        digest = hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()
        return self.path / f"{digest[:32]}.json"


def marked_terms(marks: Mapping[str, Mark]) -> dict[str, Callable[[Run], Any]]:
    """What a condition may ask of runs that a user has marked, by name."""

    def of(run: Run) -> Mark:
        return marks.get(run.name, UNMARKED)

    return {
        "run.star": lambda run: of(run).star,
        "run.note": lambda run: of(run).note or MISSING,
        "run.tags": lambda run: ", ".join(of(run).tags) or MISSING,
        "run.hidden": lambda run: of(run).hidden,
    }


def parse_tags(text: str) -> tuple[str, ...]:
    """The tags in a text that has commas between them."""
    return tuple(dict.fromkeys(" ".join(tag.split()) for tag in text.split(",") if tag.strip()))


def _tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags, each once; raises ValueError where they are too long or too many."""
    once = tuple(dict.fromkeys(tags))
    for tag in once:
        if len(tag) > MAX_TAG:
            raise ValueError(f"a tag of {len(tag)} characters is too long: {MAX_TAG} is the most")
    if len(once) > MAX_TAGS:
        raise ValueError(f"{len(once)} tags are too many for a run: {MAX_TAGS} is the most")
    return once


def real_path(run: Run) -> str:
    """Where a run really is, whatever links lead to it."""
    path = str(run.directory)
    if os.path.islink(path):  # a root; below roots no link is followed
        return os.path.realpath(path)
    parent, name = os.path.split(path)
    return os.path.join(_real_parent(parent), name)


@lru_cache(maxsize=1024)
def _real_parent(path: str) -> str:
    # The runs of a sweep have one parent, and ten thousand times realpath takes a second.
    return os.path.realpath(path)


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _read(file: Path) -> tuple[str, Mark] | None:
    try:
        record = parse_json(read_kept(file, _MAX_FILE))
        tags = tuple(str(tag) for tag in record.get("tags", ()))  # older files have none
        hidden = bool(record.get("hidden"))
        return str(record["run"]), Mark(bool(record["star"]), str(record["note"]), tags, hidden)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        logging.getLogger(__name__).warning(
            "%s is no mark of a run: %s", visible(str(file)), visible(str(error))
        )
        return None
