"""Launch, log, view and compare machine-learning experiments with Hydra.

The names below are loaded when they are first used, so that ``import exptools`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exptools.launching.stopping import should_stop
    from exptools.logging.run_logger import logger

__all__ = ["logger", "should_stop"]

_HOMES = {"logger": "exptools.logging.run_logger", "should_stop": "exptools.launching.stopping"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'exptools' has no attribute {name!r}; it has {__all__}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
