"""What to know of a summary's numbers beyond what it is called."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from exptools.viewing.arrays import Floats
from exptools.viewing.curves.statistics.options import Option
from exptools.viewing.curves.summaries import parse_summary, summarize
from exptools.viewing.index import Index
from exptools.viewing.run import Run


def remarks(index: Index, runs: Sequence[Run], metric: str, summary: str) -> tuple[str, ...]:
    """Sentences on values that were not logged so, and on logged ones that do not count.

    None of a metric that no run has logged.
    """
    wanted = parse_summary(summary)
    if wanted.name not in ("at", "auc"):
        return ()
    between = repeated = 0
    for x, y in index.series(runs, metric).values():
        if wanted.name == "at":
            between += _is_between(x, y, wanted)
        else:
            repeated += len(np.unique(x)) < len(x)
    sentences = []
    if between:
        sentences.append(
            f"{_runs(between)} not logged {metric} at step {wanted.numbers[0]:.15g} itself: the "
            "value is on the straight line between the steps before and after it."
        )
    if repeated:
        sentences.append(
            f"{_runs(repeated)} logged {metric} several times at one step: of these values the "
            "last counts in the area."
        )
    return tuple(sentences)


def _is_between(x: Floats, y: Floats, at: Option) -> bool:
    """Whether the value at some x is not one that was logged."""
    return bool(math.isfinite(summarize(x, y, at)) and not (x == at.numbers[0]).any())


def _runs(number: int) -> str:
    return f"{number} run{'s have' if number > 1 else ' has'}"
