"""Keys of runs, and runs grouped by their values of some keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from exptools.rundir import Status
from exptools.viewing.configs.values import MISSING, comparison_key, display, label_among
from exptools.viewing.groups.names import CONFIG, RUN, SUMMARY, KeyNames, config_name
from exptools.viewing.run import Run, duration, natural_key

TIME = "%Y-%m-%d %H:%M:%S"


def _of_status(said: Callable[[Status], Any]) -> Callable[[Run], Any]:
    """What a run's status says; MISSING where there is no status, or it does not say."""

    def value(run: Run) -> Any:
        of_run = None if run.status is None else said(run.status)
        return MISSING if of_run is None else of_run

    return value


def _local_time(status: Status) -> str | None:
    """When a job began, as a text that compares: "2026-11-27 14:03:05", in this machine's zone."""
    if status.started is None:
        return None
    try:
        return f"{datetime.fromtimestamp(status.started):{TIME}}"
    except (OverflowError, ValueError, OSError):  # no time that there is
        return None


def _commit(status: Status) -> str | None:
    commit = (status.git or {}).get("commit")
    return None if commit is None else str(commit)


OF_RUN: dict[str, Callable[[Run], Any]] = {
    "name": lambda run: run.name,
    "state": lambda run: run.state.value if run.state else MISSING,
    "sweep": lambda run: run.sweep if run.sweep is not None else MISSING,
    "duration": _of_status(lambda status: duration(status, time.time())),  # seconds
    "started": _of_status(_local_time),
    "host": _of_status(lambda status: status.host),
    "element": _of_status(lambda status: status.element),
    "slot": _of_status(lambda status: status.slot),
    "commit": _of_status(_commit),
}


@dataclass(frozen=True)
class Key:
    """What runs have a value of: a key of their configs or summaries, or name, state, sweep."""

    name: str  # as it was asked for
    value: Callable[[Run], Any]  # MISSING where a run lacks it
    show: Callable[[Any], str] = display
    whole: str = ""  # the name that is no other key's
    short: str = ""  # the shortest end of it by which it can be asked for


@dataclass(frozen=True)
class Group:
    """Runs that share their values of the keys by which they are grouped."""

    values: tuple[Any, ...]  # one for each key
    label: str
    runs: tuple[Run, ...]
    comparison_key: Hashable  # of the values; the label may be another's, too


def config_key(name: str) -> Key:
    """The key of that name in the runs' configs."""
    return Key(name, lambda run: run.config.get(name, MISSING), whole=config_name(name), short=name)


def run_key(name: str) -> Key:
    """What the runs have by themselves: ``name``, ``state``, ``sweep``, ``duration``, …"""
    # What runs are called is no value of a config: a run "3" stands without quotes.
    show = lambda value: value if isinstance(value, str) else display(value)  # noqa: E731
    return Key(name, OF_RUN[name], show, whole=name, short=name)


def find_keys(runs: Iterable[Run], names: Sequence[str], others: Iterable[Run] = ()) -> list[Key]:
    """The keys that are meant by these names.

    They are those of the configs, ``name``, ``state`` and ``sweep`` of the runs, what their status
    says (``duration``, ``started``, ``host``, ``element``, ``slot``, ``commit``), and what is in
    the summaries, by its name where no other key has that, or as ``summary.<name>``. The end of a
    key is enough where no other ends so; see ``KeyNames.find``.

    ``others`` are the runs from which these were chosen: a key that only those have is meant by its
    whole name, and by its end where these have none that ends so. These are all without it.
    """
    if not names:
        return []
    known = KeyNames(known_keys(runs))
    if all(map(known.has_exactly, names)):
        return keys_among(known, names)
    every = KeyNames(known_keys(others) | known.keys)
    return [
        _found(every if name in every.keys or not known.has(name) else known, name)
        for name in names
    ]


def keys_among(known: KeyNames, names: Sequence[str]) -> list[Key]:
    """As ``find_keys``, of runs whose ``known_keys`` are known."""
    return [_found(known, name) for name in names]


def known_keys(runs: Iterable[Run]) -> set[str]:
    """The keys that any run's config has, and with ``summary.`` before them its summary's."""
    of_configs, of_summaries = set[str](), set[str]()
    for run in runs:
        of_configs.update(run.config)
        of_summaries.update(run.summary)
    return of_configs | {f"{SUMMARY}{name}" for name in of_summaries}


def _found(known: KeyNames, name: str) -> Key:
    whole = known.find(name)
    if whole.startswith(SUMMARY):
        key = _summary_key(whole)
    elif whole in known.keys:
        key = config_key(whole)
    elif (own := whole.removeprefix(RUN)) in OF_RUN:
        key = run_key(own)
    else:  # a config's key that is named like one of the runs' own
        key = config_key(whole.removeprefix(CONFIG))
    return replace(key, name=name, whole=whole, short=known.short(whole))


def _summary_key(name: str) -> Key:
    """A value of the summaries; a config may have a section that is called summary, too."""
    said = name.removeprefix(SUMMARY)

    def value(run: Run) -> Any:
        return run.config[name] if name in run.config else run.summary.get(said, MISSING)

    return Key(name, value)


def groups(runs: Iterable[Run], keys: Sequence[Key]) -> list[Group]:
    """Runs that share their values of all keys, ordered by value; what lacks a key comes last."""
    members: dict[tuple[Any, ...], list[Run]] = {}
    values: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for run in runs:
        of_run = tuple(key.value(run) for key in keys)
        same = tuple(map(comparison_key, of_run))
        members.setdefault(same, []).append(run)
        values.setdefault(same, of_run)
    ordered = sorted(members, key=lambda same: tuple(map(_order, keys, values[same])))
    keys = [among(key, [of_run[at] for of_run in values.values()]) for at, key in enumerate(keys)]
    return [
        Group(values[same], _label(keys, values[same]), tuple(members[same]), same)
        for same in ordered
    ]


def among(key: Key, values: Sequence[Any]) -> Key:
    """The key, which names each of its values as it need be among them."""
    return replace(key, show=label_among(values)) if key.show is display else key


def _label(keys: Sequence[Key], values: tuple[Any, ...]) -> str:
    if len(keys) == 1:
        return keys[0].show(values[0])
    named = zip(keys, values, strict=True)
    return ", ".join(f"{key.short}={key.show(value)}" for key, value in named) or "all runs"


def _order(key: Key, value: Any) -> tuple[Any, ...]:
    kind, *rest = comparison_key(value)
    if kind == "number" and rest != ["nan"]:
        return (0, value)
    return (2,) if value is MISSING else (1, natural_key(key.show(value)))
