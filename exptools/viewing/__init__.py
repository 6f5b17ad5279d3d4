"""View: find runs, say what differs between them, draw their curves.

In a notebook: ``import exptools.viewing as xv; runs = xv.load("outputs/")``. The names below are
loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exptools.viewing.collection import Runs, load
    from exptools.viewing.comparing import Best
    from exptools.viewing.configs import MISSING
    from exptools.viewing.curves import Curve
    from exptools.viewing.curveset import CurveSet, GroupCurve
    from exptools.viewing.options import QueryError

__all__ = ["MISSING", "Best", "Curve", "CurveSet", "GroupCurve", "QueryError", "Runs", "load"]

_HOMES = {
    "MISSING": "exptools.viewing.configs",
    "Best": "exptools.viewing.comparing",
    "Curve": "exptools.viewing.curves",
    "CurveSet": "exptools.viewing.curveset",
    "GroupCurve": "exptools.viewing.curveset",
    "QueryError": "exptools.viewing.options",
    "Runs": "exptools.viewing.collection",
    "load": "exptools.viewing.collection",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module 'exptools.viewing' has no attribute {name!r}; it has {__all__}"
        )
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
