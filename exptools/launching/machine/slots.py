"""Divide a machine into slots: the CPU cores and GPUs that one job at a time may use."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from exptools.launching.machine.gpus import Gpu, match_gpus
from exptools.launching.machine.lease_files import Holder
from exptools.launching.machine.placing import (
    choose_cores,
    choose_gpus,
    count_jobs,
    count_places,
    count_sharers,
    has_too_few_cores,
)
from exptools.launching.machine.request import Request, SlotError
from exptools.launching.machine.topology import Core, Machine
from exptools.plain_json import parse_json
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
class Spare:
    """Cores that a sweep leaves to others."""

    count: int
    of: int  # all that it could have
    each: int  # as many for each of its jobs would leave none

    def told(self, prefix: str) -> str:
        """In words; the prefix is how options are named here."""
        more = f"{prefix}cpus_per_job={self.each} would take them, too"
        return f"left to other sweeps: {self.count} of {self.of} cores ({more})"


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
        record = parse_json(text)
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

    Nothing asked for: with GPUs one job a GPU, which has its share of the cores; without one job a
    core, and fewer jobs than cores have a core each or divide half of them: the others are left to
    other sweeps. No core is in two slots, and no GPU unless jobs take parts of one. Where there are
    fewer cores than such slots with GPUs, and nobody said how many each needs, they are not pinned.

    What is not busy is taken first; slots on the busy come after those, and wait. If the request
    does not fit into what is not busy, the whole machine is divided.

    Raises:
        SlotError: the request cannot be met on this machine.
    """
    whole = usable_part(machine, request)
    share = request.gpus_per_job
    if share is None:
        share = 1 if whole.gpus else 0
    if has_too_few_cores(whole, request, share, most):
        request = replace(request, pin=False)
    if busy is None or not (busy.gpus or (busy.cores and request.pin)):
        return _divide(whole, whole, machine, request, share, most)
    try:
        free = _divide(_without(whole, busy), whole, machine, request, share, most)
    except SlotError:  # it has to wait for some of the busy: who needs less starts sooner
        modest = request if share else replace(request, cpus_per_job=request.cpus_per_job or 1)
        return _divide(whole, whole, machine, modest, share, most)
    return free + _behind(free, whole, machine, request, share, most)


def usable_part(machine: Machine, request: Request) -> Machine:
    """The machine without the cores and GPUs that no job should get.

    Raises:
        SlotError: nothing is left, or a GPU that is named is not there.
    """
    gpus = _usable_gpus(machine, request)
    return replace(machine, cores=_unreserved(machine, request), gpus=gpus)


def move_slot(slot: Slot, part: Machine, machine: Machine, *, smt: bool) -> Slot | None:
    """The same slot on other cores and GPUs, those of a part of the machine; None: no room."""
    if len(part.cores) < len(slot.cores) or len(part.gpus) < len(slot.gpus):
        return None
    (gpus,) = choose_gpus(part, len(slot.gpus), 1, 1) if slot.gpus else [()]
    if not slot.cores:
        return replace(slot, gpus=gpus)
    (cores,) = choose_cores(machine, part.cores, [gpus], len(slot.cores))
    numbers = tuple(core.number for core in cores)
    return replace(slot, gpus=gpus, cpus=_cpus(cores, smt=smt), cores=numbers)


def spare_cores(slots: Sequence[Slot], part: Machine, request: Request) -> Spare | None:
    """What the slots leave of a part of the machine, if nobody asked for that."""
    cores, taken = len(part.cores), sum(len(slot.cores) for slot in slots)
    each = cores // len(slots)
    if request.cpus_per_job or not taken or each <= slots[0].threads:
        return None
    return Spare(cores - taken, cores, each)


def _behind(
    free: tuple[Slot, ...],
    whole: Machine,
    machine: Machine,
    request: Request,
    share: float,
    most: int,
) -> tuple[Slot, ...]:
    """The slots on what is busy, where the whole machine has room for more jobs than the rest."""
    alike = replace(request, cpus_per_job=free[0].threads)
    room = count_jobs(whole, alike, share, count_sharers(whole, alike))
    missing = min(most, room) - len(free)
    if missing < 1:
        return ()
    taken = Busy(
        frozenset(core for slot in free for core in slot.cores),
        frozenset(gpu.uuid for slot in free for gpu in slot.gpus),
    )
    with contextlib.suppress(SlotError):
        slots = _divide(_without(whole, taken), whole, machine, alike, share, missing)
        return tuple(replace(slot, index=slot.index + len(free)) for slot in slots)
    return ()


def _divide(
    free: Machine, whole: Machine, machine: Machine, request: Request, share: float, most: int
) -> tuple[Slot, ...]:
    """The slots of the free part of the whole; ``share`` is the number of GPUs of each."""
    per_slot, sharers = math.ceil(share), count_sharers(free, request)
    count = min(count_jobs(free, request, share, sharers), most)
    pinned = machine.can_pin and request.pin
    cores_each = request.cpus_per_job
    if cores_each is None:
        if share:  # cores go with the GPUs, also with those that these jobs leave to others
            places = max(count, count_places(whole, share, sharers))
            cores_each = min(_budget(free) // count, _budget(whole) // places)
        else:
            cores_each = _budget(free) // count // (2 if pinned else 1)
        cores_each = max(1, cores_each)
    gpus = choose_gpus(free, per_slot, sharers, count)
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


def _budget(part: Machine) -> int:
    """The cores that may compute at once."""
    return min(len(part.cores), math.ceil(part.quota or len(part.cores)))


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
