"""Where the ticks of an axis are, and what they say: as Plotly has them, which draws over them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from exptools.viewing.figures.numbers import MANY, large_number, small_power

PREFIXES = {0: "", 3: "k", 6: "M", 9: "B", 12: "T"}  # Plotly's "B"


@dataclass(frozen=True)
class Tick:
    """A tick: its place from 0 to 1 along the axis, and its text."""

    place: float
    text: str


def ticks(low: float, high: float, most: int, *, log: bool) -> list[Tick]:
    """About ``most`` ticks from ``low`` to ``high``; of a logarithmic axis both are exponents."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return []
    if log:
        exponents = range(math.ceil(low), math.floor(high) + 1)
        if len(exponents) > most:
            return []
        return [Tick((e - low) / (high - low), _text(10.0**e, e, e)) for e in exponents]
    step = _step((high - low) / most)
    first = math.ceil(low / step - 1e-9)
    places = [first + count for count in range(100)]
    values = [place * step for place in places if place * step <= high + step * 1e-9]
    largest = max(abs(low), abs(high))
    exponent = math.floor(math.log10(largest) + 0.01) if largest else 0
    smallest = math.floor(math.log10(step) + 1e-9)
    return [Tick((v - low) / (high - low), _text(v, exponent, smallest)) for v in values]


def _step(rough: float) -> float:
    """The round number that is not below a rough one: 2, 5 or 10 times a power of ten."""
    base = 10.0 ** math.floor(math.log10(rough))
    return base * next((part for part in (1, 2, 5) if rough / base <= part), 10)


def _text(value: float, exponent: int, smallest: int) -> str:
    """The number with the digits that tell it from its neighbours."""
    if 10.0**smallest >= MANY and exponent != smallest:
        return large_number(value)
    if exponent < -3:
        thousands = exponent
    else:
        thousands = 3 * round((exponent - 1) / 3) if exponent > 3 else 0
        if thousands not in PREFIXES:
            return f"{value:.3g}".replace("-", "−")
    digits = min(max(0, thousands - smallest), 12)
    text = f"{value / 10.0**thousands:.{digits}f}".replace("-", "−")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    if text.lstrip("−") == "0":
        return "0"
    return small_power(exponent, text) if exponent < -3 else f"{text}{PREFIXES[thousands]}"
