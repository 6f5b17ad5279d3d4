"""From the runs of a group to one curve: aligned by x, with centre, band and number of runs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Series = tuple[Floats, Floats]  # x and y of one run, of one length, in any order of x


@dataclass(frozen=True)
class Curve:
    """A group's curve; all arrays have the shape [points]."""

    x: Floats  # ascending
    center: Floats  # NaN where no run has a value: a gap
    low: Floats  # the band's lower edge; NaN where it has none: no band asked for, or n < 2
    high: Floats  # the band's upper edge, likewise
    n: NDArray[np.int64]  # runs that have a value at x
    not_finite: int = 0  # logged values that are NaN or infinite: gaps of their runs
    backward: int = 0  # rows whose x is not above that of the row before: sorted, the last counts


def aggregate(
    runs: Sequence[Series],
    center: str = "mean",
    band: str = "std",
    *,
    bin_width: float | None = None,
    strata: Sequence[Hashable] | None = None,
) -> Curve:
    """See the final version."""
    raise NotImplementedError


def final_value(curve: Curve) -> float:
    """The last centre that is a number, NaN where none is."""
    values = curve.center[np.isfinite(curve.center)]
    return float(values[-1]) if len(values) else float("nan")
