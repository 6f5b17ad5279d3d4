"""What a run's earlier attempts wrote: nothing is thrown away when the run is started again."""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path

from exptools.logging.errors import as_logging_error
from exptools.logging.media.store import set_aside_media
from exptools.logging.run.locks import Attempt
from exptools.logging.run.values import set_values_aside
from exptools.logging.writers.append_file import first_free
from exptools.logging.writers.csv import read_header
from exptools.rundir import PROGRESS_CSV, write_atomic

_log = logging.getLogger(__name__)


def end_attempts_before(
    directory: Path, attempt: Attempt, first_step: int, *, may_go_back: bool
) -> int | None:
    """Set aside what earlier attempts wrote, as far as it does not count any more.

    Args:
        directory: the run.
        attempt: the one that begins now.
        first_step: of its first row.
        may_go_back: whether an attempt that goes on may do so from an earlier step than it said.
            It may in the process that said so: the steps of a worker may be counted otherwise.

    Returns:
        the step from which on it does not count, None where nothing was written before.

    Raises:
        LoggingError: a file cannot be read, written or renamed.
    """
    table = directory / PROGRESS_CSV
    if attempt.resumed is None:
        moved, start = set_aside(table), min(first_step, 0)
        set_aside_media(directory, after=None, size=attempt.index_size)
        set_values_aside(directory, attempt)
    else:
        start = attempt.resumed + 1
        if may_go_back:
            start = min(start, first_step)
        moved = cut_back(table, start - 1)
        set_aside_media(directory, after=start - 1, size=attempt.index_size)
        _log.info("going on in %s from step %d", directory, start)
    if moved:
        _log.info("rows of the attempt before that are replaced: %s", moved)
    return start if any(directory.glob("events.out.tfevents.*")) else None


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
    with as_logging_error(path):
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
    with as_logging_error(path):
        content = path.read_bytes()
    header, tags = read_header(io.BytesIO(content))
    if tags is None:
        return set_aside(path)
    kept, cut = [header], [header]
    for line in content[len(header) :].splitlines(keepends=True):
        (kept if _is_up_to(line, step) else cut).append(line)
    if len(cut) == 1:
        return None
    free = _free_name(path)
    # In this order: a death in between leaves the rows in two places rather than in none.
    with as_logging_error(free):
        write_atomic(free, b"".join(cut))
    with as_logging_error(path):
        write_atomic(path, b"".join(kept))
    return free


def _is_up_to(line: bytes, step: int) -> bool:
    with contextlib.suppress(ValueError):  # a torn line, too, may begin with a number
        return int(line.partition(b",")[0]) <= step and line.endswith(b"\n")
    return False


def _free_name(path: Path) -> Path:
    return first_free(lambda attempt: path.with_suffix(f".{attempt}{path.suffix}"), start=1)
