"""Affinity codes → the scheduler's slots, on the machine where the runs are."""

from __future__ import annotations

from exptools.launching.affinity.codes import AffinityError, Settings, read_settings
from exptools.launching.affinity.layout import Run, make_runs
from exptools.launching.affinity.rendering import logical_cpus
from exptools.launching.machine.gpus import Gpu
from exptools.launching.machine.slots import INHERITED, Slot
from exptools.launching.machine.topology import Machine
from exptools.rundir import format_cpus


def slots_of_code(
    machine: Machine, affinity_code: str, most: int, gpu_ids: str = "uuid"
) -> tuple[tuple[Slot, ...], list[str]]:
    """The slots of a code, at most so many, and what the user should know about them.

    Slot ``n`` has the CPUs and GPUs of the run slot ``n``; with ``0saf`` it is not bound to CPUs.
    GPUs are counted among those that ``CUDA_VISIBLE_DEVICES`` leaves to this process.

    Raises:
        AffinityError: the code makes no sense, or names cores or GPUs that are not ours.
    """
    settings = read_settings(affinity_code)
    runs = make_runs(settings)[:most]
    notes = _validate(machine, settings, runs, gpu_ids)
    slots = tuple(_slot(machine, settings, run, n, gpu_ids) for n, run in enumerate(runs))
    return slots, notes


def _slot(machine: Machine, settings: Settings, run: Run, index: int, gpu_ids: str) -> Slot:
    gpus = tuple(machine.gpus[gpu] for gpu in run.gpus if gpu < len(machine.gpus))
    cpus = _usable_cpus(machine, settings, run) if _binds(machine, settings) else ()
    return Slot(
        index,
        cpus=cpus,
        threads=len(run.cores),
        gpus=gpus,
        hide_gpus=bool(machine.gpus) and not gpus,
        cores=tuple(core.number for core in machine.cores if set(core.cpus) & set(cpus)),
        gpu_ids=gpu_ids,
    )


def _validate(machine: Machine, settings: Settings, runs: list[Run], gpu_ids: str) -> list[str]:
    cpus = {cpu for core in machine.cores for cpu in core.cpus}
    cores = {core for run in runs for core in run.cores}
    if _binds(machine, settings) and not cores <= cpus:
        raise AffinityError(
            f"{settings.code} names the CPUs {_cpu_list(cores)}, but this process may use "
            f"{_cpu_list(cpus)}: n_cpu_core is too large for this machine, or 0saf is needed"
        )
    missing = {gpu for run in runs for gpu in run.gpus} - set(range(len(machine.gpus)))
    if gpu_ids == "index" and any(gpu.mig for gpu in machine.gpus):
        raise AffinityError("gpu_ids=index cannot name parts of a GPU (MIG): use gpu_ids=uuid")
    unseen = not machine.gpus and gpu_ids == INHERITED  # another maker's, perhaps
    if missing and not unseen:
        here = _gpus_here(machine.gpus)
        raise AffinityError(f"{settings.code} names {_gpu_list(missing)}, but {here}")
    notes = [f"{_gpu_list(missing)} of {settings.code} cannot be seen here"] if missing else []
    threads = set(logical_cpus(tuple(sorted(cores)), settings.hto)) - cpus
    if _binds(machine, settings) and threads:
        notes.append(
            f"{settings.code} names hyperthreads that are not here, {_cpu_list(threads)}; 0hto in "
            "the code says that there are none"
        )
    return notes


def _binds(machine: Machine, settings: Settings) -> bool:
    return machine.can_pin and bool(settings.saf)


def _usable_cpus(machine: Machine, settings: Settings, run: Run) -> tuple[int, ...]:
    named = set(logical_cpus(tuple(run.cores), settings.hto))
    return tuple(sorted(cpu for core in machine.cores for cpu in core.cpus if cpu in named))


def _cpu_list(cpus: set[int]) -> str:
    return format_cpus(tuple(cpus))


def _gpu_list(gpus: set[int]) -> str:
    return f"GPU {_cpu_list(gpus)}"


def _gpus_here(gpus: tuple[Gpu, ...]) -> str:
    return f"this process may use {len(gpus)}, counted from 0" if gpus else "there is none"
