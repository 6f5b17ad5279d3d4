"""What differs between runs: which keys vary, which vary together, which hold the seed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress, repeat
from operator import is_, is_not
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exptools.gc_pause import collector_paused
from exptools.viewing.configs.addresses import names_an_object
from exptools.viewing.configs.values import comparison_key, segments
from exptools.viewing.groups.derived import derived_keys
from exptools.viewing.run import Run

FEW_VALUES = 12  # more curves than this cannot be told apart
SEED_NAMES = ("seed", "random_state", "run_id")  # run_experiments counts repetitions by run_id
MOST_KEYS = 64  # with more that vary by themselves, nobody varies only the seed on purpose


@dataclass(frozen=True)
class Variation:
    """How the values of one key divide runs; to lack the key is a value, too."""

    classes: tuple[tuple[int, ...], ...]  # for each value, the positions of the runs that have it
    missing: int  # runs that lack the key
    integers: bool  # whether every value is an integer

    @property
    def values(self) -> int:
        """How many values there are."""
        return len(self.classes) + (self.missing > 0)

    def partition(self, runs: int) -> frozenset[tuple[int, ...]]:
        """Equal for keys that divide so many runs in the same way: all classes but the largest."""
        if 2 * self.missing > runs:
            return frozenset(self.classes)
        classes = list(self.classes)
        if self.missing:
            classes.append(tuple(sorted(set(range(runs)).difference(*classes))))
        classes.remove(max(classes, key=lambda members: (len(members), -members[0])))
        return frozenset(classes)


@dataclass(frozen=True)
class Seed:
    """The key that holds the runs' random seed, and why we think so."""

    key: str
    reason: str  # a sentence


@dataclass(frozen=True)
class Overview:
    """What differs between some runs."""

    varying: tuple[str, ...]
    # The varying keys, those that divide the runs in the same way under one of them, which speaks
    # for them: first a swept one, then the seed, then the first of the configs; one that is made of
    # others by ``${…}`` never speaks for them.
    together: dict[str, tuple[str, ...]]
    # Keys worth grouping by, the most telling first: neither one group nor one a run. Of keys that
    # vary together one is named; the seed never is, nor what is made of other keys or was not swept
    # and is known where a swept one is, as a group's ``optim.weight_decay`` where ``optim`` is.
    facets: tuple[str, ...]
    # Settings of which each run has its own value, as in a random search; see ``_searched``.
    searched: tuple[str, ...]
    # The key that holds the seed, None where no run has one; one that differs comes first. Known by
    # its name, or as the only key, an integer, in which runs differ that agree in all else. Where
    # each of several keys is so, as in a full grid, none is taken.
    seed: Seed | None
    # The key by which the runs are best grouped, None where nothing differs: one that was swept,
    # that all runs have, and that several runs share a value of makes the better groups; among
    # equals the configs' order decides. The seed is only taken when nothing else differs.
    group_key: str | None


def overview(runs: Sequence[Run]) -> Overview:
    """What differs between runs, all of it found in one go."""
    by_key = variations(runs)
    derived = derived_keys(runs)
    together = _together(by_key, runs, derived)
    seed = _seed_among(by_key, runs, derived, together)
    telling = [key for key in together if by_key[key].values < len(runs) and key not in derived]
    keys = [key for key in telling if not is_seed(key) and not (seed and key == seed.key)]
    facets = _by_use(_not_decided(keys, by_key, runs), runs, by_key, seed)
    own = [key for key in by_key if key not in derived]
    best = next(iter(_by_use(own or by_key, runs, by_key, seed)), None)
    searched = tuple(_searched(runs, by_key, derived, seed))
    return Overview(tuple(by_key), together, tuple(facets), searched, seed, best)


def variations(runs: Sequence[Run]) -> dict[str, Variation]:
    """How each key that varies divides the runs, by their positions; in the order of the configs.

    What an incomplete config lacks makes no key vary: nobody knows yet whether it has it.

    Runs whose configs have the same keys are taken together, key by key, because most values of a
    sweep are one object in all of them. One with thousands of keys of its own costs only them.
    """
    with collector_paused():
        return {key: _variation(parts, missing) for key, parts, missing in _differing(runs)}


