"""Histograms. Imported when the first one is logged."""

from __future__ import annotations

import json
from numbers import Integral

import numpy as np
from tensorboard.compat.proto.histogram_pb2 import HistogramProto
from tensorboard.compat.proto.summary_pb2 import Summary

from exptools.logging.media.store import EncodedMedium
from exptools.logging.rows.arrays import Array, as_array

BINS = 64
MOST_BINS = 2**20


def encode_histogram(tag: str, values: object, bins: int = BINS) -> EncodedMedium:
    """How often which values occur, in bins of equal width from the least to the greatest.

    NaN and infinities have no place between them: they are left out and counted. The file is a
    JSON object: ``edges`` (one more than bins) and ``counts``; ``count``, ``min``, ``max``,
    ``sum`` and ``sum_squares`` of the finite values; ``nan``, ``inf`` and ``-inf``, how many there
    were. A sum beyond the range of a 64-bit float is ``Infinity``, of no values ``min`` is null.

    Args:
        values: an array, tensor or list of numbers, of any shape.
        bins: how many; there are fewer where so many floats do not lie between the values.

    Raises:
        TypeError: the values are no real numbers, or ``bins`` is no integer.
        ValueError: there are no values, or ``bins`` is less than 1 or more than 2**20.
    """
    what = f"the histogram {tag!r}"
    if not isinstance(bins, Integral) or not 1 <= bins <= MOST_BINS:
        raise ValueError(f"{what} needs bins from 1 to {MOST_BINS:,}, not {bins!r}")
    numbers = as_array(what, values).ravel().astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    edges, counts = _counted(finite, int(bins))
    with np.errstate(over="ignore"):
        total, squares = float(finite.sum()), float(np.square(finite).sum())
    low, high = (edges[0], edges[-1]) if edges else (None, None)
    record = {
        "edges": edges,
        "counts": counts,
        "count": finite.size,
        "min": low,
        "max": high,
        "sum": total,
        "sum_squares": squares,
        "nan": int(np.isnan(numbers).sum()),
        "inf": int(np.isposinf(numbers).sum()),
        "-inf": int(np.isneginf(numbers).sum()),
    }
    message = HistogramProto(
        min=low or 0.0,
        max=high or 0.0,
        num=finite.size,
        sum=total,
        sum_squares=squares,
        bucket_limit=edges[1:],
        bucket=counts,
    )
    summary = Summary.Value(tag=tag, histo=message)
    return EncodedMedium("histogram", "json", json.dumps(record).encode(), (summary,))


def _counted(finite: Array, bins: int) -> tuple[list[float], list[int]]:
    if finite.size == 0:
        return [], []
    low, high = finite.min(), finite.max()
    along = np.linspace(0, 1, bins + 1)
    # This form does not overflow between the ends of the floats' range; rounding may repeat an
    # edge where there are few floats between the values.
    edges = np.unique(np.clip(low * (1 - along) + high * along, low, high))
    if len(edges) == 1:
        edges = np.array([low, low])
    counts, _ = np.histogram(finite, edges)
    return edges.tolist(), counts.tolist()
