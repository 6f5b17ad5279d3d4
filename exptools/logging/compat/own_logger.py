"""``exptools.logging.Logger``: a logger of one's own, which logs to a directory from the start."""

from __future__ import annotations

import os
from pathlib import Path

from exptools.logging.compat.logger import CompatLogger
from exptools.logging.run.earlier.position import last_step
from exptools.logging.run_logger import Logger as RunLogger
from exptools.rundir import PROGRESS_CSV


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
