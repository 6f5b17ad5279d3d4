"""Which points of long curves are to be seen: the others cost time and show nothing."""

from __future__ import annotations

import numpy as np

from exptools.viewing.app.view import Range, View
from exptools.viewing.arrays import Ints
from exptools.viewing.curves.statistics.aggregation import Curve
from exptools.viewing.figures.downsampling import rows_to_draw
from exptools.viewing.figures.lines import MAX_POINTS

POINTS = 14_000  # of all lines together; with their bands Chromium draws them in 0.2 s
MANY_MORE = 2  # times as many points as are drawn: from there on it is worth to choose


class Thinning:
    """Chooses the points of a curve that are to be seen, where it has many more."""

    def __init__(self, view: View, lines: int) -> None:
        self._window = window_of(view)
        self._points = points_of(lines)
        self.is_done = False  # to any curve

    def __call__(self, curve: Curve) -> Ints:
        """The rows of the curve that are to be seen; all where it is not worth to choose."""
        if len(curve.x) <= MANY_MORE * self._points:
            return np.arange(len(curve.x))
        self.is_done = True
        return rows_to_draw(curve, self._points, self._window)


def points_of(lines: int, columns: int = 1) -> int:
    """The points of each of so many lines, in a panel that has its part of the chart's width."""
    return max(60, min(MAX_POINTS // columns, POINTS // max(1, lines)))


def window_of(view: View) -> Range | None:
    """What is seen of x, and a little on both sides, for the hand that moves it."""
    if view.x_range is None:
        return None
    low, high = view.x_range
    return low - (high - low) / 8, high + (high - low) / 8
