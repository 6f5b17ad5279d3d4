"""Smooth a curve, row by row: exponential, Gaussian, or running mean. Gaps stay gaps."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from exptools.viewing.arrays import Floats
from exptools.viewing.curves.statistics.options import Choice, Option, parse

BLOCK = 32  # rows that are smoothed at once

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
    there = np.isfinite(y)
    values = y[there] * (1 - weight)
    smoothed = np.full(len(y), np.nan)
    # Over the weights that there have been, as TensorBoard does.
    smoothed[there] = _decayed(values, weight) / (1 - weight ** np.arange(1, len(values) + 1))
    return smoothed


def _decayed(values: Floats, weight: float) -> Floats:
    """Each value with those before it, whose weights fall by ``weight`` a row.

    A block of rows at a time is a product of matrices; what a block inherits of all before it
    are the ends of these blocks, decayed in their turn.
    """
    blocks = -(-len(values) // BLOCK)
    rows = np.zeros((blocks, BLOCK))
    rows.ravel()[: len(values)] = values
    inside, falling = _weights(weight)
    decayed = rows @ inside
    if blocks > 1:
        ends = _decayed(decayed[:-1, -1], weight**BLOCK)
        decayed[1:] += ends[:, None] * falling
    return decayed.ravel()[: len(values)]


@lru_cache(maxsize=16)
def _weights(weight: float) -> tuple[Floats, Floats]:
    """How much each row of a block counts in each, and how what came before it falls."""
    behind = np.arange(BLOCK) - np.arange(BLOCK)[:, None]
    inside: Floats = np.triu(np.float64(weight) ** np.maximum(behind, 0))
    falling: Floats = np.float64(weight) ** np.arange(1, BLOCK + 1)
    return inside, falling


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
