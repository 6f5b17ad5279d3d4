"""The logger's errors: which file could not be written, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias


class LoggingError(OSError):
    """A file of the run cannot be written; it is named, and what it held stays readable."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn the system's errors inside the block into a LoggingError that names the file."""
    try:
        yield
    except LoggingError:
        raise
    except OSError as error:
        raise LoggingError(error.errno, error.strerror, str(path)) from error


def replaced(path: Path) -> LoggingError:
    """The error of a file in whose place another one has come."""
    return LoggingError(None, "replaced by another file during the run", str(path))


LostRows: TypeAlias = dict[Path, dict[int, LoggingError]]
"""Of each file that lacks some, the steps of the rows, and why it lacks them."""


def report(lost: LostRows, files: Sequence[Path]) -> LoggingError:
    """One error for all files: what the first one lacks, and how the others fared.

    Args:
        lost: not empty.
        files: all to which the rows should have gone.
    """
    first = next(iter(lost))
    error = next(iter(lost[first].values()))
    parts = [f"{error.strerror}; this file lacks {_rows(lost[first])}"]
    for path in (path for path in files if path != first):
        parts.append(f"{path.name} {f'lacks {_rows(lost[path])}' if path in lost else 'has it'}")
    report = LoggingError(error.errno, ", ".join(parts), str(first))
    report.__cause__ = error
    return report


def _rows(lost: Mapping[int, LoggingError]) -> str:
    steps = ", ".join(map(str, lost))
    return f"the row of step {steps}" if len(lost) == 1 else f"the rows of steps {steps}"
