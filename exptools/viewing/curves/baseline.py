"""The difference of groups to a baseline, at each x: pair by pair where runs have partners.

A run's partner is the baseline's run that is equal in all keys that vary on both sides, the seed
for example. Where each run of the smaller side has exactly one, the centre and the band are those
of the differences, pair by pair. Elsewhere it is the difference of the centres, and the band says
how far it may be trusted: see ``unpaired``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exptools.viewing.arrays import Floats, Ints, Series
from exptools.viewing.configs.values import MISSING, comparison_key
from exptools.viewing.curves.statistics import bootstrap, centers, student
from exptools.viewing.curves.statistics.aggregation import Curve, Method, Seen, prepare
from exptools.viewing.curves.statistics.alignment import Tidy, shared_x, tidy, union, values_at
from exptools.viewing.curves.statistics.options import Choice, Option, parse
from exptools.viewing.curves.statistics.smoothing import smooth
from exptools.viewing.groups.differences import compare
from exptools.viewing.groups.variation import overview
from exptools.viewing.run import Run

DIFFERENCES = {"absolute": "absolute", "percent": "in %"}  # in words
UNCERTAIN = ("sem", "t", "ci")  # bands that say how well a centre is known


@dataclass(frozen=True)
class Against:
    """What the curves are compared with."""

    baseline: str  # a group's label, "key=value" of some of its keys, or a run's name
    percent: bool = False  # of the baseline's centre, else in units of the metric


def parse_difference(text: str) -> bool:
    """Whether a difference is in percent: ``absolute`` or ``percent``."""
    choices = dict.fromkeys(DIFFERENCES, Choice())
    return parse("difference", text, choices).name == "percent"


@dataclass(frozen=True)
class Partners:
    """Which runs are compared with which."""

    pairs: tuple[tuple[Run, Run], ...]  # () where they are not paired
    # The keys in which the runs of a pair are equal; of those that go together one.
    by: tuple[str, ...]
    alone: int = 0  # runs without a partner, which are in no difference


def partners(runs: Sequence[Run], baseline: Sequence[Run]) -> Partners:
    """The pairs of a group and its baseline, where all of the smaller side have one partner.

    One run is compared with all of a group, not with one of it.
    """
    if 1 == min(len(runs), len(baseline)) < max(len(runs), len(baseline)):
        return Partners((), ())
    found = compare(runs, baseline)
    keys = found.matched_by
    if not keys or len(found.matched) < min(len(runs), len(baseline)):
        return Partners((), ())
    for side in (runs, baseline):
        settings = {_setting(run, keys) for run in side}
        if len(settings) < len(side):  # a seed that is there twice has no one partner
            return Partners((), ())
    alone = len(found.only_left) + len(found.only_right)
    return Partners(found.matched, _speaking(keys, [own for own, _ in found.matched]), alone)


def _speaking(keys: Sequence[str], runs: Sequence[Run]) -> tuple[str, ...]:
    """Of the keys that divide some runs in the same way one: a model, and not its layers, too."""
    others = {
        other for key, those in overview(runs).together.items() if key in keys for other in those
    }
    return tuple(key for key in keys if key not in others)


def _setting(run: Run, keys: Sequence[str]) -> tuple[object, ...]:
    return tuple(comparison_key(run.config.get(key, MISSING)) for key in keys)


def difference(
    runs: Sequence[Run],
    baseline: Sequence[Run],
    series: Mapping[str, Series],
    method: Method,
    *,
    percent: bool,
    seen: Seen | None = None,
) -> tuple[Curve, Partners]:
    """A group less its baseline at every x that any of their runs has and both sides reach."""
    own, others = ([r for r in side if len(series[r.name][0])] for side in (runs, baseline))
    paired = partners(own, others) if own and others else Partners((), ())
    if paired.pairs:
        own, others = ([pair[at] for pair in paired.pairs] for at in (0, 1))
    tidied = tidy([series[run.name] for run in (*own, *others)])
    if not own or not others or not all(len(run.x) for run in tidied):
        nothing = np.empty(0)
        return Curve(nothing, nothing, nothing, nothing, np.empty(0, np.int64)), paired
    scale = centers.scale_of(max(run.bound for run in tidied))
    ready = [prepare(run, method, scale) for run in tidied]
    x, values = _on_one_x(ready, method)
    sides = _Sides(values[: len(own)], values[len(own) :], method, percent, bool(paired.pairs))
    curve = _curve(x, sides, seen)
    if scale != 1 and not percent:
        curve = replace(
            curve, center=curve.center * scale, low=curve.low * scale, high=curve.high * scale
        )
    not_finite = sum(run.not_finite for run in tidied)
    return replace(
        curve, not_finite=not_finite, backward=sum(run.backward for run in tidied)
    ), paired


def none_at_all(curve: Curve) -> Curve:
    """The baseline's difference to itself."""
    nothing = np.full(len(curve.x), np.nan)
    zero = np.where(np.isfinite(curve.center), 0.0, np.nan)
    return replace(curve, center=zero, low=nothing, high=nothing)


