"""Student's t distribution: how many standard errors wide an interval of few runs must be."""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.chebyshev import Chebyshev
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EXACT = 128  # different degrees of freedom; of more the quantiles are interpolated
_DEGREE = 60  # of the polynomial: to nine digits up to 99.9 percent
_STEPS = 100  # of Newton's method, which needs ten
_PLACES, _WEIGHTS = np.polynomial.legendre.leggauss(96)


def quantile(freedom: float, level: float) -> float:
    """What |t| stays below in ``level`` percent of cases, with so many degrees of freedom (≥ 1).

    They need not be whole: Welch's are not.
    """
    return float(_quantiles(np.array([freedom]), level)[0])


def quantiles(freedom: Floats, level: float) -> Floats:
    """The same for many degrees of freedom."""
    different, which = np.unique(freedom, return_inverse=True)
    if len(different) <= EXACT:
        return _quantiles(different, level)[which]
    # Smooth in the inverse of the degrees: each point of a curve may have others.
    widest = 1 / different[-1]
    log = Chebyshev.interpolate(
        lambda inverse: np.log(_quantiles(1 / inverse, level)), _DEGREE, [widest, 1.0]
    )
    interpolated: Floats = np.exp(log(1 / freedom))
    return interpolated


def _quantiles(freedom: Floats, level: float) -> Floats:
    """By Newton's method, in terms of the angle whose tangent is t / sqrt(freedom).

    There the density is a power of the cosine: it falls, so that no step goes too far, and a
    quadrature takes its area to all digits that matter; that spares a library of special functions.
    """
    highest = np.array([_density_at_zero(each) for each in freedom.tolist()])
    angle = np.zeros(len(freedom))
    for _ in range(_STEPS):
        inside = np.cos(angle[:, None] / 2 * (_PLACES + 1)) ** (freedom[:, None] - 1)
        area = highest * angle / 2 * (inside @ _WEIGHTS)
        step = (level / 100 - area) / (highest * np.cos(angle) ** (freedom - 1))
        angle += step
        if (np.abs(step) <= 1e-12 * angle).all():
            break
    return np.sqrt(freedom) * np.tan(angle)


def _density_at_zero(freedom: float) -> float:
    """Of the angle's absolute value."""
    return (
        2 / math.sqrt(math.pi) * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    )
