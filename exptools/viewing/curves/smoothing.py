"""Smooth a curve, row by row: exponential, Gaussian, or running mean. Gaps stay gaps."""

from __future__ import annotations

import numpy as np

from exptools.viewing.arrays import Floats
from exptools.viewing.curves.options import Choice, Option, parse
from exptools.viewing.lazy_polars import pl

SMOOTHINGS = {
    "none": Choice(),
    "ema": Choice((None,), 0, 0.9999, "a weight from 0 to below 1, as in ema:0.9,"),
    "gaussian": Choice(
        (None,), 0.01, 1e3, "a standard deviation of up to 1000 rows, as in gaussian:5,"
    ),
    "mean": Choice(
        (None,), 1, 1e4, "a whole number of rows up to 10000, as in mean:10,", whole=True
    ),
}


def parse_smoothing(given: str | float | None) -> Option:
    """Read ``ema:0.9``, ``gaussian:5``, ``mean:10``; a number alone is the weight of an ``ema``."""
    try:
        weight = float(given or "none")
    except (ValueError, TypeError):
        return parse("smoothing", str(given or "none"), SMOOTHINGS)
    return parse("smoothing", f"ema:{weight:.15g}", SMOOTHINGS)


def smooth(y: Floats, smoothing: Option) -> Floats:
    """Smooth values that follow each other; the gaps (NaN) among them have no weight.

    - ``ema:w``: exponential, as TensorBoard smooths, with the start's bias removed; w is the
      weight of the past.
    - ``gaussian:s``: weights of a normal distribution with a standard deviation of s rows, cut
      off at four of them.
    - ``mean:k``: the mean of k rows around each; of an even number one more lies before.
    """
    if smoothing.name == "none" or not len(y):
        return y
    (number,) = smoothing.numbers
    if smoothing.name == "ema":
        return _ema(y, number)
    if smoothing.name == "gaussian":
        reach = np.arange(-np.ceil(4 * number), np.ceil(4 * number) + 1)
        return _weighted(y, np.exp(-0.5 * (reach / number) ** 2))
    return _weighted(y, np.ones(int(number)))


def _ema(y: Floats, weight: float) -> Floats:
    values = pl.Series(y, nan_to_null=True)
    # Polars' adjusted mean is TensorBoard's: both divide by the weights that there have been.
    smoothed = values.ewm_mean(alpha=1 - weight, adjust=True, ignore_nulls=True)
    return np.where(np.isnan(y), np.nan, smoothed.to_numpy())


def _weighted(y: Floats, kernel: Floats) -> Floats:
    trimmed = max(0, len(kernel) // 2 - len(y))  # what reaches beyond both ends of the curve
    kernel = kernel[trimmed : len(kernel) - trimmed]
    finite = np.isfinite(y)
    start = (len(kernel) - 1) // 2
    total, weight = (
        np.convolve(part, kernel)[start : start + len(y)]
        for part in (np.where(finite, y, 0.0), finite.astype(np.float64))
    )
    return np.where(finite, total / np.where(finite, weight, 1.0), np.nan)
