"""Keys whose values were made of other keys' values, and therefore say nothing of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

from exptools.viewing.run import Run


def derived_keys(runs: Sequence[Run]) -> frozenset[str]:
    """The keys that are made of others (``${seed}``) in every run that has them."""
    made = Counter(chain.from_iterable(run.derived for run in runs if run.derived))
    if not made:
        return frozenset()
    having = Counter(key for run in runs for key in made if key in run.config)
    return frozenset(key for key, number in made.items() if number == having[key])
