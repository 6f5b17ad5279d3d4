"""Rows that a file lacks, because it could not be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from exptools.logging.append_file import LoggingError

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