def _differing(runs: Sequence[Run]) -> Iterator[tuple[str, list[_Column], int]]:
    """Each key that varies, its values, and how many runs have none."""
    columns: dict[str, list[_Column]] = {}
    incomplete = [run.config for run in runs if run.incomplete is not None]
    for keys, positions in _alike(runs).items():
        for key, column in _columns(keys, [runs[position].config for position in positions]):
            columns.setdefault(key, []).append(_Column(positions, column))
    for key, parts in columns.items():
        missing = len(runs) - sum(len(part.positions) for part in parts)
        unknown = sum(key not in config for config in incomplete)
        if (missing > unknown or not _is_constant(parts)) and not names_an_object(key):
            yield key, parts, missing


def _alike(runs: Sequence[Run]) -> dict[tuple[str, ...], list[int]]:
    """The positions of the runs that have the same keys, by these."""
    positions: dict[tuple[str, ...], list[int]] = {}
    before: tuple[str, ...] | None = None
    here: list[int] = []
    for position, run in enumerate(runs):
        keys = tuple(run.config)
        if keys != before:  # sooner said than where they are in a dict
            before, here = keys, positions.setdefault(keys, [])
        here.append(position)
    return positions


def _columns(
    keys: Sequence[str], configs: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, list[Any]]]:
    """The values of each key, as a ``_Column`` has them; one object is most keys' everywhere."""
    first = tuple(configs[0].values())
    others: set[str] = set()
    for config in configs:
        others.update(compress(keys, map(is_not, config.values(), first)))
    for key, value in zip(keys, first, strict=True):
        yield key, [config[key] for config in configs] if key in others else [value]


class _Column(NamedTuple):
    """The values that some of the runs have of a key."""

    positions: Sequence[int]
    values: list[Any]  # in the order of these; one alone is that of all of them


def _is_constant(parts: Sequence[_Column]) -> bool:
    """Whether all values are equal; in most keys of a sweep all are one and the same object."""
    first = parts[0].values[0]
    if all(all(map(is_, part.values, repeat(first))) for part in parts):
        return True
    same = comparison_key(first)
    return all(comparison_key(value) == same for part in parts for value in _different(part))


def _different(column: _Column) -> Iterable[Any]:
    """The objects among the values of a column, each once."""
    return dict(zip(map(id, column.values), column.values, strict=True)).values()


def _variation(parts: Sequence[_Column], missing: int) -> Variation:
    members: dict[Any, list[int]] = {}
    integers = True
    for part in parts:
        classes = {}
        for value in _different(part):
            classes[id(value)] = members.setdefault(comparison_key(value), [])
            integers = integers and type(value) is int
        alone = len(part.positions) if len(part.values) == 1 else 1
        for position, value in zip(part.positions, map(id, part.values * alone), strict=True):
            classes[value].append(position)
    ordered = sorted(map(sorted, members.values()))  # in each part they are, but there may be some
    return Variation(tuple(map(tuple, ordered)), missing, integers)


def varying(runs: Sequence[Run]) -> list[str]:
    """The keys whose values differ between runs, in the order in which the configs have them."""
    with collector_paused():
        return [key for key, _, _ in _differing(runs)]


def is_seed(key: str) -> bool:
    """Whether a key names a random seed, judged by its last segment."""
    if not key.lower().endswith((*SEED_NAMES, "_seed")):  # hardly any key does
        return False
    last = segments(key)[-1].lower()
    return last in SEED_NAMES or last.endswith("_seed")


def swept_keys(runs: Iterable[Run]) -> frozenset[str]:
    """The keys that were overridden when the runs were started."""
    return frozenset(
        override.lstrip("+~").partition("=")[0]
        for run in runs
        if run.status
        for override in run.status.overrides
    )


def _together(
    by_key: Mapping[str, Variation], runs: Sequence[Run], derived: frozenset[str]
) -> dict[str, tuple[str, ...]]:
    alike: dict[frozenset[tuple[int, ...]], list[str]] = {}
    for key, variation in by_key.items():
        alike.setdefault(variation.partition(len(runs)), []).append(key)
    swept = swept_keys(runs)
    speakers = {}
    for keys in alike.values():
        first = min(keys, key=lambda key: (key in derived, key not in swept, not is_seed(key)))
        speakers[first] = tuple(key for key in keys if key != first)
    return speakers


