"""What to know of a summary's numbers beyond what it is called."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from exptools.viewing.arrays import Floats, Series
from exptools.viewing.curves.statistics.options import Option
from exptools.viewing.curves.summaries import parse_summary, summarize
from exptools.viewing.index import Index
from exptools.viewing.run import Run

_OF_ONE_PLACE = ("last", "at", "auc")  # of several values at one step the last counts


def remarks(index: Index, runs: Sequence[Run], metric: str, summary: str) -> tuple[str, ...]:
    """Sentences on values that were not logged so, and on logged ones that do not count.

    None of a metric that no run has logged.
    """
    wanted = parse_summary(summary)
    if wanted.name not in _OF_ONE_PLACE:
        return ()
    return remarks_on(metric, wanted, index.series(runs, metric).values())


def remarks_on(metric: str, wanted: Option, series: Iterable[Series]) -> tuple[str, ...]:
    """The same of the runs' values of a metric, which have been read."""
    if wanted.name not in _OF_ONE_PLACE:
        return ()
    between = repeated = 0
    for x, y in series:
        between += wanted.name == "at" and _is_between(x, y, wanted)
        repeated += len(x) > 1 and _is_repeated(x, wanted)
    sentences = []
    if between:
        sentences.append(
            f"{_runs(between)} not logged {metric} at step {wanted.numbers[0]:.15g} itself: the "
            "value is on the straight line between the steps before and after it."
        )
    if repeated:
        where = {"last": "its last step", "auc": "one step"}
        at = where.get(wanted.name) or f"step {wanted.numbers[0]:.15g}"
        counts = "last counts in the area" if wanted.name == "auc" else "last counts"
        sentences.append(
            f"{_runs(repeated)} logged {metric} several times at {at}: of these values the "
            f"{counts}."
        )
    return tuple(sentences)


def _is_between(x: Floats, y: Floats, at: Option) -> bool:
    """Whether the value at some x is not one that was logged."""
    return bool(math.isfinite(summarize(x, y, at)) and not (x == at.numbers[0]).any())


def _is_repeated(x: Floats, wanted: Option) -> bool:
    """Whether a summary passes over values, as there are others at the same x."""
    if wanted.name == "auc":
        return len(np.unique(x)) < len(x)
    last = np.max(x, where=np.isfinite(x), initial=-math.inf)
    at = wanted.numbers[0] if wanted.name == "at" else last
    return bool(np.count_nonzero(x == at) > 1)


def _runs(number: int) -> str:
    return f"{number} run{'s have' if number > 1 else ' has'}"
