"""The runs of two groups that are compared with each other: those that agree in other keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from exptools.viewing.analysis.factors import named_among, numbered, setting_keys
from exptools.viewing.analysis.words import listed
from exptools.viewing.charts.chart import count
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import Key, groups
from exptools.viewing.index import Index
from exptools.viewing.run import Run

MOST_KEYS = 6  # of which all choices are tried
MOST_ALONE = 0.25  # of the runs may be left out


@dataclass(frozen=True)
class Side:
    """One of the two groups."""

    label: str
    runs: tuple[Run, ...]


def keys_of(
    index: Index, sides: Sequence[Side], asked: Sequence[str] | None
) -> tuple[list[Key], list[Key], list[Key]]:
    """The keys within whose values runs are compared, those in which the sides differ, and those
    of which one side has several values and the other one of these.
    """
    runs, every = [run for side in sides for run in side.runs], index.snapshot.runs
    within: list[Key] = []
    apart: list[Key] = []
    one_sided: list[Key] = []
    seen = set[bytes]()
    for key in setting_keys(runs, every):
        one, other = ({_value(key, run) for run in side.runs} for side in sides)
        levels = numbered([_value(key, run) for run in runs]).tobytes()
        if one & other and levels not in seen:  # of keys that vary together one is enough
            (within if min(len(one), len(other)) > 1 else one_sided).append(key)
        elif not one & other and 2 * len(one | other) <= len(runs):  # else by chance
            apart.append(key)
        seen.add(levels)
    return (within if asked is None else named_among(runs, asked, every)), apart, one_sided


def on_one_side(sides: Sequence[Side], keys: Sequence[Key]) -> Iterator[str]:
    """What to know of keys of which only one side has several values."""
    for side in sides:
        several = [key.short for key in keys if len({_value(key, run) for run in side.runs}) > 1]
        if several:
            yield (
                f"Only {side.label} has several values of {listed(several)}: what these do is in "
                "the difference, too, unless its condition names one of each."
            )


def _value(key: Key, run: Run) -> Any:
    return comparison_key(key.value(run))


Cell = tuple[tuple[Run, ...], tuple[Run, ...]]


def cells_of(
    sides: Sequence[Side], keys: Sequence[Key], *, by_themselves: bool
) -> tuple[list[Cell], Sequence[Key], Sequence[Side], list[str]]:
    """The runs of either side by stratum, the keys that make these, and what to know of it.

    Of keys that nobody asked for, as many count as leave several runs of either side in each
    stratum, and few without a counterpart.
    """
    if not by_themselves:
        kept, cells, alone = keys, *_matched(sides, keys)
        if not cells:
            what = listed([key.short for key in keys])
            raise QueryError(f"no run of one side has a counterpart of the same {what}")
    else:
        kept, cells, alone = _most_keys(sides, keys)
    notes = []
    if alone:
        what, are = listed([key.short for key in kept]), "is" if alone == 1 else "are"
        notes.append(f"{count(alone)} without a counterpart of the same {what} {are} left out.")
    mixed = [key.short for key in keys if key not in kept]
    if mixed:
        notes.append(
            f"Several values of {listed(mixed)} are in both: their spread counts as noise."
        )
    matched = [
        replace(side, runs=tuple(run for cell in cells for run in cell[at]))
        for at, side in enumerate(sides)
    ]
    return cells, kept, matched, notes


def _most_keys(sides: Sequence[Side], keys: Sequence[Key]) -> tuple[Sequence[Key], list[Cell], int]:
    """As many keys as make strata that can be compared."""
    most_alone = MOST_ALONE * sum(len(side.runs) for side in sides)
    for number in range(min(len(keys), MOST_KEYS), 0, -1):
        choices = []
        for some in itertools.combinations(keys[:MOST_KEYS], number):
            cells, alone = _matched(sides, some)
            fewest = min((len(runs) for cell in cells for runs in cell), default=0)
            if fewest > 1 and alone <= most_alone:
                choices.append((fewest, some, cells, alone))
        if choices:  # what was varied on purpose has as many runs of each
            return max(choices, key=lambda choice: choice[0])[1:]
    return (), [(sides[0].runs, sides[1].runs)], 0


def _matched(sides: Sequence[Side], keys: Sequence[Key]) -> tuple[list[Cell], int]:
    """The runs that agree in some keys, and how many have no counterpart."""
    names = {run.name for run in sides[0].runs}
    cells, alone = [], 0
    for group in groups([run for side in sides for run in side.runs], keys):
        one = tuple(run for run in group.runs if run.name in names)
        other = tuple(run for run in group.runs if run.name not in names)
        if one and other:
            cells.append((one, other))
        else:
            alone += len(group.runs)
    return cells, alone