def _seed_among(
    by_key: Mapping[str, Variation],
    runs: Sequence[Run],
    derived: frozenset[str],
    together: Mapping[str, Sequence[str]],
) -> Seed | None:
    keys = chain(by_key, *(run.config for run in runs[:1]))
    named = sorted(filter(is_seed, keys), key=lambda key: (key not in by_key, key in derived))
    for key in named[:1]:
        source = next((one for one, others in together.items() if key in others), key)
        if key in derived and source not in derived:
            return Seed(source, f"{source} is taken for the seed: {key} is made of it")
        return Seed(key, f"{key} is taken for the seed because of its name")
    own = {key: variation for key, variation in by_key.items() if key not in derived}
    only = _only_difference(own, len(runs))
    if only is None:
        return None
    return Seed(only, f"{only} is taken for the seed: runs that agree in all else differ in it")


def _by_use(
    keys: Iterable[str], runs: Sequence[Run], by_key: Mapping[str, Variation], seed: Seed | None
) -> list[str]:
    swept = swept_keys(runs)

    def drawbacks(key: str) -> tuple[bool, ...]:
        values = by_key[key].values
        return (
            is_seed(key) or (seed is not None and key == seed.key),
            values == len(runs),
            values > FEW_VALUES,
            key not in swept,
            by_key[key].missing > 0,
        )

    return sorted(keys, key=drawbacks)


def _not_decided(
    keys: Sequence[str], by_key: Mapping[str, Variation], runs: Sequence[Run]
) -> list[str]:
    """The keys that were swept, or whose value no swept one decides."""
    swept = swept_keys(runs)
    codes = {key: _codes(by_key[key], len(runs)).tolist() for key in keys}
    deciding = [codes[key] for key in keys if key in swept][:MOST_KEYS]
    return [
        key for key in keys if key in swept or not any(decides(one, codes[key]) for one in deciding)
    ]


def decides(one: Iterable[Hashable], other: Iterable[Hashable]) -> bool:
    """Whether runs that agree in one thing agree in another one, too; both in the runs' order."""
    pairs = set(zip(one, other, strict=True))
    return len(pairs) == len({first for first, _ in pairs})


def _searched(
    runs: Sequence[Run],
    by_key: Mapping[str, Variation],
    derived: frozenset[str],
    seed: Seed | None,
) -> Iterator[str]:
    """The settings of which each run has its own value.

    They are told from directories, ports and job numbers: they were swept, or are numbers with a
    fraction, or whole ones where no seed varies that such a number could go with.
    """
    swept = swept_keys(runs)
    kinds = {float} if seed and seed.key in by_key else {int, float}
    for key, variation in by_key.items():
        is_own = variation.values == len(runs) and key not in derived
        if is_own and not is_seed(key) and not (seed and key == seed.key):
            values = (run.config[key] for run in runs if key in run.config)
            if key in swept or kinds.issuperset(map(type, values)):
                yield key


def _only_difference(by_key: Mapping[str, Variation], runs: int) -> str | None:
    """The one key that alone tells apart runs that are equal in all others, if it is one."""
    speakers: dict[frozenset[tuple[int, ...]], str] = {}
    for key, variation in sorted(by_key.items(), key=lambda item: not item[1].integers):
        speakers.setdefault(variation.partition(runs), key)
    if not 2 <= len(speakers) <= MOST_KEYS:
        return None
    codes = {key: _codes(by_key[key], runs) for key in speakers.values()}
    alone = [key for key in codes if _tells_apart(key, codes, runs)]
    return alone[0] if len(alone) == 1 and by_key[alone[0]].integers else None


def _codes(variation: Variation, runs: int) -> NDArray[np.int64]:
    codes = np.zeros(runs, np.int64)
    for code, members in enumerate(variation.classes, start=1):
        codes[list(members)] = code
    return codes


def _tells_apart(key: str, codes: Mapping[str, NDArray[np.int64]], runs: int) -> bool:
    """Whether the other keys make several groups of several runs, with no value of key twice."""
    # A key that is another in every run would make each a group of its own: directories, times.
    others = [c for other, c in codes.items() if other != key and len(np.unique(c)) < runs]
    if not others:
        return False
    _, group, sizes = np.unique(
        np.stack(others, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    pairs = np.unique(np.stack([group.ravel(), codes[key]], axis=1), axis=0)
    return len(sizes) > 1 and bool(sizes.min() > 1) and len(pairs) == runs
