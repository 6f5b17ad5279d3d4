"""Log a run.

The model: a Run (the directory that is logged to) has Rows, one a step; each ended row goes to the
Writers (``progress.csv``, event files, the console), and a Snapshot is what a killed run goes on
from.

The ``logger`` of this package has the verbs of rlpyt and the original besides those of
``exptools.logger``; both log to the same run. It is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exptools.lazy import lazy_attributes

if TYPE_CHECKING:
    from exptools.logging.compat.logger import logger
    from exptools.logging.compat.own_logger import Logger

__all__ = ["Logger", "logger"]

__getattr__ = lazy_attributes(
    __name__,
    {
        "Logger": "exptools.logging.compat.own_logger",
        "logger": "exptools.logging.compat.logger",
    },
)
