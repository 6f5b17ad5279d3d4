"""Warnings, each at the line of the user's that it is of."""

from __future__ import annotations

import sys
import warnings


def warn_of_few(remark: str) -> None:
    """Warn of an interval of too few runs; ``remark`` is "" where it is not."""
    if remark:
        warnings.warn(
            f"the interval is by {remark}, and of fewer than ten it is too narrow; "
            "interval:95 is Student's where that fits",
            stacklevel=_depth() + 1,
        )


def _depth() -> int:
    """How many calls of this package the caller is below the user's own code."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("exptools.viewing"):
        depth, frame = depth + 1, frame.f_back
    return depth - 1
