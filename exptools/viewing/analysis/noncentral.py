"""The noncentral F distribution, without a library of special functions.

F is a noncentral χ² over another χ². The first is the square of a shifted normal and other squares:
its normal is taken by its distribution, the rest by equally likely values, each once, those of
both mixed at random. The probabilities are those of SciPy's ``ncfdtr`` to 0.001.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from exptools.viewing.arrays import Floats

VALUES = 4000  # of each χ²
PLACES = 20_001  # at which a distribution is known; between them it is a straight line
REACH = 9.0  # standard deviations
HALVINGS = 30


def strengths(ratio: float, freedom: int, of_noise: int, level: float) -> tuple[float, float]:
    """The noncentralities with which so large a ratio F, or a larger one, is just not too rare.

    Args:
        ratio: what was found.
        freedom: the degrees of freedom above the line.
        of_noise: those below it.
        level: in percent, of the interval between both.
    """
    tail = (100 - level) / 200
    others, noise = _squares(freedom, of_noise)
    room = freedom * ratio * noise - others
    reach = np.sqrt(np.sort(room[room > 0]))  # neighbours are looked up one after the other

    def below(root: float) -> float:
        return float(np.sum(_normal(reach - root) - _normal(-reach - root))) / VALUES

    largest = float(reach.max(initial=0.0)) + REACH
    low, high = (_root(below, part, largest) for part in (1 - tail, tail))
    return low**2, high**2


def _root(below: Callable[[float], float], part: float, largest: float) -> float:
    """Where a falling function comes to a value; 0 where it begins below."""
    low, high = 0.0, largest
    if below(low) <= part:
        return 0.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) > part else (low, middle)
    return (low + high) / 2


@lru_cache(maxsize=64)
def _squares(freedom: int, of_noise: int) -> tuple[Floats, Floats]:
    """Equally likely values of the other squares, and of the noise's mean square."""
    noise = _chi_squares(of_noise) / of_noise
    if freedom < 2:
        return np.zeros(VALUES), noise
    return np.random.default_rng(0).permutation(_chi_squares(freedom - 1)), noise


def _chi_squares(freedom: int) -> Floats:
    """Equally likely values, from the density of the logarithm, which has neither pole nor edge."""
    half = freedom / 2
    top, width = math.log(half), 12 / math.sqrt(half)
    places = np.linspace(top - width - 30 / half, top + max(width, 3.7), PLACES)
    density = np.exp(half * (places - top) - np.exp(places) + half)
    area = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    parts = (np.arange(VALUES) + 0.5) / VALUES * area[-1]
    values: Floats = 2 * np.exp(np.interp(parts, area, places))
    return values


def _normal(places: Floats) -> Floats:
    """The normal distribution."""
    at, below = _table()
    found: Floats = np.interp(places, at, below)
    return found


@lru_cache(maxsize=1)
def _table() -> tuple[Floats, Floats]:
    at = np.linspace(-REACH, REACH, PLACES)
    return at, np.array([NormalDist().cdf(place) for place in at.tolist()])
