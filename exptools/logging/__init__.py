"""Log a run.

The ``logger`` of this package has the verbs of the seed API besides those of ``exptools.logger``;
both log to the same run. It is loaded when it is first used, so importing this costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exptools.logging.seed_logger import logger

__all__ = ["logger"]

_HOMES = {"logger": "exptools.logging.seed_logger"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module 'exptools.logging' has no attribute {name!r}; it has {__all__}"
        )
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
