"""What a run's earlier attempts wrote: nothing is thrown away when the run is started again."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

from exptools.asides import remove_leftovers
from exptools.logging.errors import as_logging_error
from exptools.logging.media.store import MediaRecord, set_aside_media
from exptools.logging.rows.row import Row
from exptools.logging.run.earlier.continuing import Kept, rows_that_count
from exptools.logging.run.earlier.position import EarlierRows
from exptools.logging.run.row_lock import RowLock
from exptools.logging.run.values import set_values_aside
from exptools.logging.writers.append_file import first_free
from exptools.logging.writers.tensorboard import EVENT_FILES, Purge, aside_directories
from exptools.plain_files import walk
from exptools.rundir import (
    EXPTOOLS_DIR,
    MEDIA_DIR,
    PROGRESS_CSV,
    SNAPSHOTS_DIR,
    write_atomic,
)

_log = logging.getLogger(__name__)


def end_attempts_before(
    directory: Path, turn: RowLock, first_rows: Sequence[Row], *, may_go_back: bool
) -> Purge | None:
    """Set aside what earlier attempts wrote, as far as it does not count any more.

    Args:
        directory: the run.
        turn: says of the attempt that begins now.
        first_rows: its first rows, which are about to be written, the earliest first.
        may_go_back: whether an attempt that goes on may do so from an earlier step than it said.
            It may in the process that said so: the steps of a worker may be counted otherwise.

    Returns:
        what TensorBoard should forget, None where nothing was written before.

    Raises:
        LoggingError: a file cannot be read, written or renamed.
    """
    table, attempt = directory / PROGRESS_CSV, turn.attempt
    if attempt.resumed is None:
        moved = set_aside(table)
        set_aside_media(directory, lambda *_: False, attempt.index_size)
        set_values_aside(directory, attempt)
        purge = Purge(min([0, *(row.step for row in first_rows)]), frozenset())
    else:
        earlier = EarlierRows.read(table)
        kept = rows_that_count(earlier, attempt, first_rows, may_go_back=may_go_back)
        # A death behind the cut would leave nothing else that tells it.
        replaced = _replaced(earlier, kept) + ([] if attempt.forget is None else [attempt.forget])
        turn.attempt = attempt._replace(forget=min(replaced, default=None))
        moved = cut(table, earlier, kept.rows)
        media = set_aside_media(directory, kept.has_medium, attempt.index_size)
        purge = _purge(earlier, kept, replaced, *media)
        _log.info("going on in %s from step %d", directory, kept.until + 1)
    if moved:
        _log.info("rows of the attempt before that are replaced: %s", moved)
    return purge if any(directory.glob(EVENT_FILES)) else None


def _replaced(table: EarlierRows, kept: Kept) -> list[int]:
    """The steps of the rows that do not count."""
    rows = zip(kept.rows, table.steps, strict=True)
    return [int(step) for counts, step in rows if not counts and step < math.inf]


def _purge(
    table: EarlierRows,
    kept: Kept,
    replaced: Sequence[int],
    moved: Sequence[MediaRecord],
    stay: Sequence[MediaRecord],
) -> Purge:
    """What TensorBoard should forget: from the first step on that is replaced, but what stays."""
    rows = list(zip(range(len(kept.rows)), kept.rows, table.steps, strict=True))
    replaced = [*replaced, *(medium.step for medium in moved)]
    if not replaced:
        last = max((int(step) for _, counts, step in rows if counts), default=kept.until)
        return Purge(max(last, kept.until) + 1, frozenset())
    begin = min(replaced)
    spared = {(int(at), table.wall_time(n)) for n, counts, at in rows if counts and at >= begin}
    spared.update((medium.step, medium.wall_time) for medium in stay if medium.step >= begin)
    return Purge(begin, frozenset(spared))


def remove_what_was_written_aside(directory: Path) -> None:
    """Remove the unfinished files of processes that were killed.

    Raises:
        LoggingError: as `aside_directories`.
    """
    asides = aside_directories(directory)
    for place in (directory, directory / EXPTOOLS_DIR, directory / SNAPSHOTS_DIR, *asides):
        remove_leftovers(place)
    for folder, _ in walk(directory / MEDIA_DIR):
        remove_leftovers(Path(folder))


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


def cut(path: Path, table: EarlierRows, counts: Sequence[bool]) -> Path | None:
    """Keep some of the rows of ``progress.csv``; the others move as :func:`set_aside` says.

    A file that is not ours moves as a whole.

    Returns:
        where the rows that were cut off are now, None where none were.

    Raises:
        LoggingError: a file cannot be written; ``progress.csv`` is as it was.
    """
    if not table.is_ours:
        return set_aside(path)
    if all(counts):
        return None
    lines = [*zip(table.lines, counts, strict=True)]
    free = _free_name(path)
    # In this order: a death in between leaves the rows in two places rather than in none.
    with as_logging_error(free):
        write_atomic(free, table.header + b"".join(line for line, stays in lines if not stays))
    with as_logging_error(path):
        write_atomic(path, table.header + b"".join(line for line, stays in lines if stays))
    return free


def _free_name(path: Path) -> Path:
    return first_free(lambda attempt: path.with_suffix(f".{attempt}{path.suffix}"), start=1)
