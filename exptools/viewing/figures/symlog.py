"""An axis that is logarithmic away from 0 and linear around it: it has a place for all numbers.

Plotly has none: the numbers are drawn transformed, and the axis's ticks say what they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from exptools.viewing.arrays import Floats
from exptools.viewing.figures.numbers import large_number

MOST_DECADES = 6  # between the threshold and the largest number; what is smaller is near 0
NEAR_ZERO = 10  # per cent of the numbers are that, where they are of both signs
FEWEST_TICKS = 3


@dataclass(frozen=True)
class Symlog:
    """A symmetric logarithm; its linear part is as long as the way from one power of ten on."""

    threshold: float  # up to here linear, on both sides of 0

    @property
    def words(self) -> str:
        """What the axis's title says."""
        return f"linear within ±{number_text(self.threshold)}"

    def forward(self, values: Floats) -> Floats:
        """Where the numbers are on the axis, from 0 to 1 in its linear part."""
        parts = np.abs(values) / self.threshold
        with np.errstate(divide="ignore"):
            return np.sign(values) * np.where(parts <= 1, parts, 1 + np.log10(parts))

    def back(self, places: Floats) -> Floats:
        """The numbers at some places of the axis."""
        parts = np.abs(places)
        return np.sign(places) * self.threshold * np.where(parts <= 1, parts, 10 ** (parts - 1))

    def ticks(self, low: float, high: float, most: int) -> list[tuple[float, str]]:
        """Place and text of about ``most`` ticks between two places: 0 and powers of ten.

        Where there is hardly one, round numbers.
        """
        first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
        if last - first + 1 < FEWEST_TICKS:
            values = self._round_numbers(low, high, most)
        else:
            stride = -(-(last - first + 1) // most)
            places = [place for place in range(first, last + 1) if place % stride == 0]
            values = [float(self.back(np.array(float(place)))) for place in places]
        return [(float(self.forward(np.array(value))), number_text(value)) for value in values]

    def _round_numbers(self, low: float, high: float, most: int) -> list[float]:
        start, end = (float(self.back(np.array(place))) for place in (low, high))
        if not (math.isfinite(end - start) and end > start):
            return []
        rough = (end - start) / most
        base = 10.0 ** math.floor(math.log10(rough))
        step = base * next(part for part in (1, 2, 5, 10) if rough / base <= part)
        return [
            count * step for count in range(math.ceil(start / step), math.floor(end / step) + 1)
        ]


def number_text(value: float) -> str:
    """A number beside a tick."""
    text = large_number(value) if abs(value) >= 1000 else f"{value:.6g}"
    return text.replace("e-0", "e-").replace("-", "−")


def fitting(parts: Iterable[Floats]) -> Symlog:
    """The axis for some numbers.

    Where they are of both signs, the threshold is a power of ten below most of them, lest the few
    on their way through 0 take most of the axis. Otherwise it is the one below the smallest that is
    not 0, but no further than ``MOST_DECADES`` from the largest.
    """
    values = np.concatenate([*parts, np.empty(0)])
    values = values[np.isfinite(values) & (values != 0)]
    if not len(values):
        return Symlog(1.0)
    sizes = np.abs(values)
    both = values.min() < 0 < values.max()
    smallest = np.percentile(sizes, NEAR_ZERO) if both else sizes.min()
    low, high = (math.floor(math.log10(size)) for size in (smallest, sizes.max()))
    return Symlog(10.0 ** max(low, high - MOST_DECADES, -300))
