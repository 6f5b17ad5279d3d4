"""Keys of runs, and runs grouped by their values of some keys."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from exptools.hints import suggestion
from exptools.viewing.configs.values import MISSING, comparison_key, display, short_names
from exptools.viewing.errors import QueryError
from exptools.viewing.run import Run, natural_key

RUN, CONFIG = "run.", "config."  # before a key that a run and its config both have
SUMMARY = "summary."  # before the name of a value in the runs' summaries

OF_RUN: dict[str, Callable[[Run], Any]] = {
    "name": lambda run: run.name,
    "state": lambda run: run.state.value if run.state else MISSING,
    "sweep": lambda run: run.sweep if run.sweep is not None else MISSING,
}


@dataclass(frozen=True)
class Key:
    """What runs have a value of: a key of their configs or summaries, or name, state, sweep."""

    name: str  # as it was asked for
    value: Callable[[Run], Any]  # MISSING where a run lacks it
    show: Callable[[Any], str] = display


@dataclass(frozen=True)
class Group:
    """Runs that share their values of the keys by which they are grouped."""

    values: tuple[Any, ...]  # one for each key
    label: str
    runs: tuple[Run, ...]
    comparison_key: Hashable  # of the values; the label may be another's, too


def config_key(name: str) -> Key:
    """The key of that name in the runs' configs."""
    return Key(name, lambda run: run.config.get(name, MISSING))


def summary_key(name: str) -> Key:
    """The value of that name in the runs' summaries."""
    return Key(name, lambda run: run.summary.get(name, MISSING))


def run_key(name: str) -> Key:
    """``name``, ``state`` or ``sweep`` of the runs themselves."""
    # What runs are called is no value of a config: a run "3" stands without quotes.
    return Key(name, OF_RUN[name], lambda value: display(value) if value is MISSING else value)


def find_keys(runs: Iterable[Run], names: Sequence[str]) -> list[Key]:
    """The keys of these names.

    They are those of the configs, ``name``, ``state`` and ``sweep`` of the runs, and what is in the
    summaries, by its name where no other key has that, or as ``summary.<name>``.
    """
    return keys_among(known_keys(runs), names)


def keys_among(keys: Set[str], names: Sequence[str]) -> list[Key]:
    """As ``find_keys``, of runs whose ``known_keys`` are ``keys``."""
    return [_find_key(keys, name) for name in names]


def config_name(key: str) -> str:
    """What to call a key of the configs, also where the runs have one of that name themselves."""
    return f"{CONFIG}{key}" if key in OF_RUN else key


def own_name(key: str, keys: Set[str]) -> str:
    """What to call a key of the runs' own, also where it is known from the configs, too."""
    return f"{RUN}{key}" if key in keys else key


def known_keys(runs: Iterable[Run]) -> set[str]:
    """The keys that any run's config has, and with ``summary.`` before them its summary's."""
    of_configs, of_summaries = set[str](), set[str]()
    for run in runs:
        of_configs.update(run.config)
        of_summaries.update(run.summary)
    return of_configs | {f"{SUMMARY}{name}" for name in of_summaries}


def _find_key(keys: Set[str], name: str) -> Key:
    if name in keys and name in OF_RUN:
        raise QueryError(
            f"the runs have a {name}, and so have their configs: say {RUN}{name} or {CONFIG}{name}"
        )
    if name in keys:
        return _config_or_summary_key(name)
    if (of_run := name.removeprefix(RUN)) in OF_RUN:
        return replace(run_key(of_run), name=name)
    if name.startswith(CONFIG) and (key := name.removeprefix(CONFIG)) in keys:
        return replace(config_key(key), name=name)
    if f"{SUMMARY}{name}" in keys:
        return summary_key(name)
    raise QueryError(f"no run has a key {name!r}; {suggestion(name, sorted(keys | {*OF_RUN}))}")


def _config_or_summary_key(name: str) -> Key:
    """A config may have a section that is called summary."""
    of_summary = summary_key(name.removeprefix(SUMMARY))

    def value(run: Run) -> Any:
        return run.config[name] if name in run.config else of_summary.value(run)

    return Key(name, value) if name.startswith(SUMMARY) else config_key(name)


def groups(runs: Iterable[Run], keys: Sequence[Key]) -> list[Group]:
    """Runs that share their values of all keys, ordered by value; what lacks a key comes last."""
    members: dict[tuple[Any, ...], list[Run]] = {}
    values: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for run in runs:
        of_run = tuple(key.value(run) for key in keys)
        same = tuple(map(comparison_key, of_run))
        members.setdefault(same, []).append(run)
        values.setdefault(same, of_run)
    names = short_names([key.name for key in keys])
    ordered = sorted(members, key=lambda same: tuple(map(_order, keys, values[same])))
    return [
        Group(values[same], _label(keys, names, values[same]), tuple(members[same]), same)
        for same in ordered
    ]


def _label(keys: Sequence[Key], names: dict[str, str], values: tuple[Any, ...]) -> str:
    if len(keys) == 1:
        return keys[0].show(values[0])
    named = zip(keys, values, strict=True)
    return ", ".join(f"{names[key.name]}={key.show(value)}" for key, value in named) or "all runs"


def _order(key: Key, value: Any) -> tuple[Any, ...]:
    kind, *rest = comparison_key(value)
    if kind == "number" and rest != ["nan"]:
        return (0, value)
    return (2,) if value is MISSING else (1, natural_key(key.show(value)))
