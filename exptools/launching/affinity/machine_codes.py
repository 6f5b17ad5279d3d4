"""What affinity codes say of a machine: within what this process may use of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exptools.collections import AttrDict
from exptools.launching.affinity.codes import AffinityError, read_settings
from exptools.launching.affinity.layout import make_runs
from exptools.launching.affinity.rendering import Affinity
from exptools.launching.machine.gpus import Gpu
from exptools.launching.machine.placing import choose_cores
from exptools.launching.machine.topology import Core, Machine


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
    """Whether a code's runs have their own, equal shares."""
    try:
        make_runs(read_settings(code))
    except AffinityError:
        return False
    return True


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
