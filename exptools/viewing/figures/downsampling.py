"""Fewer points that look the same. For screens only: what is exported is never reduced."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tsdownsample import MinMaxDownsampler, NaNMinMaxDownsampler

from exptools.viewing.arrays import Floats, Ints
from exptools.viewing.curves.statistics.aggregation import Curve
from exptools.viewing.curves.statistics.centers import scale_of


def downsample(curve: Curve, points: int, window: tuple[float, float] | None = None) -> Curve:
    """The points of a curve that decide how it looks: about so many at most, never other values.

    x is cut into equal bins; of each stay the lowest and the highest point of the centre and of
    both edges of the band, and a gap if it has one (MinMax aggregation, Jugel et al., 2014).
    The first and the last point always stay; of a ``window`` of x, one point on either side, too.
    """
    rows = rows_to_draw(curve, points, window)
    return curve if len(rows) == len(curve.x) else _rows(curve, rows)


def rows_to_draw(curve: Curve, points: int, window: tuple[float, float] | None = None) -> Ints:
    """Which points of a curve ``downsample`` keeps."""
    start, end = 0, len(curve.x)
    if window is not None:
        start = max(0, int(np.searchsorted(curve.x, window[0])) - 1)
        end = min(end, int(np.searchsorted(curve.x, window[1], "right")) + 1)
    if end - start <= points:
        return np.arange(start, end)
    seen = slice(start, end)
    lines = [curve.center[seen], curve.low[seen], curve.high[seen]]
    there = [line for line in lines if not np.isnan(line).all()]
    x = curve.x[seen] / scale_of(float(np.max(np.abs(curve.x[seen]))))
    each = max(2, points // (2 * max(len(there), 1)) * 2)
    kept = [_extremes(x, line, each) for line in there or lines[:1]]
    return start + np.unique(np.concatenate([[0, len(x) - 1], *kept]))


def _extremes(x: Floats, y: Floats, points: int) -> Ints:
    kinds = (MinMaxDownsampler, NaNMinMaxDownsampler) if np.isnan(y).any() else (MinMaxDownsampler,)
    return np.concatenate([kind().downsample(x, y, n_out=points) for kind in kinds]).astype(
        np.int64
    )


def _rows(curve: Curve, rows: Ints) -> Curve:
    x, center, low, high = (line[rows] for line in (curve.x, curve.center, curve.low, curve.high))
    return replace(curve, x=x, center=center, low=low, high=high, n=curve.n[rows])
