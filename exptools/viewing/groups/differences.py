"""What two runs, or two sweeps, differ in."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from exptools.hints import suggestion
from exptools.viewing.configs.values import MISSING, comparison_key, display_among
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.variation import varying
from exptools.viewing.run import Run, natural_key
from exptools.viewing.wording import shortened

MOST_NAMED = 12  # keys in a text that stands for the whole comparison


@dataclass(frozen=True)
class Difference:
    """A key whose values differ, with the values of either side."""

    key: str
    left: tuple[Any, ...]  # one value of a run; of a sweep all that it has; MISSING is one
    right: tuple[Any, ...]

    @property
    def texts(self) -> tuple[str, str]:
        """Both sides as a person reads them."""
        show = display_among([*self.left, *self.right])
        return ", ".join(map(show, self.left)), ", ".join(map(show, self.right))


@dataclass(frozen=True, repr=False)
class SweepComparison:
    """Two sweeps side by side."""

    differences: tuple[Difference, ...]  # keys by which no run of one matches one of the other
    matched_by: tuple[str, ...]  # keys that vary inside the sweeps and have values in common
    matched: tuple[tuple[Run, Run], ...]  # equal in all of these keys; repeats in their order
    only_left: tuple[Run, ...]  # runs without a partner
    only_right: tuple[Run, ...]

    def __repr__(self) -> str:
        differ = ", ".join(shortened(d.key) for d in self.differences[:MOST_NAMED]) or "nothing"
        more = len(self.differences) - MOST_NAMED
        return (
            f"<SweepComparison: differ in {differ}{f' and {more} more' if more > 0 else ''}; "
            f"{len(self.matched)} matched by {', '.join(self.matched_by) or 'nothing'}, "
            f"{len(self.only_left)} only left, {len(self.only_right)} only right>"
        )


def diff(left: Run, right: Run) -> list[Difference]:
    """The keys in which two configs differ, in the order of the configs."""
    return [
        Difference(key, (left.config.get(key, MISSING),), (right.config.get(key, MISSING),))
        for key in varying((left, right))
    ]


def nearest(run: Run, others: Sequence[Run]) -> Run:
    """The one of some runs whose config differs from a run's in the fewest keys, the first such.

    It is another run than itself, if there is another.
    """
    candidates = [one for one in others if one.directory != run.directory] or others
    keys = varying((run, *candidates))
    own = _setting(run, keys)

    def differing(other: Run) -> int:
        return sum(map(operator.ne, own, _setting(other, keys)))

    return min(candidates, key=differing)


def compare(left: Sequence[Run], right: Sequence[Run]) -> SweepComparison:
    """Match the runs of two sweeps by the keys that vary inside of them.

    A key none of whose values occurs in both sweeps matches nothing: it is what the sweeps differ
    in, be it one value a sweep or, like a directory, another in each run.
    """
    values = {key: (_values(left, key), _values(right, key)) for key in varying((*left, *right))}
    common = {key: None for key, (one, other) in values.items() if one.keys() & other.keys()}
    differences = tuple(
        Difference(key, tuple(one.values()), tuple(other.values()))
        for key, (one, other) in values.items()
        if key not in common
    )
    return SweepComparison(differences, tuple(common), *_match(left, right, tuple(common)))


def compare_sweeps(runs: Sequence[Run], left: str | int, right: str | int) -> SweepComparison:
    """The same for two sweeps of some runs, by their names, or positions in natural order."""
    sweeps = sorted({run.sweep for run in runs if run.sweep is not None}, key=natural_key)
    names = [_sweep(which, sweeps) for which in (left, right)]
    return compare(*([run for run in runs if run.sweep == name] for name in names))


def _sweep(which: str | int, sweeps: Sequence[str]) -> str:
    if isinstance(which, int) and not isinstance(which, bool):
        if not -len(sweeps) <= which < len(sweeps):
            there = f"there are {len(sweeps)}, counted from 0"
            if len(sweeps) < 2:
                there = f"there is only {sweeps[0]!r}" if sweeps else "there is none"
            raise QueryError(f"there is no sweep {which}: {there}")
        return sweeps[which]
    if not isinstance(which, str):
        raise QueryError(
            f"compare takes two sweeps, by their names or positions in sweeps, not {which!r}"
        )
    if which not in sweeps:
        raise QueryError(f"there is no sweep {which!r}; {suggestion(which, sweeps)}")
    return which


def _values(runs: Sequence[Run], key: str) -> dict[tuple[Any, ...], Any]:
    values = (run.config.get(key, MISSING) for run in runs)
    return {comparison_key(value): value for value in values}


_Matches = tuple[tuple[tuple[Run, Run], ...], tuple[Run, ...], tuple[Run, ...]]


def _match(left: Sequence[Run], right: Sequence[Run], keys: Sequence[str]) -> _Matches:
    waiting: dict[tuple[Any, ...], list[Run]] = {}
    for run in right:
        waiting.setdefault(_setting(run, keys), []).append(run)
    pairs, alone = [], []
    for run in left:
        partners = waiting.get(_setting(run, keys))
        if partners:
            pairs.append((run, partners.pop(0)))
        else:
            alone.append(run)
    matched = {id(partner) for _, partner in pairs}
    return tuple(pairs), tuple(alone), tuple(run for run in right if id(run) not in matched)


def _setting(run: Run, keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(comparison_key(run.config.get(key, MISSING)) for key in keys)


@dataclass(frozen=True)
class Peculiarity:
    """A key in which a run is not like most of its group."""

    key: str
    value: Any  # the run's; MISSING is one
    same: int  # how many of the group have it, the run among them
    others: tuple[tuple[Any, int], ...]  # the other values and how many have them, the most first


def peculiarities(run: Run, group: Sequence[Run]) -> list[Peculiarity]:
    """The keys in which a run differs from more than half of its group, in the configs' order."""
    odd = []
    for key in varying(group):
        counted: dict[tuple[Any, ...], tuple[Any, int]] = {}
        for member in group:
            value = member.config.get(key, MISSING)
            first, number = counted.get(comparison_key(value), (value, 0))
            counted[comparison_key(value)] = first, number + 1
        own = run.config.get(key, MISSING)
        _, same = counted.pop(comparison_key(own), (own, 0))
        if 2 * same <= len(group):
            others = sorted(counted.values(), key=lambda item: -item[1])
            odd.append(Peculiarity(key, own, same, tuple(others)))
    return odd
