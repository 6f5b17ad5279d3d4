"""The keys that vary as factors of an analysis: their levels, and which of them overlap."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from exptools.viewing.arrays import Bools, Floats, Ints
from exptools.viewing.configs.values import MISSING, comparison_key
from exptools.viewing.groups.derived import derived_keys
from exptools.viewing.groups.grouping import Key, find_keys
from exptools.viewing.groups.names import config_name
from exptools.viewing.groups.variation import is_seed, overview, swept_keys
from exptools.viewing.run import Run

MOST_RANGES = 4  # into which the numbers of a key are put that has too many of them
IN_RANGE = 4  # runs at least
MOST_COMPARED = 100  # keys each of which is held against each other one
OVERLAP = 0.3  # Cramér's V from which on two keys were not varied independently


@dataclass(frozen=True, eq=False)
class Factor:
    """A key, or several that vary together, and the level of each run."""

    keys: tuple[Key, ...]
    levels: Ints  # of each run: 0, 1, 2, …
    values: int  # different values of the key
    in_ranges: bool = False  # whether a level is a range of numbers
    seed: str = ""  # a seed that varies together with it
    swept: bool = False  # whether a key of it was overridden when the runs were started

    @cached_property
    def label(self) -> str:
        """What it is called: "lr", or "lr = batch_size" of keys that vary together.

        What is within another one of them, as ``optim.name`` is in the choice ``optim``, goes
        without saying.
        """
        sections = by_section(self.keys)
        return " = ".join(key.short for key in self.keys if not within(key, sections))

    @property
    def count(self) -> int:
        """How many levels there are."""
        return int(self.levels.max()) + 1


@dataclass(frozen=True)
class Factors:
    """What an analysis takes apart."""

    factors: tuple[Factor, ...]
    settings: Ints  # of each run: runs that agree in all of these keys
    own: tuple[str, ...] = ()  # keys of which (nearly) each run has a value of its own
    followers: tuple[tuple[str, str], ...] = ()  # keys that another one decides, and that one
    names: tuple[str, ...] = ()  # keys that only name combinations of others
    left: int = 0  # keys that nobody has looked at, for there are very many


def by_section(keys: Iterable[Key]) -> dict[str, Key]:
    """The keys by the sections that choices of them fill: ``model/part`` by ``model.part``."""
    return {key.whole.replace("/", "."): key for key in keys}


def within(key: Key, sections: Mapping[str, Key]) -> list[Key]:
    """Those of the keys in whose sections one is, as ``optim.lr`` is in that of ``optim``."""
    above, dot, _ = key.whole.rpartition(".")
    found = []
    while dot:
        if above in sections:
            found.append(sections[above])
        above, dot, _ = above.rpartition(".")
    return found


def setting_keys(runs: Sequence[Run], others: Sequence[Run]) -> list[Key]:
    """The keys that are settings: those that vary, less seeds and what is made of other keys.

    Of what varies together with a seed, as a directory does, only what was swept is a setting.
    """
    seen, derived, swept = overview(runs), derived_keys(runs), swept_keys(runs)
    seed = seen.seed.key if seen.seed else None
    names = []
    for first, more in seen.together.items():
        by_seed = first == seed or is_seed(first)
        names += [
            key
            for key in (first, *more)
            if key not in derived and key != seed and not is_seed(key)
            if not by_seed or not swept or key in swept
        ]
    return named_among(runs, [config_name(name) for name in names], others)


def named_among(runs: Sequence[Run], names: Sequence[str], every: Sequence[Run]) -> list[Key]:
    """The keys of some runs, by the shortest names that find them among all runs."""
    keys = find_keys(runs, names, every)
    named = find_keys(every, [key.whole for key in keys])
    return [replace(key, short=one.short) for key, one in zip(keys, named, strict=True)]


def factors_of(
    runs: Sequence[Run], keys: Sequence[Key], tells: Callable[[Ints], float] = lambda _: 0.0
) -> Factors:
    """The keys as factors; keys that divide the runs in the same way are one.

    Of very many those count whose levels tell most.
    """
    factors: dict[bytes, Factor] = {}
    settings: list[Ints] = []
    own = []
    swept = swept_keys(runs)
    for key in keys:
        values = [key.value(run) for run in runs]
        levels = exact = numbered([comparison_key(value) for value in values])
        different = int(exact.max(initial=0)) + 1
        if different < 2:
            continue
        in_ranges = 2 * different > len(runs)
        if in_ranges:
            # Numbers that nobody chose, as a port, are no setting.
            chosen = not swept or key.whole in swept
            levels = _ranges(values) if chosen else np.zeros_like(exact)
            if levels.max(initial=0) < 1:
                own.append(key.short)
                continue
        settings.append(exact)
        factor = Factor((key,), levels, different, in_ranges, swept=key.whole in swept)
        before = factors.setdefault(levels.tobytes(), factor)
        if before is not factor:
            factors[levels.tobytes()] = replace(before, keys=(*before.keys, key))
    compared = _most_telling(list(factors.values()), tells)
    every = _with_seeds(compared, runs)
    decided = {one: {other for other in every if _decides(one, other)} for one in every}
    names = [factor for factor in every if _is_name(factor, decided)]
    every = [factor for factor in every if factor not in names]
    followers = {id(one): other for one in every if (other := _decided_by(one, every, decided))}
    kept = tuple(factor for factor in every if id(factor) not in followers)
    pairs = tuple((one.label, followers[id(one)].label) for one in every if id(one) in followers)
    return Factors(
        kept,
        together(settings, len(runs)),
        tuple(own),
        pairs,
        tuple(factor.label for factor in names),
        len(factors) - len(compared),
    )


def _most_telling(every: list[Factor], tells: Callable[[Ints], float]) -> list[Factor]:
    """As many as can be compared, in their order."""
    if len(every) <= MOST_COMPARED:
        return every
    told = {id(factor): tells(factor.levels) for factor in every}
    kept = {id(one) for one in sorted(every, key=lambda one: -told[id(one)])[:MOST_COMPARED]}
    return [factor for factor in every if id(factor) in kept]


def _is_name(one: Factor, decided: Mapping[Factor, set[Factor]]) -> bool:
    """Whether a key that nobody swept only names what other keys are: "lr0.1_adam"."""
    if one.swept:
        return False
    apart = any(
        a not in decided[b] and b not in decided[a]
        for a, b in itertools.combinations(decided[one], 2)
    )
    return apart or any(other.swept for other in decided[one])


def _decided_by(
    one: Factor, every: Sequence[Factor], decided: Mapping[Factor, set[Factor]]
) -> Factor | None:
    """The key whose value decides that of one, and is not itself decided by another's."""
    finer = [other for other in every if one in decided[other]]
    roots = [other for other in finer if not any(other in decided[more] for more in finer)]
    return min(roots, key=lambda other: other.count, default=None)


