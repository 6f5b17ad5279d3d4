"""When a job may start in a slot: sweeps take turns, and strangers on GPUs are waited for.

A sweep takes a lease on all of a slot before a job starts there, and gives it back when the job
has ended; meanwhile other sweeps' slots wait, and say for whom. What a job leaves goes to the slot,
of whichever sweep, that has waited longest.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from exptools.launching.machine.lease_files import Holder, LeaseFiles
from exptools.launching.machine.leases import (
    Leases,
    gpu_lease,
    held_by,
    is_core,
    leases_of,
    leases_on,
    resource_name,
    resources_named,
    resources_of,
)
from exptools.launching.machine.neighbours import Neighbours
from exptools.launching.machine.placing import count_sharers
from exptools.launching.machine.request import Request
from exptools.launching.machine.slots import Slot, move_slot
from exptools.launching.machine.topology import Machine
from exptools.launching.machine.turns import PATIENCE, Need, Resources, SetAside, Turns, Waiter
from exptools.locks import at_fork_in_child

_UNPINNED = "pin=false"  # the option of slots without cores of their own
_SHARED = "share_gpus=true"  # the option of jobs that start beside strangers
_LOOKS = 1.0  # seconds between two looks if nobody says that something has changed


@dataclass(frozen=True)
class Wait:
    """Why a slot cannot take a job yet."""

    reason: str  # the end of a sentence that begins "waits for"
    way_out: str | None = None  # the option with which it would not have to wait
    for_turn: bool = True  # whether other sweeps are the reason, not what goes on on a GPU


class Entrance(Protocol):
    """Says when a job may start in a slot; see `Gate`, the one of a machine with other users."""

    def notes(self, slots: Iterable[Slot]) -> list[str]:
        """What the user should know."""

    def admit(self, slots: Sequence[Slot], most: int) -> list[Slot | Wait | None]:
        """Take as many of the slots as can be had, at most ``most``."""

    def has_news(self) -> bool:
        """Whether to try again."""

    def leave(self, slot: Slot) -> None:
        """Give back what `admit` took."""

    def close(self) -> None:
        """Give back everything."""


class OpenGate:
    """Lets jobs in at once: whoever gave us this part of a machine keeps others off it."""

    def notes(self, slots: Iterable[Slot]) -> list[str]:
        """See `Entrance`."""
        return []

    def admit(self, slots: Sequence[Slot], most: int) -> list[Slot | Wait | None]:
        """See `Entrance`."""
        return [slot if number < most else None for number, slot in enumerate(slots)]

    def has_news(self) -> bool:
        """See `Entrance`."""
        return False

    def leave(self, slot: Slot) -> None:
        """See `Entrance`."""

    def close(self) -> None:
        """See `Entrance`."""


class Gate:
    """Lets jobs into slots when all of a slot is ours and nothing disturbs it."""

    def __init__(self, request: Request, part: Machine | None = None) -> None:
        """Prepare; nothing is held yet.

        Args:
            request: what the jobs need.
            part: of what the slots are made: a slot whose own cores or GPUs are taken gets others
                of it. None: slots stay where they are.
        """
        self._request = request
        self._part = part
        self._files = LeaseFiles()
        self._leases = Leases(self._files)
        self._turns = Turns(self._files)
        self._neighbours = Neighbours(request)
        self._since: dict[int, float] = {}  # slot's index → since when it waits for its turn
        self._disturbed: dict[int, float] = {}  # slot's index → since when it waits for no turn
        self._seen = -1  # the news at our last look
        self._next_look = 0.0  # on the monotonic clock
        at_fork_in_child(self.close_in_child)

    def notes(self, slots: Iterable[Slot]) -> list[str]:
        """What the user should know: there are no leases here, or NVML does not tell enough."""
        gpus = dict.fromkeys(gpu for slot in slots for gpu in slot.gpus)
        return [*filter(None, [self._files.note]), *self._neighbours.notes(gpus)]

    def admit(self, slots: Sequence[Slot], most: int) -> list[Slot | Wait | None]:
        """Take as many of the slots as can be had, at most ``most``: so many jobs are to come.

        Slots of one gate that share a GPU share its lease. It never blocks: try again when
        `has_news`. A slot that waits has a turn as long as it is asked for.

        Returns:
            For each slot itself, perhaps on other cores and GPUs, as it is to be left later; or
            what it waits for; or None where there is no job for it.
        """
        self._seen, self._next_look = self._files.last_news(), time.monotonic() + _LOOKS
        view = _View(self._turns, self._leases)
        answers: list[Slot | Wait | None] = []
        left = most
        for slot in slots:
            answer = self._enter(slot, view) if left else None
            left -= isinstance(answer, Slot)
            answers.append(answer)
        waits = [n for n, answer in enumerate(answers) if isinstance(answer, Wait)]
        for number in waits[left:]:
            answers[number] = None
        self._take_turns([slots[number] for number in waits[:left]])
        return answers

    def has_news(self) -> bool:
        """Whether to try again: somebody has given something back, or a second has passed.

        It costs a few microseconds, so that it can be asked ten times a second.
        """
        return time.monotonic() >= self._next_look or self._files.last_news() != self._seen

    def leave(self, slot: Slot) -> None:
        """Give back what `admit` took."""
        self._leases.give_back(slot)
        self._files.announce()

    def close(self) -> None:
        """Give back everything; the gate cannot be used afterwards."""
        self._turns.close()
        self._leases.close()
        self._files.announce()
        self._files.close()
        self._neighbours.close()

    def close_in_child(self) -> None:
        """Close our copies of the files in a forked process, without giving anything back.

        They would hold the leases after the sweep's death. It runs by itself after ``os.fork``.
        """
        self._leases.close_in_child()
        self._turns.close_in_child()
        self._files.close()

    def _enter(self, slot: Slot, view: _View) -> Slot | Wait:
        since = self._since.get(slot.index, view.began)
        answer: Slot | Wait = slot
        if self._is_disputed(slot, since, view) or self._acquire(slot):
            answer = self._find(slot, since, view)
            if isinstance(answer, Slot):
                answer = self._acquire(answer) or answer
        self._remember(slot.index, answer, since, view.began)
        return answer

    def _is_disputed(self, slot: Slot, since: float, view: _View) -> bool:
        """Whether somebody has waited longer, or another slot of ours has moved to its place."""
        if self._leases.inherits(slot):
            return False
        moved_in = bool(resources_of(slot).without(self._room(slot)))
        return moved_in or any(one.since < since for one in view.waiters)

    def _acquire(self, slot: Slot) -> Wait | None:
        """Take all of a slot, or say what it has to wait for."""
        refusal = self._leases.take(slot)
        if refusal is not None:
            return Wait(refusal.reason, self._way_out(refusal.lease))
        for gpu in () if self._leases.inherits(slot) else slot.gpus:
            ours = self._leases.users(gpu_lease(gpu.uuid)) - 1
            if objection := self._neighbours.objection(gpu, ours):
                self._leases.give_back(slot)
                return self._disturbed_by(objection)
        return None

    def _find(self, slot: Slot, since: float, view: _View) -> Slot | Wait:
        """Where a slot can be had now, which others have no better right to; or why nowhere."""
        room = self._room(slot).without(view.held)
        usable = room.without(view.set_aside.before(since))
        objections = self._objections(slot, usable)
        usable = usable.without(Resources(gpus=frozenset(objections)))
        place = self._move(slot, usable)
        if place is not None:
            return place
        enough = len(self._pool(slot).gpus - objections.keys()) >= len(slot.gpus)
        return replace(self._reason(slot, since, view, objections), for_turn=enough)

    def _reason(self, slot: Slot, since: float, view: _View, objections: Mapping[str, str]) -> Wait:
        for uuid in [*(gpu.uuid for gpu in slot.gpus), *objections]:
            if uuid in objections:
                return self._disturbed_by(objections[uuid])
        for lease in dict.fromkeys([*leases_of(slot), *leases_on(self._pool(slot))]):
            if lease in view.holders:
                return Wait(held_by(lease, view.holders[lease]), self._way_out(lease))
            waiter = view.set_aside.waiter_for(resources_named([lease]), since)
            if waiter:
                who = waiter.holder or "another process"
                reason = f"{resource_name(lease)}, for which {who} has waited longer"
                return Wait(reason, self._way_out(lease))
        return Wait("the end of another job of this sweep")

    def _disturbed_by(self, objection: str) -> Wait:
        way_out = None if self._request.gpu_memory else _SHARED
        return Wait(objection, way_out, for_turn=False)

    def _way_out(self, lease: str) -> str | None:
        return _UNPINNED if is_core(lease) and self._part else None

    def _pool(self, slot: Slot) -> Resources:
        """What a slot may be made of."""
        if self._part is None:
            return resources_of(slot)
        cores = (core.number for core in self._part.cores) if slot.cores else ()
        gpus = (gpu.uuid for gpu in self._part.gpus) if slot.gpus else ()
        return Resources(frozenset(cores), frozenset(gpus))

    def _room(self, slot: Slot) -> Resources:
        """What of that our own jobs leave."""
        if self._part is None:
            return resources_of(slot)
        pool, sharers = self._pool(slot), count_sharers(self._part, self._request)
        full = (uuid for uuid in pool.gpus if self._leases.users(gpu_lease(uuid)) >= sharers)
        return pool.without(Resources(self._leases.ours.cores, frozenset(full)))

    def _objections(self, slot: Slot, usable: Resources) -> dict[str, str]:
        """What disturbs GPUs that a slot could have, by UUID."""
        objections = {}
        for gpu in self._part.gpus if self._part else slot.gpus:
            if slot.gpus and gpu.uuid in usable.gpus:
                ours = self._leases.users(gpu_lease(gpu.uuid))
                objection = self._neighbours.objection(gpu, ours)
                if objection:
                    objections[gpu.uuid] = objection
        return objections

    def _move(self, slot: Slot, usable: Resources) -> Slot | None:
        """The slot where it is, or else on what is usable; None where there is no room."""
        if not resources_of(slot).without(usable):
            return slot
        if self._part is None:
            return None
        cores = tuple(core for core in self._part.cores if core.number in usable.cores)
        gpus = tuple(gpu for gpu in self._part.gpus if gpu.uuid in usable.gpus)
        free = replace(self._part, cores=cores, gpus=gpus)
        return move_slot(slot, free, self._part, smt=self._request.smt)

    def _remember(self, index: int, answer: Slot | Wait, since: float, now: float) -> None:
        """Note since when a slot waits; who waits for strangers has no turn after a while."""
        self._since.pop(index, None)
        if isinstance(answer, Slot) or answer.for_turn:
            self._disturbed.pop(index, None)
        elif now - self._disturbed.setdefault(index, now) > PATIENCE:
            return
        if isinstance(answer, Wait):
            self._since[index] = since

    def _take_turns(self, slots: Sequence[Slot]) -> None:
        """Tell others which of our slots wait; the other slots of ours give up their turns."""
        self._since = {s.index: self._since[s.index] for s in slots if s.index in self._since}
        needs = {s.index: Need(len(s.cores), len(s.gpus), self._pool(s)) for s in slots}
        self._turns.publish([(since, needs[index]) for index, since in self._since.items()])


class _View:
    """What other sweeps hold and want at one moment, read when it is first asked for."""

    def __init__(self, turns: Turns, leases: Leases) -> None:
        self.began = time.monotonic()
        self._turns = turns
        self._leases = leases

    @cached_property
    def waiters(self) -> list[Waiter]:
        """The slots of others that wait, the longest waiting first."""
        return self._turns.waiters()

    @cached_property
    def holders(self) -> dict[str, Holder | None]:
        """Who of others holds which lease."""
        return self._leases.holders()

    @cached_property
    def held(self) -> Resources:
        """What others hold."""
        return resources_named(self.holders)

    @cached_property
    def set_aside(self) -> SetAside:
        """What of the free is kept for others."""
        wanted = Resources()
        for waiter in self.waiters:
            wanted = wanted.union(waiter.need.of)
        free = wanted.without(self.held).without(self._leases.ours)
        return self._turns.set_aside(self.waiters, free)
