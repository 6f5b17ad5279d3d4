"""One cell of a table or bar: centre and band of one number a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from exptools.metrics import better as better_by_name
from exptools.viewing.curves.aggregation import Method, aggregate
from exptools.viewing.curves.options import Choice, parse
from exptools.viewing.curves.summaries import SUMMARIES
from exptools.viewing.errors import QueryError
from exptools.viewing.run import Run

BEST = "best"  # as a summary: min or max, whichever is better


@dataclass(frozen=True)
class Cell:
    """What the runs of a group came to."""

    center: float  # NaN where no run has a finite value
    low: float  # the band's edges; NaN where it has none: no band asked for, or n < 2
    high: float
    n: int  # runs with a finite value
    runs: int  # all runs of the group; those that diverged or have not logged it are not in n
    best: bool = False  # of its column


def summary_of(metric: str, summary: str, mode: str | None = None) -> str:
    """The summary of a metric; ``best`` is ``max`` or ``min``, as said or as its name tells.

    Raises:
        QueryError: neither tells what the best is.
    """
    parse("summary", summary, {**SUMMARIES, BEST: Choice()})
    if summary != BEST:
        return summary
    mode = mode or better_by_name(metric)
    if mode is None:
        raise QueryError(
            f"whether more or less of {metric} is better is not known: "
            "ask for its max or its min instead of the best"
        )
    return mode


def cell_of(runs: Sequence[Run], values: Mapping[str, float | None], how: Method) -> Cell | None:
    """What some runs came to, given each one's number by its name; None where there is no run."""
    if not runs:
        return None
    numbers = [number for run in runs if (number := values[run.name]) is not None]
    # One point a run is a curve, too: the same numbers as in a figure.
    curve = aggregate([(np.zeros(1), np.array([number])) for number in numbers], how)
    if not len(curve.x):
        return Cell(math.nan, math.nan, math.nan, 0, len(runs))
    low, high, n = float(curve.low[0]), float(curve.high[0]), int(curve.n[0])
    return Cell(float(curve.center[0]), low, high, n, len(runs))
