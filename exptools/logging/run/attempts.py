"""The rows of a run's earlier attempts: none is thrown away when the run is started again."""

from __future__ import annotations

import contextlib
from pathlib import Path

from exptools.logging.errors import naming
from exptools.logging.writers.append_file import first_free
from exptools.logging.writers.csv import read_header
from exptools.rundir import write_atomic


def set_aside(path: Path) -> Path | None:
    """Move the rows of an earlier attempt from ``progress.csv`` to ``progress.<attempt>.csv``.

    The file moves as it is, even torn. Where there is none, nothing happens.

    Returns:
        where the rows are now, None where there were none.

    Raises:
        LoggingError: the file cannot be renamed.
    """
    if not path.exists():
        return None
    free = _free_name(path)
    with naming(path):
        path.rename(free)
    return free


def cut_back(path: Path, step: int) -> Path | None:
    """Keep of ``progress.csv`` the rows up to a step; the others move as :func:`set_aside` says.

    So does a torn last line. A file that is not ours moves as a whole.

    Returns:
        where the rows that were cut off are now, None where none were.

    Raises:
        LoggingError: a file cannot be written; ``progress.csv`` is as it was.
    """
    if not path.exists():
        return None
    with naming(path):
        content = path.read_bytes()
    header, tags = read_header(content)
    if tags is None:
        return set_aside(path)
    kept, cut = [header], [header]
    for line in content[len(header) :].splitlines(keepends=True):
        (kept if _is_up_to(line, step) else cut).append(line)
    if len(cut) == 1:
        return None
    free = _free_name(path)
    # In this order: a death in between leaves the rows in two places rather than in none.
    with naming(free):
        write_atomic(free, b"".join(cut))
    with naming(path):
        write_atomic(path, b"".join(kept))
    return free


def _is_up_to(line: bytes, step: int) -> bool:
    with contextlib.suppress(ValueError):  # a torn line, too, may begin with a number
        return int(line.partition(b",")[0]) <= step and line.endswith(b"\n")
    return False


def _free_name(path: Path) -> Path:
    return first_free(lambda attempt: path.with_suffix(f".{attempt}{path.suffix}"), start=1)
