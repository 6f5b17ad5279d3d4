"""Launch, log, view and compare machine-learning experiments with Hydra.

The names below are loaded when they are first used, so that ``import exptools`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exptools.lazy import lazy_attributes

if TYPE_CHECKING:
    from exptools.launching.stopping import should_stop
    from exptools.logging.run_logger import logger

__all__ = ["logger", "should_stop"]

__getattr__ = lazy_attributes(
    __name__,
    {"logger": "exptools.logging.run_logger", "should_stop": "exptools.launching.stopping"},
)
