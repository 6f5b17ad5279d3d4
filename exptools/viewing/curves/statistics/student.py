"""Student's t distribution: how many standard errors wide an interval of few runs must be."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDEST = 40.0  # that |t| gets at any level where the degrees of freedom are many
HALVINGS = 80  # of the angle's range: beyond what a float64 can tell apart
_PLACES, _WEIGHTS = np.polynomial.legendre.leggauss(96)


@lru_cache(maxsize=1024)
def quantile(freedom: float, level: float) -> float:
    """What |t| stays below in ``level`` percent of cases, with so many degrees of freedom (≥ 1).

    They need not be whole: Welch's are not.
    """
    # Of the angle whose tangent is t / sqrt(freedom); of many degrees a narrow part has all.
    low, high = 0.0, min(math.pi / 2, WIDEST / math.sqrt(freedom))
    for _ in range(HALVINGS):
        angle = (low + high) / 2
        if _inside(angle, freedom) < level / 100:
            low = angle
        else:
            high = angle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def quantiles(freedom: Floats, level: float) -> Floats:
    """The same for many whole degrees of freedom."""
    different, which = np.unique(freedom, return_inverse=True)
    return np.array([quantile(int(each), level) for each in different])[which]


def _inside(angle: float, freedom: float) -> float:
    """How likely |t| is below the one that the angle stands for.

    In terms of the angle the density is a power of its cosine, which a quadrature takes to all
    digits that matter; that spares a library of special functions.
    """
    inner = angle / 2 * (_PLACES + 1)
    area = angle / 2 * float(_WEIGHTS @ np.cos(inner) ** (freedom - 1))
    return (
        area
        * 2
        / math.sqrt(math.pi)
        * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    )
