"""What counts the steps of some runs: it is chosen by the names of their columns, and said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from exptools.rundir import STEP
from exptools.viewing.index import Index
from exptools.viewing.run import Run

ROWS = "the number of the row"


def what_step_is(index: Index, runs: Iterable[Run], metric: str, x: str) -> Iterator[str]:
    """A sentence where the files of a metric do not call it ``step`` themselves."""
    if x != STEP:
        return
    counted = Counter(name for run in runs for name in index.counted_by(run, metric))
    if counted.keys() <= {STEP}:
        return
    if len(counted) == 1:
        (name,) = counted
        yield f"step is {ROWS if name is None else name}, as no column is called step."
        return
    each = ", ".join(
        f"{ROWS if name is None else name} in {number} run{'s' * (number > 1)}"
        for name, number in counted.items()
    )
    yield f"step is not the same in all runs: {each}. x can be any column that all have."
