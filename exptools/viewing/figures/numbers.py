"""Numbers along an axis as people write them: 100M and 1.5B, not 0.1B; 1e−5, not 10μ."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from exptools.viewing.arrays import Floats

MANY = 1000  # from ticks that are so far apart on, each has its own k, M, B or T
SMALL = {-2: "μ", -3: "n", -4: "p", -5: "f"}  # Plotly's units, by thousands
UNITS = {3: "k", 6: "M", 9: "B", 12: "T"}
_STOPS = (
    {"dtickrange": [None, MANY], "value": ""},
    {"dtickrange": [MANY, None], "value": ".12~s"},
)
_PARTS = 50  # into which a power of ten is cut, so fine ticks can be before they say G for B


def _powers() -> dict[str, str]:
    """Powers of ten on a logarithmic axis: as Plotly writes them, and as people do."""
    large = {f"{10**e:,}": large_number(10.0**e) if e > 3 else "1000" for e in range(3, 15)}
    small = {f"{10 ** (e % 3)}{SMALL[e // 3]}": small_power(e) for e in range(-15, -3)}
    return large | small


def large_numbers(up_to: float) -> dict[str, Any]:
    """What an axis of numbers up to ``up_to`` has in Plotly's layout.

    Plotly's own units for large numbers are one for the whole axis, and its format that has one
    for each says G where people say B; for small ones it says μ, or has a power of ten.
    """
    if up_to < MANY:
        return {"exponentformat": "e", "labelalias": {"1e−3": "0.001", "1e+3": "1000"}}
    texts: dict[str, Any] = {"tickformatstops": list(_STOPS), "labelalias": _powers()}
    if not 1e9 <= up_to < 1e12:
        return texts
    part = 10.0 ** math.floor(math.log10(up_to)) / _PARTS
    values = [count * part / 1e9 for count in range(1, math.ceil(up_to / part) + _PARTS)]
    aliases = {f"{value:.12g}G": f"{value:.12g}B" for value in values if 1 <= value < 1000}
    return texts | {"labelalias": texts["labelalias"] | aliases}


def largest(parts: Iterable[Floats]) -> float:
    """The largest finite number in some arrays, whatever its sign."""
    finite = [np.abs(part[np.isfinite(part)]) for part in parts]
    return max((float(part.max()) for part in finite if len(part)), default=0.0)


def small_power(exponent: int, digits: str = "1") -> str:
    """Digits times a power of ten below 1: "1e−5"."""
    return f"{digits}e−{-exponent}"


def large_number(value: float) -> str:
    """A number as such an axis has it."""
    if not value:
        return "0"
    if not math.isfinite(value):
        return "—"
    exponent = min(12, 3 * (math.floor(math.log10(abs(value)) + 1e-12) // 3))
    unit = UNITS.get(exponent, "")
    return f"{value / 10.0**exponent if unit else value:.12g}{unit}".replace("-", "−")
