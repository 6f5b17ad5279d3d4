"""What a condition is asked of: runs, their keys, and what their metrics came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from exptools.viewing.errors import QueryError
from exptools.viewing.groups.names import KeyNames
from exptools.viewing.groups.truth import Once
from exptools.viewing.run import Run

MOST_COMPARED = 10**9  # characters of texts with those of patterns: that takes a second or two


class Results(Protocol):
    """What the runs' metrics came to."""

    def named(self, metric: str) -> Sequence[str]:
        """The metrics of the runs that have this name, or this end."""
        ...

    def of(self, metric: str, summary: str) -> Mapping[str, float | None]:
        """A metric's summary, ``last`` or ``mean:10``, of each run by its name.

        The metric's end is enough. None where the run has not logged the metric.

        Raises:
            QueryError: there is no such metric or summary.
        """
        ...


class Effort:
    """How much a condition has compared by ``like``: nothing else goes on meanwhile."""

    def __init__(self) -> None:
        self._left = MOST_COMPARED

    def spend(self, text: str, pattern: str) -> None:
        """Raise QueryError where another comparison would be too much."""
        self._left -= len(text) * len(pattern)
        if self._left < 0:
            raise QueryError(
                f"like would take too long with a pattern of {len(pattern):,} characters and "
                f"values of {len(text):,}: take a shorter pattern, or ="
            )


@dataclass(frozen=True)
class Asked:
    """What a condition is asked of."""

    runs: Sequence[Run]
    names: KeyNames  # of all their keys
    results: Results | None  # None where none can be asked for
    # What else runs have a value of, by its name with "run." before it.
    own: Mapping[str, Callable[[Run], Any]] = field(default_factory=dict)
    in_quotes: frozenset[str] = frozenset()  # what the condition has in double quotes
    effort: Effort = field(default_factory=Effort)
    once: Once = field(default_factory=Once)
