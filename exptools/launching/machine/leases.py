"""Two sweeps at once, of one user or of two, do not use the same core or GPU.

A sweep takes a lease on all of a slot before a job starts there, and gives it back when the job
has ended; meanwhile other sweeps' slots wait, and say for whom.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from exptools.launching.machine.gpus import Gpu, GpuProcess, free_memory, nvml
from exptools.launching.machine.lease_files import Held, LeaseFiles, release
from exptools.launching.machine.request import Request
from exptools.launching.machine.slots import Busy, Slot, current_slot
from exptools.units import format_bytes

_CORE, _GPU = "core-", "gpu-"


class Gate:
    """Lets a job into its slot when all of it is ours, and as much GPU memory is free as asked.

    ``note`` is what the user should know if there can be no leases on this system, else None.
    """

    def __init__(self, request: Request) -> None:
        """Prepare; nothing is held yet."""
        self._memory = request.gpu_memory
        self._files = LeaseFiles()
        self.note = self._files.note
        self._inherited = _inherited_leases()
        self._open: dict[str, int] = {}  # lease → the descriptor of its file
        self._users: dict[str, int] = {}  # lease → how many of our slots are in it
        self._foreign: dict[str, int] = {}  # GPU's lease → bytes in use before our first job there
        self._resources = ExitStack()
        self._nvml = self._resources.enter_context(nvml()) if self._memory else None
        _close_in_forked_children(self)

    def try_enter(self, slot: Slot) -> str | None:
        """Take all of a slot: None, or what it has to wait for and who has that.

        Slots of one gate that share a GPU share its lease. It never blocks: try again later.
        """
        taken: list[str] = []
        reason = None
        for lease in _leases_of(slot):
            reason = self._take(lease)
            if reason:
                break
            taken.append(lease)
        reason = reason or self._lacking_memory(slot)
        if reason is None:
            return None
        self._give_back(taken)
        return reason

    def leave(self, slot: Slot) -> None:
        """Give back what ``try_enter`` took."""
        self._give_back(_leases_of(slot))

    def close(self) -> None:
        """Give back everything; the gate cannot be used afterwards."""
        for descriptor in self._open.values():
            release(descriptor)
        self._open.clear()
        self._users.clear()
        self._files.close()
        self._resources.close()

    def close_in_child(self) -> None:
        """Close our copies of the files in a forked process, without giving anything back.

        They would hold the leases after the sweep's death. It runs by itself after ``os.fork``.
        """
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
        self._files.close()

    def _take(self, lease: str) -> str | None:
        if self._files.works and lease not in self._open and lease not in self._inherited:
            try:
                self._open[lease] = self._files.acquire(lease)
            except Held as held:
                return f"{_resource_name(lease)}, which {held.holder or 'another process'} holds"
            except OSError as error:
                return (
                    f"{_resource_name(lease)}, whose lease file cannot be opened ({error.strerror})"
                )
        self._users[lease] = self._users.get(lease, 0) + 1
        return None

    def _give_back(self, leases: Iterable[str]) -> None:
        for lease in leases:
            users = self._users.pop(lease, 0)
            if users > 1:
                self._users[lease] = users - 1
                continue
            self._foreign.pop(lease, None)
            if lease in self._open:
                release(self._open.pop(lease))

    def _lacking_memory(self, slot: Slot) -> str | None:
        if self._memory is None or self._nvml is None:
            return None
        for gpu in slot.gpus:
            memory = free_memory(self._nvml, gpu.uuid)
            if memory is None:
                continue  # NVML does not tell: waiting would be for ever
            free, processes = memory
            available = self._available(gpu, free, self._memory)
            if available < self._memory:
                neighbour = _neighbour(processes)
                return (
                    f"{format_bytes(self._memory)} on GPU {gpu.label}, where "
                    f"{format_bytes(available)} are free" + (f": {neighbour}" if neighbour else "")
                )
        return None

    def _available(self, gpu: Gpu, free: int, each: int) -> int:
        """The bytes for one more job: ours that run there may not yet have all they asked for."""
        lease = _gpu_lease(gpu)
        others = self._users.get(lease, 1) - 1
        if not others:
            self._foreign[lease] = max(0, gpu.memory - free)
        promised = gpu.memory - self._foreign.get(lease, 0) - others * each
        return max(0, min(free, promised) if gpu.memory else free)


def find_busy() -> Busy:
    """The cores and GPUs that other processes hold now."""
    files = LeaseFiles()
    inherited = _inherited_leases()
    holders = {name: who for name, who in files.holders().items() if name not in inherited}
    files.close()
    cores = {name.removeprefix(_CORE) for name in holders if name.startswith(_CORE)}
    gpus = {_uuid(name) for name in holders if name.startswith(_GPU)}
    return Busy(
        frozenset(int(core) for core in cores if core.isdecimal()),
        frozenset(gpus),
        {_resource_name(name): holder for name, holder in holders.items()},
    )


def _inherited_leases() -> frozenset[str]:
    """What the sweep holds for us of which we are a job: a sweep inside a job uses its slot."""
    slot = current_slot()
    return frozenset(_leases_of(slot)) if slot is not None else frozenset()


def _leases_of(slot: Slot) -> list[str]:
    # In one order for all, so that of two sweeps that want the same one gets all of it.
    gpus = sorted(_gpu_lease(gpu) for gpu in slot.gpus)
    return gpus + [f"{_CORE}{core}" for core in sorted(slot.cores)]


def _gpu_lease(gpu: Gpu) -> str:
    return _GPU + gpu.uuid.replace("/", "_")  # parts of GPUs had slashes in their names once


def _uuid(lease: str) -> str:
    return lease.removeprefix(_GPU).replace("_", "/")


def _resource_name(lease: str) -> str:
    return f"GPU {_uuid(lease)}" if lease.startswith(_GPU) else lease.replace("-", " ", 1)


def _neighbour(processes: Iterable[GpuProcess]) -> str:
    """Who of others uses most of a GPU's memory; empty if NVML names nobody."""
    by_use = sorted(processes, key=lambda one: one.memory or 0, reverse=True)
    for one in by_use:
        name = _process_name(one.pid)
        if name is not None:
            used = f" uses {format_bytes(one.memory)}" if one.memory else " is there, too"
            return f"pid {one.pid}{name}{used}"
    return ""


def _process_name(pid: int) -> str | None:
    """User and program of a process; None for one that we started."""
    import psutil

    try:
        process = psutil.Process(pid)
        if os.getpid() in (parent.pid for parent in process.parents()):
            return None
        return f" ({process.username()}, {process.name()})"
    except psutil.Error:  # another container's, or gone
        return ""


def _close_in_forked_children(gate: Gate) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    reference: weakref.ref[Any] = weakref.ref(gate)

    def close() -> None:
        alive = reference()
        if alive is not None:
            alive.close_in_child()

    os.register_at_fork(after_in_child=close)
