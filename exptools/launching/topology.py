"""What this process may use of the machine: CPU cores and GPUs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from exptools.rundir import parse_cpus

SYSFS = Path("/sys")


@dataclass(frozen=True)
class Gpu:
    """A GPU as NVML tells it; ``index`` is NVML's, in PCI bus order."""

    index: int
    uuid: str
    name: str
    memory: int  # bytes


@dataclass(frozen=True)
class Machine:
    """What this process may use."""

    cores: tuple[
        tuple[int, ...], ...
    ]  # physical cores, each the numbers of its CPUs (SMT siblings)
    gpus: tuple[Gpu, ...]
    can_pin: bool  # whether the system can bind a process to CPUs


def read_machine(sysfs: Path = SYSFS) -> Machine:
    """Read the allowed CPUs, grouped into physical cores, and the visible GPUs."""
    if not hasattr(os, "sched_getaffinity"):
        return Machine(_counted_cores(), visible_gpus(), can_pin=False)
    allowed = sorted(os.sched_getaffinity(0))
    return Machine(_cores(allowed, sysfs), visible_gpus(), can_pin=True)


def visible_gpus() -> tuple[Gpu, ...]:
    """The GPUs that NVML knows, limited to this process's ``CUDA_VISIBLE_DEVICES``."""
    gpus = _nvml_gpus()
    limit = os.environ.get("CUDA_VISIBLE_DEVICES")
    return gpus if limit is None else _limited(gpus, limit)


def _limited(gpus: tuple[Gpu, ...], limit: str) -> tuple[Gpu, ...]:
    chosen: list[Gpu] = []
    for token in filter(None, (part.strip() for part in limit.split(","))):
        match = [
            gpu
            for gpu in gpus
            if token == str(gpu.index) or (token.startswith("GPU-") and gpu.uuid.startswith(token))
        ]
        if len(match) != 1:  # CUDA, too, ends the list at the first device that it cannot find
            break
        chosen += match
    return tuple(chosen)


def _nvml_gpus() -> tuple[Gpu, ...]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver: a machine without NVIDIA GPUs
        return ()
    try:
        return tuple(_nvml_gpu(index) for index in range(pynvml.nvmlDeviceGetCount()))
    finally:
        pynvml.nvmlShutdown()


def _nvml_gpu(index: int) -> Gpu:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle).total
    uuid, name = pynvml.nvmlDeviceGetUUID(handle), pynvml.nvmlDeviceGetName(handle)
    return Gpu(index, uuid, name, int(memory))


def _cores(allowed: list[int], sysfs: Path) -> tuple[tuple[int, ...], ...]:
    siblings = {_siblings(cpu, sysfs) & set(allowed) for cpu in allowed}
    return tuple(sorted(tuple(sorted(core)) for core in siblings))


def _siblings(cpu: int, sysfs: Path) -> frozenset[int]:
    topology = sysfs / "devices/system/cpu" / f"cpu{cpu}" / "topology"
    for name in ("core_cpus_list", "thread_siblings_list"):  # the second is the older kernels' name
        try:
            return frozenset(parse_cpus((topology / name).read_text())) | {cpu}
        except OSError:
            continue
    return frozenset({cpu})


def _counted_cores() -> tuple[tuple[int, ...], ...]:
    import psutil

    count = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    return tuple((number,) for number in range(count))
