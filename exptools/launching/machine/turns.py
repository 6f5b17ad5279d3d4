"""Whose turn it is: who has waited longest for a core or a GPU is the next to get one.

A sweep that waits says so in a file of its own, a ticket, which it keeps locked: the kernel tears
up the tickets of the dead. It says how many cores and GPUs a slot needs, and of which ones. Before
a sweep takes something, it sets aside what those need who have waited longer; so nobody who needs
much is overtaken for ever by those who need little. Whoever does not take what is set aside (it is
suspended, or waits for something else) is passed over after a few seconds.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from exptools.launching.machine.lease_files import (
    Held,
    Holder,
    LeaseFiles,
    holder_of,
    release,
    write_record,
)

PATIENCE = 5.0  # seconds that something free is kept for somebody
_GAP = 5.0  # seconds between two looks in which somebody may have taken and given back
_PASSED_OVER = 60.0  # seconds that who did not take it has to wait until it is kept for them again
_TICKETS = {f"wait-{number}": None for number in range(1000)}  # their names, in their order
_MOST_WAITERS = 1000  # that are looked at, for anybody may claim any number
_Party = tuple[str, int]  # a sweep that waits: its ticket and its process


@dataclass(frozen=True)
class Resources:
    """Cores, by their numbers, and GPUs, by their UUIDs."""

    cores: frozenset[int] = frozenset()
    gpus: frozenset[str] = frozenset()

    def without(self, other: Resources) -> Resources:
        """Those that are not the other's."""
        return Resources(self.cores - other.cores, self.gpus - other.gpus)

    def __bool__(self) -> bool:
        return bool(self.cores or self.gpus)

    def union(self, other: Resources) -> Resources:
        """Those of both."""
        return Resources(self.cores | other.cores, self.gpus | other.gpus)


@dataclass(frozen=True)
class Need:
    """What a slot that waits would take: any so many of these."""

    cores: int
    gpus: int
    of: Resources

    def portion(self, free: Resources) -> Resources:
        """As much of it as is free, always the same for all who ask."""
        cores = sorted(self.of.cores & free.cores)[: self.cores]
        gpus = sorted(self.of.gpus & free.gpus)[: self.gpus]
        return Resources(frozenset(cores), frozenset(gpus))

    def is_met_by(self, portion: Resources) -> bool:
        """Whether a portion is all that is needed."""
        return len(portion.cores) >= self.cores and len(portion.gpus) >= self.gpus


@dataclass(frozen=True)
class Waiter:
    """A slot of another sweep that waits."""

    need: Need
    since: float  # on the clock that all processes of this host share (`time.monotonic`)
    ticket: str
    holder: Holder | None  # None: it has not said


@dataclass
class _Grace:
    """How patient we are with a sweep that waits, whatever its ticket says of its slots."""

    could_take: Resources = Resources()  # what was kept for slots of it that need nothing else
    since: float = math.inf  # since when it has taken nothing of that
    looked: float = -math.inf  # when we last saw that
    passed_until: float = -math.inf

    def passes(self, free: Resources, now: float) -> bool:
        """Whether it is passed over: it could have gone on for a while."""
        took_some = bool(self.could_take.without(free))
        if took_some or now - self.looked > _GAP:
            self.since = math.inf
        if now - self.since > PATIENCE:
            self.since, self.passed_until = math.inf, now + _PASSED_OVER
        return now < self.passed_until

    def keep(self, could_take: Resources, now: float) -> None:
        """Note what is kept for it from now on."""
        self.since = min(self.since, now) if could_take else math.inf
        self.could_take, self.looked = could_take, now


@dataclass(frozen=True)
class SetAside:
    """What is kept for others, the longest waiting first."""

    portions: Sequence[tuple[Waiter, Resources]] = field(default_factory=tuple)

    def before(self, since: float) -> Resources:
        """All that is kept for those who have waited since before then."""
        kept = Resources()
        for waiter, portion in self.portions:
            if waiter.since < since:
                kept = kept.union(portion)
        return kept

    def waiter_for(self, wanted: Resources, since: float) -> Waiter | None:
        """Who has waited since before then for some of what is wanted."""
        for waiter, portion in self.portions:
            if waiter.since < since and wanted.without(portion) != wanted:
                return waiter
        return None


