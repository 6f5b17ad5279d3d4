"""Affinity codes on a machine: what they say of this one, and the scheduler's slots from them.

All within what this process may use of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exptools.collections import AttrDict
from exptools.launching.affinity.codes import AffinityError, Settings, read_settings
from exptools.launching.affinity.layout import Run, make_runs
from exptools.launching.affinity.rendering import Affinity, logical_cpus
from exptools.launching.affinity.waste import find_waste
from exptools.launching.machine.gpus import Gpu
from exptools.launching.machine.placing import choose_cores
from exptools.launching.machine.slots import INHERITED, Slot
from exptools.launching.machine.topology import Core, Machine
from exptools.rundir import format_cpus


def hyperthread_offset(machine: Machine) -> int:
    """What is added to a core's number for its second hardware thread; 0 where cores have one.

    Raises:
        AffinityError: the machine numbers them in another way, which no code can say.
    """
    siblings = [core.cpus for core in machine.cores]
    if all(len(cpus) == 1 for cpus in siblings):
        return 0
    offset = siblings[0][-1] - siblings[0][0]
    if all(cpus == (n, n + offset) for n, cpus in enumerate(siblings)):
        return offset
    shown = ", ".join("+".join(map(str, cpus)) for cpus in siblings[:3])
    raise AffinityError(
        f"this machine's hardware threads are numbered by core as {shown}, …, and a code can only "
        "say that the second thread of core n is n plus an offset: pass hyperthread_offset, 0 for "
        "codes that count each hardware thread as a core"
    )


def socket_count(machine: Machine) -> int:
    """How many sockets there are; 1 unless their cores are equal blocks of numbers, as codes say.

    Where sockets take turns in the numbers, "2skt" would put the cores of both into each run.
    """
    packages = [core.package for core in machine.cores]
    count = len(set(packages))
    each = len(packages) // count
    return count if packages == [packages[at - at % each] for at in range(each * count)] else 1


def quick_code(
    machine: Machine, n_parallel: int | None, *, use_gpu: bool, contexts_per_gpu: int
) -> dict[str, Any]:
    """What `quick_affinity_code` gives to `encode_affinity`, but for offset and sockets."""
    gpus = len(machine.gpus) if use_gpu else 0
    if n_parallel is None and not gpus:
        raise AffinityError(
            "without GPUs n_parallel must say how many runs there should be at once"
            + ("" if use_gpu else " (use_gpu is False)")
        )
    if n_parallel is not None and n_parallel < 1:
        raise AffinityError(f"n_parallel is {n_parallel}; it should be 1 or more")
    cores = len(machine.cores)
    divided: dict[str, Any]
    if gpus:
        gpus = min(n_parallel or gpus, gpus)
        runs = gpus * contexts_per_gpu
        divided = {"n_gpu": gpus, "contexts_per_gpu": contexts_per_gpu}
    else:
        runs = min(n_parallel or 1, cores)
        divided = {"n_gpu": 0, "cpu_per_run": cores // runs}
    if cores < runs:
        raise AffinityError(f"{runs} runs need a CPU core each, but there are {cores}")
    return {"n_cpu_core": cores - cores % runs, **divided}


def can_be_divided(code: str) -> bool:
    """Whether a code's runs have their own, equal shares of all that it names."""
    settings = read_settings(code)
    try:
        return find_waste(settings, make_runs(settings)) is None
    except AffinityError:
        return False


def whole_machine(machine: Machine, *, set_affinity: bool) -> Affinity:
    """All that this process may use, for one run; with several GPUs a list of a share for each."""
    gpus: list[tuple[Gpu, ...]] = [(gpu,) for gpu in machine.gpus] or [()]
    each = len(machine.cores) // len(gpus)
    if each == 0:
        raise AffinityError(f"{len(gpus)} GPUs need a CPU core each: {len(machine.cores)} are here")
    shares = choose_cores(machine, machine.cores, gpus, each)
    rendered = [
        _share(cores, index if machine.gpus else None, set_affinity=set_affinity)
        for index, cores in enumerate(shares)
    ]
    return rendered if len(rendered) > 1 else rendered[0]


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
    all_runs = make_runs(settings)
    runs, waste = all_runs[:most], find_waste(settings, all_runs)
    notes = _validate(machine, settings, runs, gpu_ids) + ([waste] if waste else [])
    slots = tuple(_slot(machine, settings, run, n, gpu_ids) for n, run in enumerate(runs))
    return slots, notes


def _share(cores: Sequence[Core], cuda_idx: int | None, *, set_affinity: bool) -> AttrDict:
    most = max(len(core.cpus) for core in cores)
    cpus = tuple(
        core.cpus[thread] for thread in range(most) for core in cores if thread < len(core.cpus)
    )
    affinity = AttrDict(
        all_cpus=cpus,
        master_cpus=cpus,
        workers_cpus=tuple(core.cpus for core in cores),
        alternating=False,
        set_affinity=set_affinity,
    )
    if cuda_idx is not None:
        affinity.cuda_idx = cuda_idx
    return affinity


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
        here = f"this process may use {len(machine.gpus)}, counted from 0"
        here = here if machine.gpus else "there is none"
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
