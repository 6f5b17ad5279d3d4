"""What cannot be written: which file, which rows it lacks, and how the user hears of it."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import ParamSpec, TypeAlias

from exptools.visible import visible_lines

_Arguments = ParamSpec("_Arguments")


class LoggingError(OSError):
    """A file of the run cannot be written; it is named, and what it held stays readable."""

    def __str__(self) -> str:
        return visible_lines(f"{self.filename}: {self.strerror}")


@contextmanager
def as_logging_error(path: Path) -> Iterator[None]:
    """Turn the system's errors inside the block into a LoggingError that names the file."""
    try:
        yield
    except LoggingError:
        raise
    except OSError as error:
        raise LoggingError(error.errno, error.strerror, str(path)) from error


def obeys_on_error(verb: Callable[_Arguments, None]) -> Callable[_Arguments, None]:
    """A verb of a logger, whose errors of the system are raised or warned of as the user chose.

    Among them those of the modules that a verb loads when it is first used: where no file can be
    opened any more, they cannot be loaded either. What the user did wrong is raised as it is.
    """

    @functools.wraps(verb)
    def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        try:
            verb(*args, **kwargs)
        except (OSError, ImportError) as error:
            problem = _as_problem(error, verb.__name__)
            if problem is None:
                raise
            args[0]._current.complain(problem)  # type: ignore[attr-defined]

    return call


def _as_problem(error: OSError | ImportError, verb: str) -> LoggingError | None:
    """The error as one of the logger's; None where it is none of ours or the system's."""
    if isinstance(error, LoggingError):
        return error
    if isinstance(error, ModuleNotFoundError) or not _is_of_an_import(error):
        return None
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    path = error.filename if isinstance(error, OSError) else error.path
    message = f"{reason}; {verb} cannot load it and has logged nothing"
    problem = LoggingError(getattr(error, "errno", None), message, path or "a module")
    problem.__cause__ = error
    return problem


def _is_of_an_import(error: BaseException) -> bool:
    if isinstance(error, ImportError):
        return True
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if code.co_name == "<module>" or code.co_filename.startswith("<frozen importlib"):
            return True
        step = step.tb_next
    return False


def replaced_error(path: Path) -> LoggingError:
    """The error of a file that somebody put another one in place of."""
    return LoggingError(None, "replaced by another file during the run", str(path))


UnwrittenRows: TypeAlias = dict[Path, dict[int, LoggingError]]
"""For each file that lacks rows: their steps, and why each could not be written."""


def unwritten_rows_error(unwritten: UnwrittenRows, files: Sequence[Path]) -> LoggingError:
    """One error for all files: what the first one lacks and why, and how the others fared.

    Args:
        unwritten: not empty.
        files: all to which the rows should have gone.
    """
    first = next(iter(unwritten))
    cause = next(iter(unwritten[first].values()))
    parts = [f"{cause.strerror}; this file lacks {_rows(unwritten[first])}"]
    for path in (path for path in files if path != first):
        fared = f"lacks {_rows(unwritten[path])}" if path in unwritten else "has it"
        parts.append(f"{path.name} {fared}")
    error = LoggingError(cause.errno, ", ".join(parts), str(first))
    error.__cause__ = cause
    return error


def warn_user(message: str) -> None:
    """Warn at the line of the user's code that led here, however deep in the logger we are."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_ours(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(visible_lines(message), stacklevel=level)


def _rows(steps: Mapping[int, LoggingError]) -> str:
    names = ", ".join(map(str, steps))
    return f"the row of step {names}" if len(steps) == 1 else f"the rows of steps {names}"


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("exptools.logging.")