class Turns:
    """Our ticket, and those of others."""

    def __init__(self, files: LeaseFiles) -> None:
        self._files = files
        self._ticket: tuple[str, int] | None = None  # its file's name and descriptor
        self._published: Sequence[tuple[float, Need]] = ()
        self._graces: dict[_Party, _Grace] = {}

    def publish(self, waits: Sequence[tuple[float, Need]]) -> None:
        """Say since when our slots wait, and for what; nothing gives our ticket back."""
        if waits == self._published or not self._files.works:
            return
        self._published = tuple(waits)
        if not waits:
            self.close()
            self._files.announce()  # what was set aside for us is free
            return
        if self._ticket is None:
            self._ticket = self._draw()
        if self._ticket is not None:
            write_record(self._ticket[1], {"waits": _to_record(waits)})

    def waiters(self) -> list[Waiter]:
        """Others' slots that wait, the longest waiting first."""
        ours = (self._ticket[0],) if self._ticket else ()
        records = self._files.records(_TICKETS.__contains__, but=ours)
        waiters: list[Waiter] = []
        for name, record in records.items():
            waiters = _longest_waiting([*waiters, *_waiters(name, record)])
        return waiters

    def set_aside(self, waiters: Sequence[Waiter], free: Resources) -> SetAside:
        """What of the free is kept for the waiters."""
        now, left = time.monotonic(), free
        graces = {party: self._graces.get(party) or _Grace() for party in map(_party, waiters)}
        passed = {party for party, grace in graces.items() if grace.passes(free, now)}
        portions = []
        could_take: dict[_Party, Resources] = {}
        for waiter in waiters:
            party = _party(waiter)
            if party in passed:
                continue
            portion = waiter.need.portion(left)
            portions.append((waiter, portion))
            left = left.without(portion)
            if waiter.need.is_met_by(portion):
                could_take[party] = could_take.get(party, Resources()).union(portion)
        for party, grace in graces.items():
            grace.keep(could_take.get(party, Resources()), now)
        self._graces = graces
        return SetAside(portions)

    def close(self) -> None:
        """Give our ticket back."""
        if self._ticket is not None:
            release(self._ticket[1])
        self._ticket, self._published = None, ()

    def close_in_child(self) -> None:
        """Close our copy of the ticket in a forked process, without giving it back."""
        if self._ticket is not None:
            os.close(self._ticket[1])
        self._ticket = None

    def _draw(self) -> tuple[str, int] | None:
        """A ticket that nobody has; None if there is none, so that we only have no turn."""
        for name in _TICKETS:
            with contextlib.suppress(Held, OSError):
                return name, self._files.acquire(name, ask_holder=False)
        return None


def find_waiters() -> list[Waiter]:
    """The slots of all sweeps that wait, the longest waiting first."""
    files = LeaseFiles()
    waiters = Turns(files).waiters()
    files.close()
    return waiters


def _party(waiter: Waiter) -> _Party:
    return waiter.ticket, waiter.holder.pid if waiter.holder else 0


def _longest_waiting(waiters: Sequence[Waiter]) -> list[Waiter]:
    return sorted(waiters, key=lambda one: (one.since, one.ticket))[:_MOST_WAITERS]


def _to_record(waits: Iterable[tuple[float, Need]]) -> list[dict[str, Any]]:
    """For each different need when its slots began to wait."""
    times: dict[Need, list[float]] = {}
    for since, need in waits:
        times.setdefault(need, []).append(since)
    return [
        {
            "cores": need.cores,
            "gpus": need.gpus,
            "of_cores": sorted(need.of.cores),
            "of_gpus": sorted(need.of.gpus),
            "since": sinces,
        }
        for need, sinces in times.items()
    ]


def _waiters(ticket: str, record: Any) -> list[Waiter]:
    """The slots that wait, as a ticket says; none where it makes no sense."""
    try:
        holder = holder_of(record)
        waiters = []
        for raw in record["waits"]:
            cores, gpus = frozenset(map(int, raw["of_cores"])), frozenset(map(str, raw["of_gpus"]))
            need = Need(int(raw["cores"]), int(raw["gpus"]), Resources(cores, gpus))
            if 0 <= need.cores <= len(cores) and 0 <= need.gpus <= len(gpus):
                times = sorted(filter(math.isfinite, map(float, raw["since"])))
                waiters += [Waiter(need, at, ticket, holder) for at in times[:_MOST_WAITERS]]
    except (TypeError, ValueError, KeyError, OverflowError, RecursionError):
        return []
    return waiters
