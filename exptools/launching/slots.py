"""Divide a machine into slots: the CPU cores and GPUs that one job at a time may use."""

from __future__ import annotations

from dataclasses import dataclass

from exptools.launching.topology import Gpu, Machine
from exptools.rundir import format_cpus

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class SlotError(ValueError):
    """The machine cannot give what was asked for; the message says what it has."""


@dataclass(frozen=True)
class Request:
    """What each job needs; None leaves the choice to us."""

    jobs: int | None = None  # at once
    cpus_per_job: int | None = None  # physical cores
    gpus_per_job: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("jobs", 1), ("cpus_per_job", 1), ("gpus_per_job", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise SlotError(f"{name} is {value}; it should be {least} or more")


@dataclass(frozen=True)
class Slot:
    """CPU cores and GPUs that belong to one job at a time."""

    index: int
    cpus: tuple[int, ...]  # every CPU (SMT sibling) of the slot's cores; empty: cannot be pinned
    threads: int  # what a thread pool should use: the number of physical cores
    gpus: tuple[Gpu, ...]
    hide_gpus: bool  # the machine has GPUs, but the slot has none

    def environment(self) -> dict[str, str]:
        """What a job's environment must say for its libraries to stay inside the slot."""
        variables = dict.fromkeys(THREAD_VARIABLES, str(self.threads))
        if self.gpus or self.hide_gpus:
            variables["CUDA_VISIBLE_DEVICES"] = ",".join(gpu.uuid for gpu in self.gpus)
        return variables

    def __str__(self) -> str:
        cpus = f"cpus {format_cpus(self.cpus)}" if self.cpus else f"{self.threads} cpus"
        gpus = ",".join(str(gpu.index) for gpu in self.gpus)
        return f"{cpus}, gpu {gpus}" if gpus else cpus


def make_slots(machine: Machine, request: Request, most: int) -> tuple[Slot, ...]:
    """Divide the machine, at most ``most`` slots, which is the number of jobs there are.

    Nothing asked for: with GPUs one job a GPU, without one job a core; the cores are divided
    evenly. No core and no GPU is in two slots.

    Raises:
        SlotError: the request cannot be met on this machine.
    """
    gpus_per_job = _gpus_per_job(machine, request)
    count = _count(machine, request, gpus_per_job, most)
    cores_per_job = request.cpus_per_job or len(machine.cores) // count
    return tuple(_slot(machine, index, cores_per_job, gpus_per_job) for index in range(count))


def _gpus_per_job(machine: Machine, request: Request) -> int:
    if request.gpus_per_job is None:
        return 1 if machine.gpus else 0
    return request.gpus_per_job


def _count(machine: Machine, request: Request, gpus_per_job: int, most: int) -> int:
    cores, gpus = len(machine.cores), len(machine.gpus)
    room = cores // (request.cpus_per_job or 1)
    if gpus_per_job:
        room = min(room, gpus // gpus_per_job)
    if room < (request.jobs or 1):
        asked = [f"{name}={value}" for name, value in vars(request).items() if value is not None]
        raise SlotError(
            f"{', '.join(asked)} does not fit this machine, which has {cores} cores and "
            f"{gpus} GPUs for us: {_what_fits(request, room)}"
        )
    return min(request.jobs or room, most)


def _what_fits(request: Request, room: int) -> str:
    if room == 0:
        return "ask for fewer cpus_per_job or gpus_per_job"
    return f"jobs={room} at once would fit"


def _slot(machine: Machine, index: int, cores_per_job: int, gpus_per_job: int) -> Slot:
    cores = machine.cores[index * cores_per_job : (index + 1) * cores_per_job]
    cpus = tuple(sorted(cpu for core in cores for cpu in core)) if machine.can_pin else ()
    gpus = machine.gpus[index * gpus_per_job : (index + 1) * gpus_per_job]
    hide = bool(machine.gpus) and not gpus
    return Slot(index, cpus, threads=len(cores), gpus=gpus, hide_gpus=hide)
