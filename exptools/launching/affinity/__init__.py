"""Affinity codes, as rlpyt and the original exptools have them: hardware divided between runs.

``docs/compat.md`` says where the answers differ from theirs.
"""

from __future__ import annotations

import warnings
from typing import Any

from exptools.launching.affinity.codes import (
    AffinityError,
    decode_affinity,
    encode,
    prepend_run_slot,
    read_settings,
    remove_run_slot,
)
from exptools.launching.affinity.layout import make_runs
from exptools.launching.affinity.on_machine import (
    can_be_divided,
    hyperthread_offset,
    quick_code,
    socket_count,
    whole_machine,
)
from exptools.launching.affinity.rendering import (
    Affinity,
    combine_affinity,
    render,
    set_gpu_from_visibles,
)
from exptools.launching.affinity.waste import find_waste
from exptools.launching.machine.slots import current_slot
from exptools.launching.machine.topology import read_machine

__all__ = [
    "AffinityError",
    "affinity_from_code",
    "combine_affinity",
    "decode_affinity",
    "encode_affinity",
    "full_resource_affinity",
    "get_hyperthread_offset",
    "get_n_run_slots",
    "get_n_socket",
    "make_affinity",
    "prepend_run_slot",
    "quick_affinity_code",
    "remove_run_slot",
    "set_gpu_from_visibles",
]


def encode_affinity(  # noqa: PLR0913, PLR0917 (the arguments that scripts of rlpyt pass)
    n_cpu_core: int | None = None,
    n_gpu: int = 0,
    cpu_reserved: int = 0,
    contexts_per_gpu: int = 1,
    gpu_per_run: int = 1,
    cpu_per_run: int = 1,
    cpu_per_worker: int = 1,
    async_sample: bool = False,
    sample_gpu_per_run: int = 0,
    optim_sample_share_gpu: bool = False,
    hyperthread_offset: int | None = None,
    n_socket: int | None = None,
    run_slot: int | None = None,
    alternating: bool = False,
    set_affinity: bool = True,
) -> str:
    """The code of a division of this machine between runs.

    Args:
        n_cpu_core: physical cores to use in all; None: those that this process may use.
        n_gpu: GPUs to use in all.
        cpu_reserved: cores of each share (asynchronous: of each optimizer) without workers.
        contexts_per_gpu: how many runs share a GPU.
        gpu_per_run: GPUs of each run; asynchronous: of its optimizer.
        cpu_per_run: cores of each run, where there are no GPUs.
        cpu_per_worker: cores of each of a sampler's workers.
        async_sample: whether sampling and optimizing are processes with resources of their own.
        sample_gpu_per_run: asynchronous: GPUs of each run that only sample.
        optim_sample_share_gpu: asynchronous: sample on the optimizer's GPUs instead.
        hyperthread_offset: what is added to a core's number for its second hardware thread; 0:
            leave those unused; None: read from this machine.
        n_socket: blocks of cores, of which a run should have one; None: read from this machine.
        run_slot: the code of this run alone.
        alternating: whether each group of cores has two workers, which take turns.
        set_affinity: whether workers should be bound to their CPUs.

    Raises:
        AffinityError: a value is no such number, there is no such slot, or this machine's hardware
            threads are not numbered as a code says. Whether the runs have equal shares is seen
            when the code is used.
    """
    offset = get_hyperthread_offset() if hyperthread_offset is None else hyperthread_offset
    values = {
        "cpu": len(read_machine().cores) if n_cpu_core is None else n_cpu_core,
        "gpu": n_gpu,
        "cxg": contexts_per_gpu,
        "gpr": gpu_per_run,
        "cpr": cpu_per_run,
        "cpw": cpu_per_worker,
        "hto": offset,
        "skt": get_n_socket() if n_socket is None else n_socket,
        "res": cpu_reserved,
        "ass": async_sample,
        "sgr": sample_gpu_per_run,
        "oss": optim_sample_share_gpu,
        "alt": alternating,
        "saf": set_affinity,
    }
    code = encode(values)
    return code if run_slot is None else _with_slot(run_slot, code)


