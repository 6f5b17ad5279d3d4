"""Scales and ranges of a paper figure's axes: linear, logarithmic, or symlog around 0."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatterSciNotation

from exptools.hints import suggestion
from exptools.viewing.arrays import Floats
from exptools.viewing.curves.statistics.aggregation import Curve
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.lines import Line
from exptools.viewing.figures.symlog import fitting

SCALES = ("linear", "log", "symlog")
Range = tuple[float, float]
_PLAIN = (1e-3, 1e5)  # where a number has few zeros
_SHORT = 20  # so many times the lowest the highest is at most, on an axis without powers of ten


@dataclass(frozen=True)
class Scales:
    """How numbers become places in a figure."""

    x: str = "linear"
    y: str = "linear"
    x_range: Range | None = None  # None: all of the curves
    y_range: Range | Mapping[str, Range] | None = None  # of all metrics, or by metric

    def check(self) -> None:
        """Raise QueryError where a scale or range is none."""
        for scale in (self.x, self.y):
            if scale not in SCALES:
                raise QueryError(f"there is no scale {scale!r}; {suggestion(str(scale), SCALES)}")
        spans = self.y_range.values() if isinstance(self.y_range, Mapping) else [self.y_range]
        for scale, span in [(self.x, self.x_range), *((self.y, span) for span in spans)]:
            if span is None:
                continue
            try:
                low, high = map(float, span)
            except (TypeError, ValueError):
                low = high = math.nan
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise QueryError(f"a range is two numbers, the smaller one first, not {span!r}")
            if scale == "log" and low <= 0:
                raise QueryError(f"a log axis begins above 0, so it cannot show {span}")

    def range_of(self, metric: str) -> Range | None:
        """What is shown of a metric's axis; None: all of it."""
        ranges = self.y_range
        return ranges.get(metric) if isinstance(ranges, Mapping) else ranges


def set_scale(axes: Axes, letter: str, scale: str, lines: Iterable[Line]) -> str:
    """Make an axis of this scale; what its title then says, too.

    Where it is symlog, it is linear around 0 as far as the lines need it.
    """
    if scale == "linear":
        return ""
    options: dict[str, float | str] = {"nonpositive": "mask"}
    words = ""
    if scale == "symlog":
        symlog = fitting(part for line in lines for part in _numbers(line.curve, letter))
        options = {"linthresh": symlog.threshold, "linscale": 0.9}  # as wide as a power of ten
        words = f" ({symlog.words})"
    (axes.set_xscale if letter == "x" else axes.set_yscale)(scale, **options)
    if scale == "log":
        axis = axes.xaxis if letter == "x" else axes.yaxis
        for form in (axis.set_major_formatter, axis.set_minor_formatter):
            form(_PlainInShortRanges())
    return words


class _PlainInShortRanges(LogFormatterSciNotation):
    """Numbers along a log axis: 30, 40, 50 where there are few powers of ten, not 3 × 10¹."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Nothing for the ticks that Matplotlib leaves without a number."""
        text = str(super().__call__(x, pos))
        low, high = sorted(self.axis.get_view_interval())  # type: ignore[union-attr]
        is_short = _PLAIN[0] <= low and high <= _PLAIN[1] and high < _SHORT * low
        return f"{x:g}" if text and is_short else text


def _numbers(curve: Curve, letter: str) -> list[Floats]:
    return [curve.x] if letter == "x" else [curve.center, curve.low, curve.high]


def on_log_axes(lines: Sequence[Line], scales: Scales) -> list[Line]:
    """The lines without what a log axis cannot show; a band ends with the lowest that it can."""
    values = [part for line in lines for part in (line.curve.center, line.curve.low)]
    positive = np.concatenate([*(v[np.isfinite(v) & (v > 0)] for v in values), np.empty(0)])
    lowest = float(positive.min()) if len(positive) else 1.0
    return [replace(line, curve=_on_log_axes(line.curve, scales, lowest)) for line in lines]


def _on_log_axes(curve: Curve, scales: Scales, lowest: float) -> Curve:
    there = (curve.x > 0) | (scales.x != "log")
    center, low, high = (np.where(there, v, np.nan) for v in (curve.center, curve.low, curve.high))
    if scales.y == "log":
        center = np.where(center > 0, center, np.nan)
        low = np.where(high > 0, np.maximum(low, lowest), np.nan)
        high = np.where(high > 0, high, np.nan)
    return replace(curve, center=center, low=low, high=high)
