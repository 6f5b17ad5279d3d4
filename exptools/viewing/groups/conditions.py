"""Conditions on runs: SQL's expressions, parsed by sqlglot and judged by the rules below.

A key stands as it is written (``algo.lr``), or its end where no other key ends so (``lr``), in
double quotes where it has odd characters (``"my-key.0"``); a text stands in single quotes, a list
in brackets. As in SQL, what compares with a key that a run lacks, or has null for, is neither true
nor false, so that only ``is null`` finds it. Values of different types are not equal, and neither
is the larger: ``lr > 0.1`` leaves a run whose lr is the text "auto" out. A list or mapping compares
with a text as the text that the table shows.

Results are asked for by their summary: ``last("test/accuracy") > 0.95``, ``mean("loss", 10)``,
``best(loss)``, ``summary("result")``. A run that has no such number, or a NaN for it, is neither.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from exptools.viewing.groups.asked import Asked, Results
from exptools.viewing.groups.grouping import known_keys
from exptools.viewing.groups.names import KeyNames
from exptools.viewing.run import Run


def select(runs: Sequence[Run], condition: str, results: Results | None = None) -> list[Run]:
    """The runs for which a condition is true; without ``results`` none can be asked for.

    Raises:
        QueryError: the condition cannot be read, or can be true of no run as it is written.
    """
    return select_among(Asked(runs, KeyNames(known_keys(runs)), results), condition)


def select_among(asked: Asked, condition: str) -> list[Run]:
    """As ``select``, where it is known what can be asked for."""
    from exptools.viewing.groups.expressions import parse  # sqlglot takes its time

    holds = parse(condition, asked)
    return [run for run in asked.runs if holds(run) is True]


def keys_in(runs: Sequence[Run], condition: str, results: Results | None = None) -> list[str]:
    """The whole names of the keys that a condition asks for, in its order."""
    from exptools.viewing.groups.expressions import parse  # sqlglot takes its time

    names = _Recorded(known_keys(runs))
    parse(condition, Asked(runs, names, results))
    return list(dict.fromkeys(names.found))


class _Recorded(KeyNames):
    """Remembers which keys were asked for."""

    def __init__(self, keys: Set[str]) -> None:
        super().__init__(keys)
        self.found: list[str] = []

    def find(self, name: str) -> str:
        key = super().find(name)
        self.found.append(key)
        return key
