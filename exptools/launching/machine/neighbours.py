"""Who else computes on our GPUs, in so far as that should keep a job from starting there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from exptools.launching.machine.gpus import (
    Gpu,
    GpuProcess,
    computing_processes,
    free_memory,
    nvml,
)
from exptools.launching.machine.request import Request
from exptools.launching.machine.slots import SLOT_VARIABLE
from exptools.units import format_bytes
from exptools.visible import visible

# The kernel's number of the first namespace of process ids, in which all processes are seen.
_FIRST_NAMESPACE = "pid:[4026531836]"


class Neighbours:
    """Says what a job has to wait for on a GPU whose lease we have.

    With ``gpu_memory_per_job`` that is so much free memory, whoever is there; else it is the end of
    all processes that compute there and are no jobs of ours, unless ``share_gpus`` is set.
    """

    def __init__(self, request: Request) -> None:
        self._memory = request.gpu_memory
        self._shares = request.share_gpus
        self._foreign: dict[str, int] = {}  # UUID → bytes in use before our first job there
        self._libraries: list[Any] = []  # NVML, when it was needed; None where it does not start
        self._resources = ExitStack()

    def notes(self, gpus: Iterable[Gpu]) -> list[str]:
        """What NVML does not tell of these GPUs, so that nothing can be waited for there."""
        gpus = list(gpus)
        if self._memory is not None or self._shares or not gpus:
            return []
        library, notes = self._nvml(), []
        for gpu in gpus if library else ():
            try:
                computing_processes(library, gpu.uuid)
            except library.NVMLError as error:
                notes.append(
                    f"GPU {gpu.label}: NVML does not tell who computes there ({error}): jobs start "
                    "there although others may use it"
                )
        return notes

    def objection(self, gpu: Gpu, ours: int) -> str | None:
        """What another job has to wait for on a GPU where ``ours`` of our jobs run; None: nothing.

        It reads as the end of a sentence: "waits for …".
        """
        if self._memory is not None:
            return self._lacking_memory(gpu, ours, self._memory)
        return None if self._shares else self._stranger(gpu, ours)

    def close(self) -> None:
        """Close NVML."""
        self._resources.close()
        self._libraries.clear()

    def _nvml(self) -> Any:
        if not self._libraries:
            self._libraries.append(self._resources.enter_context(nvml()))
        return self._libraries[0]

    def _stranger(self, gpu: Gpu, ours: int) -> str | None:
        library = self._nvml()
        if library is None:
            return None
        try:
            processes = computing_processes(library, gpu.uuid)
        except library.NVMLError:
            return None  # that was said at the beginning
        who = describe_strangers(processes, has_jobs=ours > 0)
        return f"GPU {gpu.label}, on which {who[0]} computes" if who else None

    def _lacking_memory(self, gpu: Gpu, ours: int, each: int) -> str | None:
        library = self._nvml()
        memory = free_memory(library, gpu.uuid) if library else None
        if memory is None:
            return None  # NVML does not tell: waiting would be for ever
        free, processes = memory
        available = self._available(gpu, ours, free, each)
        if available >= each:
            return None
        neighbour = _largest_neighbour(processes)
        return (
            f"{format_bytes(each)} on GPU {gpu.label}, where "
            f"{format_bytes(available)} are free" + (f": {neighbour}" if neighbour else "")
        )

    def _available(self, gpu: Gpu, ours: int, free: int, each: int) -> int:
        """The bytes for one more job: ours that run there may not yet have all they asked for."""
        if not ours:
            self._foreign[gpu.uuid] = max(0, gpu.memory - free)
        promised = gpu.memory - self._foreign.get(gpu.uuid, 0) - ours * each
        return max(0, min(free, promised) if gpu.memory else free)


def describe_strangers(processes: Sequence[GpuProcess], *, has_jobs: bool = False) -> list[str]:
    """Those of the processes that belong neither to this sweep nor to another of our user's.

    Args:
        processes: that compute on a GPU.
        has_jobs: whether jobs of ours run on that GPU. Where we see not all processes (in most
            containers), those that we do not see may then be ours.
    """
    strangers = []
    for one in processes:
        name = _name_of_stranger(one.pid)
        if name is not None:
            strangers.append(f"pid {one.pid}{name}")
        elif not has_jobs and not _exists(one.pid) and not _sees_all_processes():
            strangers.append(f"pid {one.pid} (of the host or another container, unseen from here)")
    return strangers


def _largest_neighbour(processes: Iterable[GpuProcess]) -> str:
    """Who of others uses most of a GPU's memory; empty if NVML names nobody."""
    for one in sorted(processes, key=lambda one: one.memory or 0, reverse=True):
        name = "" if not _exists(one.pid) else _name_unless(_is_of_this_sweep, one.pid)
        if name is not None:
            used = f" uses {format_bytes(one.memory)}" if one.memory else " is there, too"
            return f"pid {one.pid}{name}{used}"
    return ""


def _name_of_stranger(pid: int) -> str | None:
    """User and program of a process; None for one that is ours, or not to be seen."""
    return _name_unless(_is_ours, pid) if _exists(pid) else None


def _name_unless(is_left_out: Callable[[Any], bool], pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if is_left_out(process):
            return None
        return visible(f" ({process.username()}, {process.name()})")
    except psutil.NoSuchProcess:  # /proc hides it, or it has just ended
        return "" if _exists(pid) else None
    except psutil.Error:
        return ""


def _is_ours(process: Any) -> bool:
    """Whether a process is of this sweep, started it, or is a job of another sweep of our user's.

    Other sweeps hold leases on what their jobs use; and what started us waits for our end.
    """
    import psutil

    if _is_of_this_sweep(process) or process in psutil.Process().parents():
        return True
    try:
        return bool(process.uids().real == os.getuid() and SLOT_VARIABLE in process.environ())
    except psutil.AccessDenied:
        return False


def _is_of_this_sweep(process: Any) -> bool:
    own = os.getpid()
    return process.pid == own or own in (parent.pid for parent in process.parents())


def _exists(pid: int) -> bool:
    import psutil

    return bool(psutil.pid_exists(pid)) if pid > 0 else False


def _sees_all_processes() -> bool:
    """Whether process ids mean here what they mean to the driver."""
    try:
        return os.readlink("/proc/self/ns/pid") == _FIRST_NAMESPACE
    except OSError:
        return False
