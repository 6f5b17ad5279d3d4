"""Columns of a run's metrics: plain float64 arrays in which an absent value is still told from NaN.

An absent value (an empty cell: not logged in that row) is a NaN with a payload of its own, as R
marks its NA. To arithmetic it is NaN; ``Columns.logged`` tells it from a NaN that was logged. So a
column is one array, costs eight bytes a row, and can be mapped from a file as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isnan
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from exptools.rundir import STEP
from exptools.viewing.lazy_polars import pl

Values = NDArray[np.float64]

ABSENT_BITS = 0x7FF8_0000_0000_0E17  # a quiet NaN; what is computed or parsed has payload 0
ABSENT = float(np.array(ABSENT_BITS, np.uint64).view(np.float64))


def is_absent(values: Values) -> NDArray[np.bool_]:
    """Where an array that came from ``Columns`` holds nothing, not even a logged NaN."""
    absent: NDArray[np.bool_] = values.view(np.uint64) == ABSENT_BITS
    return absent


def _has_nan(values: Values) -> bool:
    """Whether a column has a NaN, absent or logged: told five times as fast as what is absent."""
    return len(values) > 0 and isnan(values[values.argmax()])  # of which a NaN is the largest


@dataclass(frozen=True)
class Columns(Mapping[str, Values]):
    """Some columns of a run's metrics by name, all of one length: whole rows, in the file's order.

    The arrays are read-only. An empty cell is NaN in them; ``logged`` tells it from a NaN that was
    logged. A column that the run does not have is not a key. ``"step"`` is what counts the rows,
    whatever the format calls it.
    """

    arrays: Mapping[str, Values] = field(default_factory=lambda: MappingProxyType({}))
    rows: int = 0
    step_from: str | None = None  # the file's name of "step"; None: rows are counted from 0

    def __getitem__(self, name: str) -> Values:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def logged(self, name: str) -> NDArray[np.bool_]:
        """The rows in which a column has a value; NaN, if logged, is one."""
        return ~is_absent(self.arrays[name])

    def series(self, metric: str, x: str = STEP) -> tuple[Values, Values]:
        """x and y of the rows that have both, be it NaN; no rows where the run lacks a column."""
        if metric not in self.arrays or x not in self.arrays:
            return np.empty(0), np.empty(0)
        xs, ys = self.arrays[x], self.arrays[metric]
        if not _has_nan(ys) and not _has_nan(xs):
            return xs, ys
        absent = is_absent(ys)
        if x != metric:
            absent |= is_absent(xs)
        return (xs[~absent], ys[~absent]) if absent.any() else (xs, ys)


def column_of(series: pl.Series) -> Values:
    """A Float64 series as an array, null as ``ABSENT``."""
    values = series.to_numpy()
    if series.null_count():
        values = np.array(values)  # what polars lends may be read-only
        values.view(np.uint64)[series.is_null().to_numpy()] = ABSENT_BITS
    return values


def read_only(values: Values) -> Values:
    """A view of an array that nobody can write through; itself if it is one."""
    if not values.flags.writeable:
        return values
    view = values.view()
    view.flags.writeable = False
    return view
