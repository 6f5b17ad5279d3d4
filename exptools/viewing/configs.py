"""Configs side by side: what differs between runs, and what to group runs by."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exptools.viewing.runs import Run, natural_key

FEW_VALUES = 12  # more curves than this cannot be told apart
SEED_NAMES = ("seed", "random_state")


class Missing:
    """The value of a key that a run's config does not have."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


@dataclass(frozen=True)
class Group:
    """Runs that share one value of the key by which they are grouped."""

    label: str
    runs: tuple[Run, ...]
    identity: Hashable  # of the value; the label may be another's, too


def flatten(config: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a nested config as (dotted key, value).

    Lists and empty mappings are leaves. A dot that belongs to a key is written ``\\.``, as in
    Hydra's overrides.
    """
    for key, value in config.items():
        name = prefix + str(key).replace(".", "\\.")
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{name}.")
        else:
            yield name, value


def identity(value: Any) -> tuple[Any, ...]:
    """A hashable stand-in that is equal for equal values and keeps types apart.

    1 and 1.0 are one number; True, 1 and "1" are three values; NaN equals itself.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return ("number", "nan" if _is_nan(value) else value)
    if isinstance(value, (list, tuple)):
        return ("list", *map(identity, value))
    if isinstance(value, Mapping):
        items = ((str(key), identity(item)) for key, item in value.items())
        return ("mapping", *sorted(items, key=lambda item: item[0]))
    return (type(value).__name__, repr(value))


def varying(runs: Sequence[Run]) -> list[str]:
    """The keys whose values differ between runs, in the order in which the configs have them."""
    return [key for key, values in _numbers_of_values(runs).items() if values > 1]


def is_seed(key: str) -> bool:
    """Whether a key names a random seed, judged by its last segment."""
    last = _segments(key)[-1].lower()
    return last in SEED_NAMES or last.endswith("_seed")


def seed_key(runs: Sequence[Run]) -> str | None:
    """The key that holds the seed, None where no run has one; one that differs comes first."""
    values = _numbers_of_values(runs)
    return max(filter(is_seed, values), key=lambda key: values[key] > 1, default=None)


def default_group_key(runs: Sequence[Run]) -> str | None:
    """The differing key by which runs are best grouped, None where nothing differs.

    A key that was swept, that all runs have, and that several runs share a value of makes the
    better groups; among equals the config's order decides. The seed is only taken when nothing
    else differs.
    """
    swept = {
        override.lstrip("+~").partition("=")[0]
        for run in runs
        if run.status
        for override in run.status.overrides
    }

    values = _numbers_of_values(runs)

    def drawbacks(key: str) -> tuple[bool, ...]:
        return (
            is_seed(key),
            values[key] == len(runs),
            values[key] > FEW_VALUES,
            key not in swept,
            any(key not in run.config for run in runs),
        )

    return min((key for key in values if values[key] > 1), key=drawbacks, default=None)


def groups(runs: Sequence[Run], key: str | None) -> list[Group]:
    """Runs grouped by their value of ``key``, ordered by value; without a key each by itself."""
    if key is None:
        return [Group(run.name, (run,), run.name) for run in runs]
    members: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        members.setdefault(identity(run.config.get(key, MISSING)), []).append(run)
    values = {value: same[0].config.get(key, MISSING) for value, same in members.items()}
    ordered = sorted(members, key=lambda value: _order(values[value]))
    return [Group(display(values[value]), tuple(members[value]), value) for value in ordered]


def display(value: Any) -> str:
    """A value as a person reads it; a text that would pass for another type stands in quotes."""
    if value is MISSING:
        return "—"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if _passes_for_typed(value) else value
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(display, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {display(item)}' for key, item in value.items())}}}"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """For each key its shortest ending that no other of the keys has."""
    endings = {key: _endings(key) for key in keys}
    owners: dict[str, int] = {}
    for ending in (ending for found in endings.values() for ending in found):
        owners[ending] = owners.get(ending, 0) + 1
    return {
        key: next((ending for ending in found if owners[ending] == 1), key)
        for key, found in endings.items()
    }


def _numbers_of_values(runs: Sequence[Run]) -> dict[str, int]:
    """How many values each key has, its absence being one; keys in the configs' order.

    In one pass over what the runs have: one run with thousands of keys of its own costs only them.
    """
    values: dict[str, set[tuple[Any, ...]]] = {}
    runs_with = Counter(key for run in runs for key in run.config)
    for run in runs:
        for key, value in run.config.items():
            values.setdefault(key, set()).add(identity(value))
    return {key: len(found) + (runs_with[key] < len(runs)) for key, found in values.items()}


def _segments(key: str) -> list[str]:
    return re.split(r"(?<!\\)\.", key)


def _endings(key: str) -> list[str]:
    segments = _segments(key)
    return [".".join(segments[start:]) for start in range(len(segments) - 1, -1, -1)]


def _order(value: Any) -> tuple[Any, ...]:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not _is_nan(value):
        return (0, value)
    return (2,) if value is MISSING else (1, natural_key(display(value)))


def _is_nan(value: float) -> bool:
    # math.isnan(), and what else makes a float of it, takes no integer of hundreds of digits.
    return isinstance(value, float) and math.isnan(value)


def _passes_for_typed(text: str) -> bool:
    if text.strip().lower() in ("", "true", "false", "null", "none", "~", "—"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
