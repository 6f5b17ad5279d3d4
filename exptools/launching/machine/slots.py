"""Divide a machine into slots: the CPU cores and GPUs that one job at a time may use."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from exptools.launching.machine.gpus import Gpu, match_gpus
from exptools.launching.machine.lease_files import Holder
from exptools.launching.machine.placing import (
    choose_cores,
    choose_gpus,
    count_jobs,
    count_sharers,
    has_too_few_cores,
)
from exptools.launching.machine.request import Request, SlotError
from exptools.launching.machine.topology import Core, Machine
from exptools.rundir import format_cpus, parse_cpus
from exptools.units import format_bytes

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
SLOT_VARIABLE = "EXPTOOLS_SLOT"
INHERITED = "inherited"


@dataclass(frozen=True)
class Busy:
    """Cores and GPUs that other sweeps use."""

    cores: frozenset[int] = frozenset()  # their numbers, as Core.number
    gpus: frozenset[str] = frozenset()  # UUIDs
    holders: Mapping[str, Holder | None] = field(default_factory=dict)  # of "core 3", "GPU GPU-4f…"


@dataclass(frozen=True)
class Slot:
    """CPU cores and GPUs that belong to one job at a time (a GPU to a few, where jobs share)."""

    index: int
    cpus: tuple[int, ...]  # what a job is bound to; empty: it is not
    threads: int  # what a thread pool should use: the number of physical cores
    gpus: tuple[Gpu, ...]
    hide_gpus: bool  # the machine has GPUs, but the slot has none
    cores: tuple[int, ...] = ()  # numbers of the physical cores that are ours alone; empty: none
    # How jobs read the names of their GPUs: "uuid" or "index"; INHERITED: they see all that this
    # process sees, and choose theirs by themselves.
    gpu_ids: str = "uuid"

    def environment(self) -> dict[str, str]:
        """What a job's environment must say for its libraries to stay inside the slot."""
        variables = dict.fromkeys(THREAD_VARIABLES, str(self.threads))
        variables[SLOT_VARIABLE] = self._to_json()
        if (self.gpus or self.hide_gpus) and self.gpu_ids != INHERITED:
            names = [str(getattr(gpu, self.gpu_ids)) for gpu in self.gpus]
            variables["CUDA_VISIBLE_DEVICES"] = ",".join(names)
        if self.gpus and self.gpu_ids != "uuid":
            variables["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # CUDA's own order is not NVML's
        if self.gpus:
            display = str(self.gpus[0].index)  # EGL counts the GPUs that CUDA does not see, too
            variables |= {"EGL_DEVICE_ID": display, "MUJOCO_EGL_DEVICE_ID": display}
        return variables

    def __str__(self) -> str:
        cpus = f"cpus {format_cpus(self.cpus)}" if self.cpus else f"{self.threads} cpus"
        gpus = ",".join(gpu.label for gpu in self.gpus)
        return f"{cpus}, gpu {gpus}" if gpus else cpus

    def _to_json(self) -> str:
        record = asdict(self) | {"cpus": format_cpus(self.cpus), "cores": format_cpus(self.cores)}
        for gpu in record["gpus"]:
            gpu["cpus"] = format_cpus(gpu["cpus"])
            del gpu["processes"]  # of another moment
        return json.dumps(record, separators=(",", ":"))


def current_slot() -> Slot | None:
    """The slot that this process runs in; None outside of a job.

    Raises:
        SlotError: the environment's ``EXPTOOLS_SLOT`` is not what a launcher wrote.
    """
    text = os.environ.get(SLOT_VARIABLE)
    if not text:
        return None
    try:
        record = json.loads(text)
        gpus = tuple(
            Gpu(**gpu | {"cpus": parse_cpus(gpu["cpus"]), "mig": gpu["mig"] and tuple(gpu["mig"])})
            for gpu in record["gpus"]
        )
        lists = {name: parse_cpus(record[name]) for name in ("cpus", "cores")}
        return Slot(**record | lists | {"gpus": gpus})
    except (ValueError, TypeError, KeyError) as error:
        raise SlotError(
            f"{SLOT_VARIABLE} does not describe a slot ({error!r}): unset it"
        ) from error


def make_slots(
    machine: Machine, request: Request, most: int, busy: Busy | None = None
) -> tuple[Slot, ...]:
    """Divide the machine, at most ``most`` slots, which is the number of jobs there are.

    Nothing asked for: with GPUs one job a GPU, without one job a core; the cores are divided
    evenly. No core is in two slots, and no GPU unless jobs take parts of one. Where there are fewer
    cores than such slots with GPUs, and nobody said how many each needs, they are not pinned.

    What is not busy is used alone if the request fits there; else the whole machine is, and the
    busy is waited for.

    Raises:
        SlotError: the request cannot be met on this machine.
    """
    gpus = _usable_gpus(machine, request)
    share = request.gpus_per_job
    if share is None:
        share = 1 if gpus else 0
    whole = replace(machine, cores=_unreserved(machine, request), gpus=gpus)
    if has_too_few_cores(whole, request, share, most):
        request = replace(request, pin=False)
    if busy and (busy.cores or busy.gpus):
        with contextlib.suppress(SlotError):  # else it has to wait for some of what is busy
            return _divide(_without(whole, busy), machine, request, share, most)
    return _divide(whole, machine, request, share, most)


def _divide(
    free: Machine, machine: Machine, request: Request, share: float, most: int
) -> tuple[Slot, ...]:
    """The slots of a part of the machine; ``share`` is the number of GPUs of each."""
    per_slot, sharers = math.ceil(share), count_sharers(free, request)
    count = min(count_jobs(free, request, share, sharers), most)
    budget = min(len(free.cores), math.ceil(machine.quota or len(free.cores)))
    cores_each = request.cpus_per_job or max(1, budget // count)
    gpus = choose_gpus(free, per_slot, sharers, count)
    pinned = machine.can_pin and request.pin
    cores = choose_cores(machine, free.cores, gpus, cores_each) if pinned else [()] * count
    return tuple(
        Slot(
            index,
            cpus=_cpus(cores[index], smt=request.smt),
            threads=cores_each,
            gpus=gpus[index],
            hide_gpus=bool(machine.gpus) and not gpus[index],
            cores=tuple(core.number for core in cores[index]),
            gpu_ids=request.gpu_ids,
        )
        for index in range(count)
    )


def _cpus(cores: tuple[Core, ...], *, smt: bool) -> tuple[int, ...]:
    return tuple(sorted(cpu for core in cores for cpu in (core.cpus if smt else core.cpus[:1])))


def _usable_gpus(machine: Machine, request: Request) -> tuple[Gpu, ...]:
    gpus = list(machine.gpus)
    if request.wanted_gpus is not None:
        gpus = [gpu for name in request.wanted_gpus for gpu in _gpus_called(name, machine)]
        gpus = list(dict.fromkeys(gpus))
    if (request.gpus_per_job or 0) > 1:  # CUDA gives a process one part of a GPU at most
        gpus = [gpu for gpu in gpus if not gpu.mig]
    if request.gpu_ids == "index" and any(gpu.mig for gpu in gpus):
        raise SlotError("gpu_ids=index cannot name parts of a GPU (MIG): use gpu_ids=uuid")
    asked = request.gpu_memory
    if asked is None:
        return tuple(gpus)
    large = tuple(gpu for gpu in gpus if gpu.memory >= asked or not gpu.memory)
    if not large:
        largest = max((gpu.memory for gpu in gpus), default=0)
        has = f"the largest has {format_bytes(largest)}" if gpus else "there is no GPU"
        raise SlotError(f"gpu_memory_per_job={request.gpu_memory_per_job} does not fit: {has}")
    return large


def _gpus_called(name: str, machine: Machine) -> list[Gpu]:
    gpus = match_gpus(machine.gpus, name)
    if not gpus:
        there = ", ".join(f"{gpu.label} ({gpu.uuid})" for gpu in machine.gpus) or "none"
        raise SlotError(f"gpus names {name!r}, which is not one of the GPUs for us: {there}")
    return gpus


def _unreserved(machine: Machine, request: Request) -> tuple[Core, ...]:
    """The cores for jobs; the system keeps slow ones first, then those where it runs anyway."""
    kept = sorted(machine.cores, key=lambda core: (core.kind, core.number))[: request.reserve_cpus]
    cores = tuple(core for core in machine.cores if core not in kept)
    if not cores:
        raise SlotError(
            f"reserve_cpus={request.reserve_cpus} leaves nothing of {len(machine.cores)} cores: "
            f"reserve_cpus={len(machine.cores) - 1} is the most"
        )
    return cores


def _without(machine: Machine, busy: Busy) -> Machine:
    return replace(
        machine,
        cores=tuple(core for core in machine.cores if core.number not in busy.cores),
        gpus=tuple(gpu for gpu in machine.gpus if gpu.uuid not in busy.gpus),
    )