def _decides(finer: Factor, one: Factor) -> bool:
    return finer.count > one.count and not finer.in_ranges and follows(one, finer)


def numbered(values: Sequence[Any]) -> Ints:
    """0, 1, 2, … for the different values, in their order."""
    places: dict[Any, int] = {}
    return np.array([places.setdefault(value, len(places)) for value in values], np.int64)


def together(levels: Sequence[Ints], runs: int) -> Ints:
    """Which runs agree in all of some levels."""
    if not levels:
        return np.zeros(runs, np.int64)
    return numbered(list(zip(*(part.tolist() for part in levels), strict=True)))


def _ranges(values: Sequence[Any]) -> Ints:
    """Numbers in ranges of about equally many runs; one level where they are none or too few."""
    numbers = np.array([_number(value) for value in values])
    there = np.isfinite(numbers)
    if any(
        math.isnan(number) and value is not MISSING
        for number, value in zip(numbers, values, strict=True)
    ):
        return np.zeros(len(values), np.int64)
    ranges = min(MOST_RANGES, int(there.sum()) // IN_RANGE)
    if ranges < 2:
        return np.zeros(len(values), np.int64)
    edges = np.unique(np.quantile(numbers[there], np.arange(1, ranges) / ranges))
    levels = np.where(there, np.searchsorted(edges, numbers, side="right"), ranges + 1)
    return numbered(levels.tolist())


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    return float(value) if isinstance(value, float) or abs(value) < 1e300 else math.nan


def _with_seeds(factors: Sequence[Factor], runs: Sequence[Run]) -> list[Factor]:
    """The factors, each of which knows a seed that varies together with it."""
    seeds: dict[bytes, str] = {}
    for name in filter(is_seed, runs[0].config):
        levels = numbered([comparison_key(run.config.get(name, MISSING)) for run in runs])
        seeds.setdefault(levels.tobytes(), name)
    return [replace(one, seed=seeds.get(one.levels.tobytes(), one.seed)) for one in factors]


def overlap(one: Factor, other: Factor) -> float:
    """How far the levels of one tell those of the other: Cramér's V, from 0 to 1.

    It is without what few runs show by chance (Bergsma, 2013).
    """
    table = np.zeros((one.count, other.count))
    np.add.at(table, (one.levels, other.levels), 1)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    there: Bools = expected > 0
    squares: Floats = (table - expected)[there] ** 2 / expected[there]
    runs, sizes = table.sum(), np.array(table.shape)
    spread = max(0.0, float(squares.sum() / runs - np.prod(sizes - 1) / (runs - 1)))
    room = float(np.min(sizes - 1 - (sizes - 1) ** 2 / (runs - 1)))
    return min(1.0, math.sqrt(spread / room)) if room > 0 else 0.0


def follows(one: Factor, other: Factor) -> bool:
    """Whether the level of one is known where that of the other is."""
    return len(np.unique(one.levels * other.count + other.levels)) == other.count
