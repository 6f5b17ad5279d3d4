"""The GPUs that this process may use, as NVIDIA's management library (NVML) tells them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exptools.launching.machine.sysfs import mask_bits, pci_locality

VISIBLE = "CUDA_VISIBLE_DEVICES"
# NVML's codes for "there is no driver here", which is no reason for a word.
_NO_DRIVER = (9, 12)
# A GPU that answers any question with one of these cannot run a job:
# needs a reset, fell off the bus, was not found, the system's or an unknown error.
_BROKEN = (15, 16, 17, 28, 999)
_SCOPE_NODE = 0
_WORDS = 128  # of 64 bits; Linux has at most 8192 CPUs
_MIG_ON = 1


@dataclass(frozen=True)
class GpuProcess:
    """A process that computes on a GPU."""

    pid: int
    memory: int | None  # bytes of the GPU's; None: the driver does not tell


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a part of one (MIG), as NVML tells it."""

    index: int  # NVML's, in PCI bus order; that of the whole GPU for a part
    uuid: str
    name: str
    memory: int  # bytes; 0: not known (it shares the system's)
    node: int | None = None  # NUMA node
    cpus: tuple[int, ...] = ()  # the online CPUs next to it; empty: not known
    processes: tuple[GpuProcess, ...] = ()  # that computed on it when we looked
    mig: tuple[int, int] | None = None  # a part's GPU instance and compute instance
    parent: str | None = None  # a part's whole GPU: its UUID

    @property
    def label(self) -> str:
        """A short name for people: "0", or "0:3/0" for a part."""
        return f"{self.index}:{self.mig[0]}/{self.mig[1]}" if self.mig else str(self.index)


def read_gpus(root: Path, cpus: Iterable[int]) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """The GPUs within this process's ``CUDA_VISIBLE_DEVICES``, and what the user should know.

    Args:
        root: the directory that holds ``sys``.
        cpus: the online ones.
    """
    notes: list[str] = []
    with nvml(notes) as library:
        gpus = [] if library is None else _all_gpus(library, root, frozenset(cpus), notes)
    limit = os.environ.get(VISIBLE)
    if limit is None or not gpus:
        return tuple(gpus), tuple(notes)
    return _visible(gpus, limit, notes), tuple(notes)


