"""``exptools.logging.Logger``: a logger of one's own, which logs to a directory from the start."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from exptools.logging.compat.logger import CompatLogger
from exptools.logging.rows.row import MAX_STEP
from exptools.logging.run_logger import Logger as RunLogger
from exptools.plain_files import open_plain
from exptools.rundir import PROGRESS_CSV

_LONGEST_END = 2**20  # bytes in which that row is looked for


class Logger(CompatLogger):
    """The original's logger: made with a directory, while ``logger`` is the program's.

    Args:
        log_dir: the run directory.
        refresh: start afresh: rows of before move to ``progress.<attempt>.csv``.

    Raises:
        LoggingError: the run cannot be written, or another process logs there.
    """

    def __init__(self, log_dir: str | os.PathLike[str], refresh: bool = False) -> None:
        super().__init__(RunLogger())
        self.open(log_dir)
        last = last_step(Path(log_dir) / PROGRESS_CSV)
        if not refresh and last is not None:
            self.resume(last)


def last_step(table: Path) -> int | None:
    """The step of the last row that can be read; None where there is none near the end."""
    with contextlib.suppress(OSError), open(table, "rb", opener=open_plain) as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _LONGEST_END, 0))
        for line in reversed(file.read().splitlines()):
            with contextlib.suppress(ValueError):
                step = int(line.partition(b",")[0])
                return step if abs(step) <= MAX_STEP else None
    return None
