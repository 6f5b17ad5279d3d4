"""``return.pkl``: what a job left behind, a line of JSON before a pickle.

The line tells how the job ended, and can be read from anybody's directory. The pickle runs code of
whoever wrote it when it is loaded: only what needs the value does so.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from exptools import plain_files
from exptools.error_line import error_line
from exptools.launching.jobs.pickling import NotSent
from exptools.launching.jobs.worker import Result
from exptools.plain_files import open_plain
from exptools.plain_json import parse_json
from exptools.rundir import RETURN_FILE

_LONGEST = 2**20  # bytes of the first line
_OLD = b"\x80"  # how the file began before it had a line of JSON: with a pickle


class ResultError(Exception):
    """A job's result stands on disk but cannot be read back."""


@dataclass(frozen=True)
class Ending:
    """How a job ended, as its own process said."""

    error: str | None = None  # in words
    stopped: bool = False  # it returned early, as it was asked to


def read_ending(run_dir: Path) -> Ending | None:
    """How a job ended; None where its process left no word, or one of an older version.

    Raises:
        ResultError: what stands there cannot be read.
    """
    try:
        with _open(run_dir) as file:
            return _parse(file.readline(_LONGEST))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ResultError(f"its {RETURN_FILE} cannot be read: {error_line(error)}") from error


def read_result(run_dir: Path) -> Result | None:
    """The result that a job has left, None where there is none: it is unpickled.

    A value that cannot be unpickled here does not make a completed job another: it is a `NotSent`.

    Raises:
        ResultError: it cannot be unpickled here, and is no value but an exception.
    """
    ending = read_ending(run_dir)
    try:
        with _open(run_dir) as file:
            if ending is None:
                ending = Ending(*pickle.load(file))
            else:
                file.readline()
            result = pickle.load(file)
    except FileNotFoundError:
        return None
    except (Exception, SystemExit) as failure:  # unpickling runs code of the user's classes
        problem = f"its result cannot be read back here: {error_line(failure)}"
        if ending is not None and ending.error is None:
            return Result(NotSent(problem), stopped=ending.stopped, lost=problem)
        words = ending.error if ending is not None else None
        raise ResultError(f"{words} ({problem})" if words else problem) from failure
    if not isinstance(result, Result):
        raise ResultError(f"its {RETURN_FILE} holds {type(result).__name__}, which is not ours")
    return result


@dataclass(frozen=True)
class SavedValue:
    """Stands for what an earlier run returned where nobody is led by it: load it if trusted."""

    run_dir: Path

    def load(self) -> Any:
        """What it returned: None if it left nothing, a `NotSent` if it is not ours to load."""
        if not (self.run_dir / RETURN_FILE).exists():
            return None
        if not is_own(self.run_dir):
            return NotSent(f"{self.run_dir / RETURN_FILE} can be another user's")
        result = read_result(self.run_dir)
        return None if result is None else result.value


def is_own(run_dir: Path) -> bool:
    """Whether a run's result is a file of this user, and nobody else can have written it."""
    try:
        with _open(run_dir) as file:
            return plain_files.is_own(file.fileno())
    except OSError:
        return False


def _parse(line: bytes) -> Ending | None:
    if line.startswith(_OLD):
        return None
    record = parse_json(line)
    if not (isinstance(record, dict) and isinstance(record.get("error"), str | None)):
        raise ValueError("it does not begin with how the job ended")
    return Ending(record.get("error"), record.get("stopped") is True)


def _open(run_dir: Path) -> BinaryIO:
    return open(run_dir / RETURN_FILE, "rb", opener=open_plain)