def _with_slot(run_slot: int, code: str) -> str:
    slots = get_n_run_slots(code)
    if not 0 <= run_slot < slots:
        raise AffinityError(f"run_slot is {run_slot!r}; {code} has slots 0 to {slots - 1}")
    return prepend_run_slot(run_slot, code)


def quick_affinity_code(
    n_parallel: int | None = None, use_gpu: bool = True, contexts_per_gpu: int = 1
) -> str:
    """The code that divides what this process may use evenly between runs.

    Args:
        n_parallel: how many runs at once; None: one a GPU. With GPUs it is how many of them.
        use_gpu: whether runs get a GPU each, where there are any.
        contexts_per_gpu: how many runs share a GPU.

    Raises:
        AffinityError: there is no GPU and nobody says how many runs, or not a core for each.
    """
    machine = read_machine()
    divided = quick_code(machine, n_parallel, use_gpu=use_gpu, contexts_per_gpu=contexts_per_gpu)
    offset, sockets = hyperthread_offset(machine), socket_count(machine)
    code = encode_affinity(**divided, hyperthread_offset=offset, n_socket=sockets)
    if can_be_divided(code):
        return code
    return encode_affinity(**divided, hyperthread_offset=offset, n_socket=1)


def affinity_from_code(run_slot_affinity_code: str) -> Affinity:
    """What a run may use, from the code that a script gets as its first argument.

    Returns:
        an AttrDict with ``all_cpus``, ``master_cpus``, ``workers_cpus``, ``alternating``,
        ``set_affinity`` and, with GPUs, ``cuda_idx``; for a run with several GPUs a list of them;
        for an asynchronous run an AttrDict with ``all_cpus``, ``optimizer`` and ``sampler``.
        ``cuda_idx`` counts the devices that ``CUDA_VISIBLE_DEVICES`` leaves to this process.

    Raises:
        AffinityError: it is no code, has no such slot, or its runs cannot have equal shares of
            their own.
    """
    if run_slot_affinity_code == "cluster":  # its manager has chosen the resources
        return full_resource_affinity(set_affinity=False)
    slot, code = remove_run_slot(run_slot_affinity_code)
    settings = read_settings(code)
    runs = make_runs(settings)
    waste = find_waste(settings, runs)
    if waste and current_slot() is None:  # the runs' launcher has said it, once for all
        warnings.warn(waste, stacklevel=2)
    if slot >= len(runs):
        raise AffinityError(
            f"run slot {slot} is not one of {code}, which has {len(runs)}: 0 to {len(runs) - 1}"
        )
    return render(settings, runs[slot])


def make_affinity(run_slot: int = 0, **kwargs: Any) -> Affinity:
    """The affinity of a run slot, from the arguments of `encode_affinity`."""
    return affinity_from_code(encode_affinity(run_slot=run_slot, **kwargs))


def full_resource_affinity(set_affinity: bool = True) -> Affinity:
    """All that this process may use, for one run; for when a cluster's manager has chosen it.

    Raises:
        AffinityError: there are fewer cores than GPUs.
    """
    return whole_machine(read_machine(), set_affinity=set_affinity)


def get_n_run_slots(affinity_code: str) -> int:
    """How many runs a code has at once.

    Raises:
        AffinityError: it is no code, or not even one run fits.
    """
    return read_settings(affinity_code).runs


def get_hyperthread_offset() -> int:
    """What is added to a core's number for its second hardware thread here; 0: there are none.

    Raises:
        AffinityError: this machine numbers them in a way that no code can say.
    """
    return hyperthread_offset(read_machine())


def get_n_socket() -> int:
    """How many sockets this machine has, 1 where their cores are not equal blocks of numbers."""
    return socket_count(read_machine())
