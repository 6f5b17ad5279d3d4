"""Leases on cores and GPUs: two sweeps at once, of one user or of two, do not use the same ones."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from exptools.launching.machine.lease_files import Held, Holder, LeaseFiles, holder_of, release
from exptools.launching.machine.slots import Busy, Slot, current_slot
from exptools.launching.machine.turns import Resources
from exptools.visible import visible

_CORE, _GPU = "core-", "gpu-"


@dataclass(frozen=True)
class Refusal:
    """Why a slot cannot be taken."""

    lease: str  # the first one that is not to be had
    reason: str  # the end of a sentence that begins "waits for"


class Leases:
    """The leases of a sweep: each is held while at least one of its slots uses it."""

    def __init__(self, files: LeaseFiles) -> None:
        self._files = files
        self._inherited = _inherited_leases()
        self._open: dict[str, int] = {}  # lease → the descriptor of its file
        self._users: dict[str, int] = {}  # lease → how many of our slots are in it

    def take(self, slot: Slot) -> Refusal | None:
        """Take all of a slot, or nothing, and say what another process has of it."""
        taken: list[str] = []
        for lease in leases_of(slot):
            refusal = self._take(lease)
            if refusal:
                self._give_back(taken)
                return refusal
            taken.append(lease)
        return None

    def give_back(self, slot: Slot) -> None:
        """Give back what `take` took."""
        self._give_back(leases_of(slot))

    @property
    def ours(self) -> Resources:
        """What our slots use."""
        return resources_named(self._users)

    def users(self, lease: str) -> int:
        """How many of our slots use what a lease stands for."""
        return self._users.get(lease, 0)

    def inherits(self, slot: Slot) -> bool:
        """Whether the sweep of which we are a job has all of a slot: then it needs no lease."""
        return self._inherited.issuperset(leases_of(slot))

    def holders(self) -> dict[str, Holder | None]:
        """Who of others holds which lease."""
        records = self._files.records(_is_lease, but=self._open.keys() | self._inherited)
        return {name: holder_of(record) for name, record in records.items()}

    def close(self) -> None:
        """Give back everything."""
        for descriptor in self._open.values():
            release(descriptor)
        self._open.clear()
        self._users.clear()

    def close_in_child(self) -> None:
        """Close our copies of the files in a forked process, without giving anything back."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _take(self, lease: str) -> Refusal | None:
        if self._files.works and lease not in self._open and lease not in self._inherited:
            try:
                self._open[lease] = self._files.acquire(lease)
            except Held as held:
                return Refusal(lease, held_by(lease, held.holder))
            except OSError as error:
                text = f"{resource_name(lease)}, whose lease file cannot be opened"
                return Refusal(lease, f"{text} ({error.strerror})")
        self._users[lease] = self._users.get(lease, 0) + 1
        return None

    def _give_back(self, leases: Iterable[str]) -> None:
        for lease in leases:
            users = self._users.pop(lease, 0)
            if users > 1:
                self._users[lease] = users - 1
            elif lease in self._open:
                release(self._open.pop(lease))


def _is_lease(name: str) -> bool:
    return name.startswith((_CORE, _GPU))


def find_busy() -> Busy:
    """The cores and GPUs that other processes hold now."""
    files = LeaseFiles()
    holders = {
        name: holder
        for name, holder in Leases(files).holders().items()
        if holder is None or holder.pid != os.getpid()
    }
    files.close()
    held = resources_named(holders)
    names = {resource_name(name): holder for name, holder in holders.items()}
    return Busy(held.cores, held.gpus, names)


def leases_of(slot: Slot) -> list[str]:
    """What a slot needs, in one order for all: of two sweeps that want the same one gets it all."""
    return leases_on(resources_of(slot))


def leases_on(resources: Resources) -> list[str]:
    """The leases of cores and GPUs, in one order for all."""
    gpus = sorted(gpu_lease(uuid) for uuid in resources.gpus)
    return gpus + [f"{_CORE}{core}" for core in sorted(resources.cores)]


def gpu_lease(uuid: str) -> str:
    """The lease of a GPU."""
    return _GPU + uuid.replace("/", "_")  # parts of GPUs had slashes in their names once


def resources_named(leases: Iterable[str]) -> Resources:
    """What leases stand for."""
    leases = list(leases)
    cores = [name.removeprefix(_CORE) for name in leases if name.startswith(_CORE)]
    gpus = [_uuid(name) for name in leases if name.startswith(_GPU)]
    return Resources(frozenset(int(core) for core in cores if core.isdecimal()), frozenset(gpus))


def resources_of(slot: Slot) -> Resources:
    """What a slot takes."""
    return Resources(frozenset(slot.cores), frozenset(gpu.uuid for gpu in slot.gpus))


def is_core(lease: str) -> bool:
    """Whether a lease is that of a core."""
    return lease.startswith(_CORE)


def resource_name(lease: str) -> str:
    """What a lease stands for, for people: "core 3", "GPU GPU-4f…"."""
    # Anybody may have made a file of any name.
    return visible(f"GPU {_uuid(lease)}" if lease.startswith(_GPU) else lease.replace("-", " ", 1))


def held_by(lease: str, holder: Holder | None) -> str:
    """A sentence's end on a lease that another process has."""
    return f"{resource_name(lease)}, which {holder or 'another process'} holds"


def _inherited_leases() -> frozenset[str]:
    """What the sweep holds for us of which we are a job: a sweep inside a job uses its slot."""
    slot = current_slot()
    return frozenset(leases_of(slot)) if slot is not None else frozenset()


def _uuid(lease: str) -> str:
    return lease.removeprefix(_GPU).replace("_", "/")