@contextmanager
def nvml(notes: list[str] | None = None) -> Iterator[Any]:
    """NVML, ready for questions; None without a driver, with a note unless it is just not there."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if notes is not None and error.value not in _NO_DRIVER:
            notes.append(f"NVML does not start ({error}): jobs get no GPU of their own")
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def free_memory(library: Any, uuid: str) -> tuple[int, tuple[GpuProcess, ...]] | None:
    """The bytes that are free on a GPU and who uses it; None where NVML does not tell."""
    try:
        handle = library.nvmlDeviceGetHandleByUUID(uuid)
        memory = library.nvmlDeviceGetMemoryInfo(handle)
    except library.NVMLError:
        return None
    return int(memory.free), _processes(library, handle)


def computing_processes(library: Any, uuid: str) -> tuple[GpuProcess, ...]:
    """Who computes on a GPU; programs that only draw there are not among them.

    Raises:
        library.NVMLError: the driver does not tell.
    """
    handle = library.nvmlDeviceGetHandleByUUID(uuid)
    processes = library.nvmlDeviceGetComputeRunningProcesses(handle)
    return tuple(GpuProcess(int(one.pid), one.usedGpuMemory) for one in processes)


def _all_gpus(library: Any, root: Path, cpus: frozenset[int], notes: list[str]) -> list[Gpu]:
    gpus: list[Gpu] = []
    for index in range(library.nvmlDeviceGetCount()):
        name = f"GPU {index}"
        try:
            handle = library.nvmlDeviceGetHandleByIndex(index)
            name = f"GPU {index} ({library.nvmlDeviceGetUUID(handle)})"
            gpu = _read_gpu(library, handle, index, root, cpus)
            parts = _read_parts(library, handle, gpu)
        except library.NVMLError as error:
            notes.append(f"{name} is left out: NVML says {error}")
            continue
        if parts is None:
            gpus.append(gpu)
        elif parts:
            gpus += parts
        else:
            notes.append(f"{name} is left out: it is in MIG mode, but has no instances")
    return gpus


def _read_gpu(library: Any, handle: Any, index: int, root: Path, cpus: frozenset[int]) -> Gpu:
    near, node = _locality(library, handle, root, cpus)
    return Gpu(
        index,
        uuid=library.nvmlDeviceGetUUID(handle),
        name=_ask(library.nvmlDeviceGetName, handle) or "GPU",
        memory=_total(library, handle),
        node=node,
        cpus=near,
        processes=_processes(library, handle),
    )


def _read_parts(library: Any, handle: Any, whole: Gpu) -> list[Gpu] | None:
    """The MIG devices of a GPU; None where it is not divided, but used as a whole."""
    mode = _ask(library.nvmlDeviceGetMigMode, handle)
    if not mode or mode[0] != _MIG_ON:
        return None
    parts: list[Gpu] = []
    for number in range(_ask(library.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        part = _ask(library.nvmlDeviceGetMigDeviceHandleByIndex, handle, number)
        if part is None:
            continue  # numbers have holes where instances were destroyed
        instance = library.nvmlDeviceGetGpuInstanceId(part)
        gpu = Gpu(
            whole.index,
            uuid=library.nvmlDeviceGetUUID(part),
            name=_ask(library.nvmlDeviceGetName, part) or f"{whole.name} MIG",
            memory=_total(library, part),
            node=whole.node,
            cpus=whole.cpus,
            processes=_processes(library, part),
            mig=(instance, library.nvmlDeviceGetComputeInstanceId(part)),
            parent=whole.uuid,
        )
        parts.append(gpu)
    return parts


def _total(library: Any, handle: Any) -> int:
    memory = _ask(library.nvmlDeviceGetMemoryInfo, handle)
    return int(memory.total) if memory else 0


def _processes(library: Any, handle: Any) -> tuple[GpuProcess, ...]:
    processes = _ask(library.nvmlDeviceGetComputeRunningProcesses, handle) or []
    return tuple(GpuProcess(int(one.pid), one.usedGpuMemory) for one in processes)


def _locality(
    library: Any, handle: Any, root: Path, cpus: frozenset[int]
) -> tuple[tuple[int, ...], int | None]:
    """The CPUs next to a GPU and their node: NVML's word, then sysfs's.

    Not nvmlDeviceGetNumaNodeId: that is the node of the GPU's own memory, without CPUs.
    """
    pci = _ask(library.nvmlDeviceGetPciInfo, handle)
    near, node = pci_locality(root, _text(pci.busId), cpus) if pci else ((), None)
    for words in (
        _ask(library.nvmlDeviceGetCpuAffinityWithinScope, handle, _WORDS, _SCOPE_NODE),
        _ask(library.nvmlDeviceGetCpuAffinity, handle, _WORDS),
    ):
        affinity = _bits(words) & cpus
        if affinity:
            near = tuple(sorted(affinity))
            break
    if node is None:
        nodes = _bits(_ask(library.nvmlDeviceGetMemoryAffinity, handle, _WORDS, _SCOPE_NODE))
        node = min(nodes) if len(nodes) == 1 else None
    return near, node


def _bits(words: Sequence[int] | None) -> frozenset[int]:
    return mask_bits(sum(word << 64 * position for position, word in enumerate(words or ())))


def _ask(function: Callable[..., Any], *arguments: Any) -> Any:
    """NVML's answer, None where this driver or GPU has none; raises for a GPU that is broken."""
    import pynvml

    try:
        return function(*arguments)
    except pynvml.NVMLError as error:
        if error.value in _BROKEN:
            raise
        return None


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _visible(gpus: list[Gpu], limit: str, notes: list[str]) -> tuple[Gpu, ...]:
    """The GPUs that a ``CUDA_VISIBLE_DEVICES`` names, in its order."""
    chosen: list[Gpu] = []
    for token in filter(None, (part.strip() for part in limit.split(","))):
        matches = match_gpus(gpus, token)
        if not matches:  # CUDA, too, ends the list at the first device that it cannot find
            notes.append(
                f"{VISIBLE}={limit} ends before {token!r}, as in CUDA: there is no such GPU here"
            )
            break
        chosen += [gpu for gpu in matches if gpu not in chosen]
    return tuple(chosen)


def match_gpus(gpus: Sequence[Gpu], token: str) -> list[Gpu]:
    """The GPUs with an index, a label, a UUID or the only UUID that begins so, or an old MIG name.

    The name of a whole GPU stands for all its parts.
    """
    if token[:1].isdecimal():
        return [gpu for gpu in gpus if token in (str(gpu.index), gpu.label)]
    old_mig = [
        gpu for gpu in gpus if gpu.mig and token == "MIG-{}/{}/{}".format(gpu.parent, *gpu.mig)
    ]
    if old_mig or not token.startswith(("GPU-", "MIG-")):
        return old_mig
    exact = [gpu for gpu in gpus if token in (gpu.uuid, gpu.parent)]
    begun = [gpu for gpu in gpus if gpu.uuid.startswith(token)]
    wholes = {gpu.parent for gpu in gpus if gpu.parent and gpu.parent.startswith(token)}
    if exact or len(begun) + len(wholes) != 1:
        return exact
    return begun or [gpu for gpu in gpus if gpu.parent in wholes]
