"""One number a run: what a table shows, a bar has, and the best setting is chosen by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exptools.viewing.curves.alignment import Tidy, tidy
from exptools.viewing.curves.options import Choice, Option, parse
from exptools.viewing.curves.statistics import scale_of

Floats = NDArray[np.float64]

SUMMARIES = {
    "last": Choice(),
    "min": Choice(),
    "max": Choice(),
    "mean": Choice((None,), 1, 1e9, "how many of the last values, as in mean:10,"),
    "at": Choice((None,), meaning="a value of x, as in at:1000,"),
    "auc": Choice(),
}


def parse_summary(text: str) -> Option:
    """Read a summary's name: ``last``, ``min``, ``max``, ``mean:10``, ``at:1000``, ``auc``."""
    return parse("summary", text, SUMMARIES)


def summarize(x: Floats, y: Floats, how: Option) -> float:
    """A run's curve in one number; NaN where the run has no such number.

    - ``last``: the last value, NaN if that is what it is, for a run that diverged ends so;
    - ``min``, ``max``: of the values that are finite;
    - ``mean:k``: of the last k values, or of all if there are fewer; NaN if one is not finite;
    - ``at:x``: the value there, on the line between its neighbours; NaN outside of the run;
    - ``auc``: the area under the curve by trapezoids, in units of x times y; NaN with a gap.
    """
    (run,) = tidy([(x, y)])
    if not len(run.x):
        return float("nan")
    if how.name == "last":
        return float(run.y[-1])
    if how.name == "at":
        return _at(run, how.numbers[0])
    if how.name == "auc":
        return _area(run)
    if how.name == "mean":
        window = run.y[-int(how.numbers[0]) :]
        return float(np.mean(window / len(window)) * len(window))  # a sum might overflow
    extreme = np.fmin if how.name == "min" else np.fmax
    return float(extreme.reduce(run.y))


def _at(run: Tidy, x: float) -> float:
    inside = run.x[0] <= x <= run.x[-1]
    exact = np.flatnonzero(run.x == x)
    if len(exact):
        return float(run.y[exact[0]])
    return float(np.interp(x, run.x, run.y)) if inside else float("nan")


def _area(run: Tidy) -> float:
    scale = scale_of(run.bound)
    heights = run.y / scale
    return float(((heights[1:] + heights[:-1]) / 2 * np.diff(run.x)).sum() * scale)
