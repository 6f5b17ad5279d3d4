"""Student's t distribution: how many standard errors wide an interval of few runs must be."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from exptools.viewing.arrays import Floats

HALVINGS = 80  # of the angle's range: beyond what a float64 can tell apart


@lru_cache(maxsize=1024)
def quantile(freedom: int, level: float) -> float:
    """What |t| stays below in ``level`` percent of cases, with so many degrees of freedom (≥ 1).

    With whole degrees of freedom the distribution is a finite sum over powers of a cosine
    (Abramowitz and Stegun, 26.7.3 and 26.7.4), which spares a library of special functions.
    """
    factors = _factors(freedom)
    low, high = 0.0, math.pi / 2  # of the angle whose tangent is t / sqrt(freedom)
    for _ in range(HALVINGS):
        angle = (low + high) / 2
        if _inside(angle, factors, odd=freedom % 2 == 1) < level / 100:
            low = angle
        else:
            high = angle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def quantiles(freedom: Floats, level: float) -> Floats:
    """The same for many whole degrees of freedom."""
    different, which = np.unique(freedom, return_inverse=True)
    return np.array([quantile(int(each), level) for each in different])[which]


def _factors(freedom: int) -> Floats:
    """The sum's factors: of an even freedom 1, 1/2, 1·3/2·4, …; of an odd one 1, 2/3, 2·4/3·5, …"""
    terms = freedom // 2
    below = 2.0 * np.arange(1, terms) + freedom % 2
    return np.cumprod(np.concatenate([np.ones(min(terms, 1)), (below - 1) / below]))


def _inside(angle: float, factors: Floats, *, odd: bool) -> float:
    """How likely |t| is below the one that the angle stands for."""
    sine, cosine = math.sin(angle), math.cos(angle)
    total = float(factors @ cosine ** (2.0 * np.arange(len(factors))))
    return 2 / math.pi * (angle + sine * cosine * total) if odd else sine * total
