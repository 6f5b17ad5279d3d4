"""The runs of two groups that are compared with each other: those that agree in other keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from exptools.viewing.analysis.factors import numbered, setting_keys
from exptools.viewing.analysis.words import listed
from exptools.viewing.charts.chart import count
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import Key, find_keys, groups
from exptools.viewing.index import Index
from exptools.viewing.run import Run


@dataclass(frozen=True)
class Side:
    """One of the two groups."""

    label: str
    runs: tuple[Run, ...]


def keys_of(
    index: Index, sides: Sequence[Side], asked: Sequence[str] | None
) -> tuple[list[Key], list[Key]]:
    """The keys within whose values runs are compared, and those in which the sides differ."""
    runs, every = [run for side in sides for run in side.runs], index.snapshot.runs
    within: list[Key] = []
    apart: list[Key] = []
    seen = set[bytes]()
    for key in setting_keys(runs, every):
        one, other = ({comparison_key(key.value(run)) for run in side.runs} for side in sides)
        levels = numbered([comparison_key(key.value(run)) for run in runs]).tobytes()
        if one & other and levels not in seen:  # of keys that vary together one is enough
            within.append(key)
        elif not one & other and 2 * len(one | other) <= len(runs):  # else by chance
            apart.append(key)
        seen.add(levels)
    return (within if asked is None else find_keys(runs, asked, every)), apart


Cell = tuple[tuple[Run, ...], tuple[Run, ...]]


def cells_of(
    sides: Sequence[Side], keys: Sequence[Key], *, by_themselves: bool
) -> tuple[list[Cell], Sequence[Side], list[str]]:
    """The runs of either side by stratum, and a sentence on those that have no counterpart.

    Strata that nobody asked for are there only if each has several runs of either side.
    """
    names = {run.name for run in sides[0].runs}
    runs = [run for side in sides for run in side.runs]
    cells, alone = [], 0
    for group in groups(runs, keys):
        one = tuple(run for run in group.runs if run.name in names)
        other = tuple(run for run in group.runs if run.name not in names)
        if one and other:
            cells.append((one, other))
        else:
            alone += len(group.runs)
    few = any(min(map(len, cell)) < 2 for cell in cells)
    what = listed([key.short for key in keys])
    if by_themselves and (few or not cells):
        several = f"Several values of {what} are in both: their spread is in the intervals."
        return [(sides[0].runs, sides[1].runs)], sides, [several] if keys else []
    if not cells:
        raise QueryError(f"no run of one side has a counterpart of the same {what} on the other")
    kept = [
        replace(side, runs=tuple(run for cell in cells for run in cell[at]))
        for at, side in enumerate(sides)
    ]
    are = "is" if alone == 1 else "are"
    left = f"{count(alone)} without a counterpart of the same {what} {are} left out."
    return cells, kept, [left] if alone else []
