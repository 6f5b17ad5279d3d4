"""Log: scalars of a run to progress.csv and TensorBoard.

``logger`` is loaded when it is first used, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exptools.logging.run_logger import logger

__all__ = ["logger"]

_HOMES = {"logger": "exptools.logging.run_logger"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module 'exptools.logging' has no attribute {name!r}; it has {__all__}"
        )
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