def _on_one_x(runs: Sequence[Tidy], method: Method) -> tuple[Floats, Floats]:
    x = shared_x(runs)
    aligned = x is not None
    points = union(runs) if x is None else x
    between = not method.bin_width
    pieces = values_at(runs, points, aligned=aligned, between=between)
    return points, np.concatenate(list(pieces), axis=1)


@dataclass(frozen=True)
class _Sides:
    """The values of both sides at some x, [runs, points]."""

    own: Floats
    base: Floats
    method: Method
    percent: bool
    paired: bool

    def at(self, columns: Ints) -> _Sides:
        return replace(self, own=self.own[:, columns], base=self.base[:, columns])


def _curve(x: Floats, sides: _Sides, seen: Seen | None) -> Curve:
    method = sides.method
    there = np.flatnonzero(np.isfinite(sides.own).any(axis=0) & np.isfinite(sides.base).any(axis=0))
    if not len(there):
        nothing = np.empty(0)
        return Curve(nothing, nothing, nothing, nothing, np.empty(0, np.int64))
    columns = np.arange(there[0], there[-1] + 1)  # holes stay, as gaps
    if method.band.name == "ci" and seen is not None and not method.smooth_after:
        rough = replace(sides.at(columns), method=replace(method, band=Option("std")))
        columns = columns[seen(Curve(x[columns], *_numbers(rough)))]
    curve = Curve(x[columns], *_numbers(sides.at(columns)))
    if method.smooth_after:
        center, low, high = (
            smooth(line, method.smoothing) for line in (curve.center, curve.low, curve.high)
        )
        curve = replace(curve, center=center, low=low, high=high)
    return curve


def _numbers(sides: _Sides) -> tuple[Floats, Floats, Floats, Ints]:
    """Centre, edges of the band, and how many runs or pairs."""
    kind = sides.method.center
    of_base = centers.center(sides.base, centers.count(sides.base), kind)
    if sides.paired:
        center, low, high, n = _alone(sides.own - sides.base, sides.method)
    else:
        center, low, high, n = unpaired(sides.own, sides.base, sides.method)
    if sides.percent:
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(of_base == 0, np.nan, 100 / np.abs(of_base))
        center, low, high = center * part, low * part, high * part
    return center, low, high, n


def _alone(values: Floats, method: Method) -> tuple[Floats, Floats, Floats, Ints]:
    """Centre and band of one side's values."""
    n = centers.count(values)
    middle = centers.center(values, n, method.center)
    if method.band.name == "ci":
        strata = [None] * len(values)
        low, high = bootstrap.interval(values, method.center, method.band.numbers[0], strata)
    else:
        low, high = centers.spread(values, n, middle, None, method.band)
    return middle, low, high, n


def unpaired(own: Floats, base: Floats, method: Method) -> tuple[Floats, Floats, Floats, Ints]:
    """The difference of the centres of two sides whose runs have no partners, [runs, points] each.

    A band that describes runs (std, minmax, percentiles) is that of the group's own runs around the
    baseline's centre. One that says how well the difference is known is of both sides: for ``sem``
    the root of the sum of their squares; for ``t`` Welch's interval; for ``ci`` the bootstrap of
    both, each drawn by itself. Where the baseline is one run, nobody knows how certain it is: then
    the band is the group's alone.
    """
    band = method.band
    center, low, high, n = _alone(own, method)
    m = centers.count(base)
    of_base = centers.center(base, m, method.center)
    low, high = low - of_base, high - of_base
    both = (n > 1) & (m > 1)
    if band.name in UNCERTAIN and both.any():
        if band.name == "ci":
            edges = bootstrap.difference_interval(own, base, method.center, band.numbers[0])
        else:
            reach = _reach(own, base, n, m, band)
            edges = center - of_base - reach, center - of_base + reach
        low, high = np.where(both, edges[0], low), np.where(both, edges[1], high)
    return center - of_base, low, high, n


def _reach(own: Floats, base: Floats, n: Ints, m: Ints, band: Option) -> Floats:
    """How far the band of a difference of means reaches to either side."""
    parts = [_squared_error(own, n), _squared_error(base, m)]
    total = parts[0] + parts[1]
    reach: Floats = np.sqrt(total)
    if band.name == "t":
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = total**2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))
        # Without any spread on both sides there is no width that it could change.
        freedom = np.where(np.isfinite(freedom), freedom, n + m - 2)
        reach = reach * student.quantiles(np.maximum(freedom, 1), band.numbers[0])
    return reach


def _squared_error(values: Floats, n: Ints) -> Floats:
    """The square of the standard error of the mean."""
    mean = centers.center(values, n, "mean")
    low, high = centers.spread(values, n, mean, mean, Option("sem"))
    half: Floats = (high - low) / 2
    return half**2
