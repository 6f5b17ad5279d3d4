"""What of JSON is a metric's value."""

from __future__ import annotations

import math
from typing import Any


def number(value: Any) -> float | None:
    """A number as a float, a boolean as 0 or 1; None for anything else."""
    if not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer beyond all floats
        return math.inf if value > 0 else -math.inf
