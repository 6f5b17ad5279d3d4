"""How much of the variance between runs each of some factors explains: an analysis of variance.

The model has main effects only, fitted by least squares. What counts for a factor is what it
explains beyond all others (sums of squares of type II), so that factors that were not varied
independently are not taken for each other. Shares are ε² (Kelley, 1935): the sum of squares, less
what noise alone would give it, over the total; of a full grid they add up to one
(to more where one would be below 0, which counts as 0).

Intervals come from the noncentral F distribution (Steiger, 2004): exact where runs of the same
setting scatter normally, of however few runs. In a bootstrap over runs those that are drawn twice
would count as repetitions that agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exptools.viewing.analysis.noncentral import strengths
from exptools.viewing.arrays import Floats, Ints

REPEATED = 0.5  # repetitions a setting from which on these tell how large the noise is
SMALLEST = 1e-10  # eigenvalues below this part of the largest are zero
EQUAL = 1e-28  # squares, of numbers up to 1: what is smaller comes from the arithmetic
NOTHING = 1e-12  # of the variance, likewise


@dataclass(frozen=True)
class Share:
    """A part of the variance between the runs, from 0 to 1."""

    share: float  # NaN where it cannot be told
    low: float  # the interval's edges, likewise
    high: float


UNKNOWN = Share(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Analysis:
    """The variance between runs in parts."""

    factors: tuple[Share, ...]  # each beyond all others; unknown where the others say it, too
    alone: tuple[float, ...]  # the share of each by itself, whatever varies along with it
    combinations: Share | None  # of settings, beyond the factors; None where it is in the rest
    rest: Share  # runs of one setting; without repetitions what no factor explains
    repeated: bool  # whether the rest is of runs of one setting
    freedom: int  # degrees of freedom of the rest
    each_alone: bool = False  # too few runs to hold all others fixed: factors are by themselves


@dataclass(frozen=True)
class _Part:
    squares: float  # as a part of all
    freedom: int


def analyse(
    values: Floats, factors: Sequence[Ints], settings: Ints, level: float
) -> Analysis | None:
    """Take the variance apart; None where all values are equal.

    Args:
        values: one number a run, all of them finite.
        factors: for each factor the level of each run, 0, 1, 2, …
        settings: the setting of each run, likewise: runs that agree in all factors, and in what
            is finer than their levels.
        level: of the intervals, in percent.
    """
    scaled = values / (float(np.max(np.abs(values))) or 1.0)
    centered = scaled - scaled.mean()
    total = float(centered @ centered)
    if total <= EQUAL:
        return None
    model = _Model(centered / math.sqrt(total), factors)
    cells = model.of([settings])
    alone = tuple(_adjusted(model.of([factor]), len(values)) for factor in factors)
    main = model.of(factors)
    repetitions = len(values) - 1 - cells.freedom
    repeated = repetitions >= REPEATED * (cells.freedom + 1)
    explained = cells if repeated else main
    freedom = len(values) - 1 - explained.freedom
    beyond = [model.beyond(main, factors, at) for at in range(len(factors))]
    known = sum(part.freedom > 0 for part in beyond)
    if freedom < 1 or 2 * known < len(beyond):
        return _each_alone(model, factors, alone, level)
    noise = _noise(explained, freedom)

    def share(part: _Part) -> Share:
        return _share(part, noise, freedom, level)

    both = _Part(max(0.0, cells.squares - main.squares), cells.freedom - main.freedom)
    return Analysis(
        factors=tuple(map(share, beyond)),
        alone=alone,
        combinations=share(both) if repeated and both.freedom else None,
        rest=_rest(share(explained)),
        repeated=repeated,
        freedom=freedom,
    )


def share_alone(values: Floats, factor: Ints) -> float:
    """The share of a factor as if nothing else varied: ε², which is adjusted R²."""
    centered = values / (float(np.max(np.abs(values))) or 1.0)
    centered = centered - centered.mean()
    total = float(centered @ centered)
    if total <= EQUAL:
        return 0.0
    part = _Model(centered / math.sqrt(total), ()).of([factor])
    return float(np.nan_to_num(_adjusted(part, len(values))))


def _each_alone(
    model: _Model, factors: Sequence[Ints], alone: tuple[float, ...], level: float
) -> Analysis:
    """Each factor as if nothing else varied."""
    shares = []
    for factor in factors:
        part = model.of([factor])
        freedom = len(factor) - 1 - part.freedom
        known = freedom > 0
        shares.append(_share(part, _noise(part, freedom), freedom, level) if known else UNKNOWN)
    return Analysis(tuple(shares), alone, None, UNKNOWN, False, 0, each_alone=True)  # noqa: FBT003


class _Model:
    """What any of some factors explain together, of centred values whose squares add up to one."""

    def __init__(self, values: Floats, factors: Sequence[Ints]) -> None:
        self._values = values
        self._columns = {id(factor): _columns(factor) for factor in factors}

    def of(self, factors: Sequence[Ints]) -> _Part:
        """The sum of squares of the factors' main effects, and their degrees of freedom."""
        if len(factors) == 1:  # the means of its levels
            sizes = np.bincount(factors[0])
            sums = np.bincount(factors[0], self._values)[sizes > 0]
            squares = float(np.sum(sums**2 / sizes[sizes > 0]))
            return _Part(min(1.0, squares), len(sums) - 1)
        columns = [self._columns[id(factor)] for factor in factors]
        design = np.concatenate(columns, axis=1) if columns else np.empty((len(self._values), 0))
        if not design.shape[1]:
            return _Part(0.0, 0)
        design = design - design.mean(axis=0)
        sizes, vectors = np.linalg.eigh(design.T @ design)
        kept = sizes > SMALLEST * sizes[-1]
        along = vectors[:, kept].T @ (design.T @ self._values)
        return _Part(min(1.0, float(np.sum(along**2 / sizes[kept]))), int(kept.sum()))

    def beyond(self, main: _Part, factors: Sequence[Ints], at: int) -> _Part:
        """What a factor explains beyond all others."""
        others = self.of([*factors[:at], *factors[at + 1 :]])
        return _Part(max(0.0, main.squares - others.squares), main.freedom - others.freedom)


