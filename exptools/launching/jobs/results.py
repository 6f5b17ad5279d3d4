"""``return.pkl``: what a job left behind, a line of JSON before a pickle.

The line tells how the job ended, and can be read from anybody's directory. The pickle runs code of
whoever wrote it when it is loaded: only what needs the value does so.
"""

from __future__ import annotations

import errno
import io
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from exptools.error_line import error_line
from exptools.launching.jobs.pickling import NotSent
from exptools.launching.jobs.seal import bears_seal
from exptools.launching.jobs.worker import Result
from exptools.plain_files import is_own, open_plain, refuse_linked_directory
from exptools.plain_json import parse_json
from exptools.rundir import RETURN_FILE

_LONGEST = 2**20  # bytes of the first line
_MOST_OF_OTHERS = 2**28  # bytes of a file of which only the seal can tell whose it is
_OLD = b"\x80"  # how the file began before it had a line of JSON: with a pickle


class ResultError(Exception):
    """A job's result stands on disk but cannot be read back."""


class NotLoaded(ResultError):
    """A job's result was not looked at, for others can have put it there."""


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


def read_result(run_dir: Path, key: bytes | None = None) -> Result | None:
    """The result that a job has left, None where there is none: it is unpickled.

    A value that cannot be unpickled here does not make a completed job another: it is a `NotSent`.

    Args:
        run_dir: where it is.
        key: with which the job's process has sealed it. None: it was another process that started
            the job, and its result must be a file that only this user can have written.

    Raises:
        NotLoaded: others can have written it, or it is no plain file.
        ResultError: it cannot be unpickled here, and is no value but an exception.
    """
    content = _read(run_dir, key)
    return None if content is None else _unpickle(io.BytesIO(content))


def _read(run_dir: Path, key: bytes | None) -> bytes | None:
    """What a job has left, of one open file: another may have its name in the next moment."""
    try:
        with _open(run_dir) as file:
            _refuse(file, key)
            content = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotLoaded(f"its {RETURN_FILE} is not loaded: {error.strerror}") from error
    if key is not None and not bears_seal(content, key):
        raise NotLoaded(f"its {RETURN_FILE} is not loaded: its process has not written it")
    return content


def _refuse(file: BinaryIO, key: bytes | None) -> None:
    if is_own(file.fileno()):
        return
    if key is None:
        raise PermissionError(errno.EPERM, "others can have written it")
    if os.fstat(file.fileno()).st_size > _MOST_OF_OTHERS:  # it may claim any size
        raise OSError(errno.EFBIG, "others can have written it, and it is very large")


def _unpickle(file: BinaryIO) -> Result:
    ending = None
    try:
        ending = _parse(file.readline(_LONGEST))
        if ending is None:
            file.seek(0)
            ending = Ending(*pickle.load(file))
        result = pickle.load(file)
    except (Exception, SystemExit) as failure:  # unpickling runs code of the user's classes
        problem = f"its result cannot be read back here: {error_line(failure)}"
        if ending is not None and ending.error is None:
            return Result(NotSent(problem), stopped=ending.stopped, lost=problem)
        words = ending.error if ending is not None else None
        raise ResultError(f"{words} ({problem})" if words else problem) from failure
    if not isinstance(result, Result):
        raise ResultError(f"its {RETURN_FILE} holds {type(result).__name__}, which is not ours")
    return result


def remove_result(run_dir: Path) -> None:
    """Remove what an earlier attempt at a job has left.

    Raises:
        OSError: it cannot be removed, or the run's ``.exptools`` is a link.
    """
    path = run_dir / RETURN_FILE
    refuse_linked_directory(str(path))
    path.unlink(missing_ok=True)


@dataclass(frozen=True)
class SavedValue:
    """Stands for what an earlier run returned where nobody is led by it: load it if trusted."""

    run_dir: Path

    def load(self) -> Any:
        """What it returned: None if it left nothing, a `NotSent` if it is not ours to load."""
        try:
            result = read_result(self.run_dir)
        except NotLoaded as refusal:
            return NotSent(str(refusal))
        return None if result is None else result.value


def _parse(line: bytes) -> Ending | None:
    if line.startswith(_OLD):
        return None
    record = parse_json(line)
    if not (isinstance(record, dict) and isinstance(record.get("error"), str | None)):
        raise ValueError("it does not begin with how the job ended")
    return Ending(record.get("error"), record.get("stopped") is True)


def _open(run_dir: Path) -> BinaryIO:
    return open(run_dir / RETURN_FILE, "rb", opener=open_plain)
