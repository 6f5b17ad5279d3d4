"""From the runs of a group to one curve: aligned by x, with centre, band and number of runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np

from exptools.viewing.arrays import Floats, Ints, Series
from exptools.viewing.curves.statistics import bootstrap, centers
from exptools.viewing.curves.statistics.alignment import (
    Tidy,
    binned,
    shared_x,
    tidy,
    union,
    values_at,
)
from exptools.viewing.curves.statistics.options import Choice, Option, parse
from exptools.viewing.curves.statistics.smoothing import parse_smoothing, smooth
from exptools.viewing.errors import QueryError


@dataclass(frozen=True, repr=False)
class Curve:
    """A group's curve; all arrays have the shape [points]."""

    x: Floats  # ascending
    center: Floats  # NaN where no run has a value: a gap
    low: Floats  # the band's lower edge; NaN where it has none: no band asked for, or n < 2
    high: Floats  # the band's upper edge, likewise
    n: Ints  # runs that have a value at x
    not_finite: int = 0  # logged values that are NaN or infinite: gaps of their runs
    backward: int = 0  # rows whose x is not above that of the row before

    def __repr__(self) -> str:
        span = f", x from {self.x[0]:.10g} to {self.x[-1]:.10g}" if len(self.x) else ""
        return f"<Curve: {len(self.x)} point{'s' * (len(self.x) != 1)}{span}>"


@dataclass(frozen=True)
class Method:
    """How runs become a curve; made by ``parse_method``."""

    center: str
    band: Option  # "interval" only until it is known of how many runs: see ``fitting``
    smoothing: Option
    smooth_after: bool
    bin_width: float | None


# Of a curve with ± one standard deviation as its band: the rows that are to be seen.
Seen = Callable[[Curve], Ints]


def parse_method(
    center: str = "mean",
    band: str = "std",
    smooth: str | float | None = None,
    smooth_when: str = "before",
    bin_width: float | None = None,
) -> Method:
    """Check and read the options of ``aggregate``, which are those of ``Runs.curves``."""
    when = parse("smooth_when", smooth_when, {"before": Choice(), "after": Choice()})
    is_number = isinstance(bin_width, Real) and not isinstance(bin_width, bool)
    if bin_width is not None and not (is_number and 0 < bin_width < np.inf):
        raise QueryError(f"bin_width should be a positive number of units of x, not {bin_width!r}")
    middle, spread = centers.parse_center(center), centers.parse_band(band)
    centers.check_fit(middle, spread)
    return Method(
        middle,
        spread,
        parse_smoothing(smooth),
        when.name == "after",
        bin_width,
    )


MEAN_AND_STD = parse_method()


def fitting(method: Method, counts: Iterable[int]) -> Method:
    """The method with the interval that fits intervals of so many runs each."""
    return replace(method, band=centers.fitting_interval(method.center, method.band, counts))


def aggregate(
    runs: Sequence[Series],
    method: Method = MEAN_AND_STD,
    strata: Sequence[Hashable] | None = None,
    seen: Seen | None = None,
) -> Curve:
    """Centre and band over runs at every x that any of them has, or at the middles of bins.

    Between its own points a run counts with the straight line through them; before its first and
    after its last point it does not count. A value that is not finite is a gap of its run up to
    the neighbouring points. Of several values at one x the last one counts. Runs without a point
    do not count at all. Where no run reaches, a NaN keeps the line from bridging the hole. In a
    bin a run counts with the mean of its values there, and not at all if it has none.

    ``strata`` says of each run what it is a repetition of, for the bootstrap; by default all alike.
    A bootstrap is much work: where ``seen`` chooses points, these alone have one, and are given.
    """
    tidied = tidy(runs)
    kept = [place for place, run in enumerate(tidied) if len(run.x)]
    if not kept:
        nothing = np.empty(0)
        return Curve(nothing, nothing, nothing, nothing, np.empty(0, np.int64))
    tidied = [tidied[place] for place in kept]
    method = fitting(method, [len(kept)])
    scale = centers.scale_of(max(run.bound for run in tidied))
    prepared = [prepare(run, method, scale) for run in tidied]
    same = [strata[place] if strata else None for place in kept]
    if seen is not None and method.band.name == "ci" and not method.smooth_after:
        x, center, low, high, n = _bootstrapped(prepared, method, same, seen)
    else:
        x, center, low, high, n = _combine(prepared, method, same)
    if method.smooth_after:
        center, low, high = (smooth(line, method.smoothing) for line in (center, low, high))
    if scale != 1:
        center, low, high = center * scale, low * scale, high * scale
    not_finite = sum(run.not_finite for run in tidied)
    return Curve(x, center, low, high, n, not_finite, sum(run.backward for run in tidied))


def final_value(curve: Curve) -> float:
    """The last centre that is a number, NaN where none is."""
    values = curve.center[np.isfinite(curve.center)]
    return float(values[-1]) if len(values) else float("nan")


def prepare(run: Tidy, method: Method, scale: float) -> Tidy:
    """A run as it goes into the group: of a size that can be squared, smoothed, in bins."""
    if scale != 1:
        run = replace(run, y=run.y / scale)
    if method.smoothing.name != "none" and not method.smooth_after:
        run = replace(run, y=smooth(run.y, method.smoothing))
    return binned(run, method.bin_width) if method.bin_width else run


def _bootstrapped(
    runs: Sequence[Tidy], method: Method, strata: Sequence[Hashable], seen: Seen
) -> tuple[Floats, Floats, Floats, Floats, Ints]:
    """The same as ``_combine``, of the points that are seen."""
    rough = Curve(*_combine(runs, replace(method, band=Option("std")), strata))
    rows = seen(rough)
    if len(rows) == len(rough.x):
        return _combine(runs, method, strata)
    n = rough.n[rows[0] : rows[-1] + 1]
    extremes = rows[0] + np.array([np.argmax(n), np.argmin(n)])  # what is said of n stays true
    return _combine(runs, method, strata, rough.x[np.union1d(rows, extremes)])


def _combine(
    runs: Sequence[Tidy],
    method: Method,
    strata: Sequence[Hashable],
    points: Floats | None = None,
) -> tuple[Floats, Floats, Floats, Floats, Ints]:
    """x, centre, low, high and n, a piece of the points at a time to bound the memory.

    ``points``: only these of x; None: all.
    """
    x = shared_x(runs) if points is None else None
    if points is None:
        points = union(runs) if x is None else x
    pieces = [
        _statistics(values, method, strata)
        for values in values_at(runs, points, aligned=x is not None, between=not method.bin_width)
    ]
    center, low, high, n = map(np.concatenate, zip(*pieces, strict=True))
    return points, center, low, high, n


def _statistics(
    values: Floats, method: Method, strata: Sequence[Hashable]
) -> tuple[Floats, Floats, Floats, Ints]:
    n = centers.count(values)
    center = centers.center(values, n, method.center)
    if method.band.name == "ci":
        low, high = bootstrap.interval(values, method.center, method.band.numbers[0], strata)
    else:
        mean = center if method.center == "mean" else None
        low, high = centers.spread(values, n, center, mean, method.band)
    return center, low, high, n