def _columns(factor: Ints) -> Floats:
    """A column for each level but the first: 1 where a run has it."""
    levels = np.unique(factor)[1:]
    columns: Floats = (factor[:, None] == levels).astype(np.float64)
    return columns


def _adjusted(part: _Part, runs: int) -> float:
    """The share of one factor by itself: ε², which is adjusted R²; NaN where nothing is left."""
    freedom = runs - 1 - part.freedom
    if freedom < 1:
        return math.nan
    return min(1.0, max(0.0, 1 - _noise(part, freedom) * (runs - 1)))


def _noise(explained: _Part, freedom: int) -> float:
    """The variance of what is left, as a part of all squares."""
    left = max(0.0, 1 - explained.squares)
    return left / freedom if freedom and left > NOTHING else 0.0


def _share(part: _Part, noise: float, freedom: int, level: float) -> Share:
    if part.freedom < 1:
        return UNKNOWN
    if noise == 0:
        return Share(part.squares, part.squares, part.squares)
    share = max(0.0, part.squares - part.freedom * noise)
    ratio = part.squares / part.freedom / noise
    # In units of the noise: the factor's own part, and all that is not its.
    others = 1 / noise - (part.squares / noise - part.freedom)
    low, high = (
        strength / (strength + others)
        for strength in strengths(ratio, part.freedom, freedom, level)
    )
    return Share(share, min(low, share), max(high, share))


def _rest(explained: Share) -> Share:
    if math.isnan(explained.share):
        return Share(1.0, 1.0, 1.0)
    return Share(1 - explained.share, 1 - explained.high, 1 - explained.low)
