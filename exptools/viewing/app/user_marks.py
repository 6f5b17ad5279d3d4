"""Stars and notes on runs: the user's own, kept in the user's data directory and never in a run's.

Each marked run has a file of its own, named after the run's real path, that is replaced atomically;
so two servers never undo what the other has kept of another run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from platformdirs import user_data_path

from exptools.rundir import read_regular
from exptools.viewing.cache_files import make_private, write_privately
from exptools.viewing.run import Run

MAX_NOTE = 10_000  # characters
_MAX_FILE = 2**18  # bytes: a note of characters outside of ASCII, and a path


@dataclass(frozen=True)
class Mark:
    """What a user has said of a run."""

    star: bool = False
    note: str = ""


UNMARKED = Mark()


class UserMarks:
    """The marks of a user, in a directory: by default in the system's place for user data."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_data_path("exptools", appauthor=False) / "marks"
        make_private(self.path)

    def get(self, run: Run) -> Mark:
        """The mark of a run."""
        record = _read(self._file(real_path(run)))
        return record[1] if record else UNMARKED

    def keep(
        self, run: Run, *, star: bool | None = None, note: str | None = None
    ) -> tuple[int | None, str]:
        """As ``set``: the time in ms since 1970, or None and the sentence that says why not."""
        try:
            self.set(run, star=star, note=note)
        except OSError as error:
            return None, f"{self.path} cannot be written: {error.strerror}."
        except ValueError as error:
            return None, f"This is not kept: {error}."
        return time.time_ns() // 1_000_000, ""

    def turn_star(self, run: Run) -> tuple[int | None, str]:
        """Star a run or take its star back; what ``keep`` says."""
        return self.keep(run, star=not self.get(run).star)

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
        before = self.get(run)
        mark = Mark(before.star if star is None else star, before.note if note is None else note)
        place = real_path(run)
        if mark == UNMARKED:
            self._file(place).unlink(missing_ok=True)
        elif mark != before:
            record = {"run": place, "star": mark.star, "note": mark.note}
            write_privately(self._file(place), json.dumps(record).encode())
        return mark

    def of(self, runs: Sequence[Run]) -> Mapping[str, Mark]:
        """The marks of those of the runs that have one, by the runs' names."""
        try:
            files = sorted(self.path.glob("*.json"))
        except OSError:
            return {}
        marks = dict(record for file in files if (record := _read(file)) is not None)
        if not marks:
            return {}
        places = {run.name: real_path(run) for run in runs}
        return {name: marks[place] for name, place in places.items() if place in marks}

    def _file(self, place: str) -> Path:
        digest = hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()
        return self.path / f"{digest[:32]}.json"


def real_path(run: Run) -> str:
    """Where a run really is, whatever links lead to it."""
    if run.directory.is_symlink():  # a root; below roots no link is followed
        return os.path.realpath(run.directory)
    return os.path.join(_real_parent(str(run.directory.parent)), run.directory.name)


@lru_cache(maxsize=1024)
def _real_parent(path: str) -> str:
    # The runs of a sweep have one parent, and ten thousand times realpath takes a second.
    return os.path.realpath(path)


def _read(file: Path) -> tuple[str, Mark] | None:
    try:
        record = json.loads(read_regular(file, _MAX_FILE))
        return str(record["run"]), Mark(bool(record["star"]), str(record["note"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError) as error:
        logging.getLogger(__name__).warning("%s is no mark of a run: %s", file, error)
        return None
