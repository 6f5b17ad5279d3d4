"""What a job uses at this moment: CPU time and memory of all its processes, its slot's GPUs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psutil


@dataclass(frozen=True)
class Usage:
    """What a job used at one time, all its descendants included."""

    time: float  # Unix seconds
    cpu_percent: float  # since the measurement before; 100 is one core
    rss: int  # bytes; memory that its processes share is counted in each
    gpu_percent: float | None = None  # mean utilisation of the slot's GPUs; None: none, or not told
    gpu_memory: int | None = None  # bytes used on the slot's GPUs, by whomever


@dataclass(frozen=True)
class _Process:
    pid: int
    cpu_seconds: float  # since its start
    rss: int  # bytes


class JobMeter:
    """Measures one job again and again."""

    def __init__(self, pid: int, gpus: Sequence[str]) -> None:
        """Begin now; ``gpus`` are the UUIDs of the job's slot's.

        Raises:
            psutil.NoSuchProcess: the job has ended.
        """
        self._process = psutil.Process(pid)
        self._gpus = gpus
        self._cpu_seconds = _cpu_seconds(self._process)
        self._clock = time.monotonic()

    def measure(self, look: Look) -> Usage:
        """What the job uses, its CPU since the measurement before.

        Raises:
            psutil.NoSuchProcess: the job has ended.
        """
        with self._process.oneshot():
            processes = [_measured(self._process)]
        processes += look.descendants(self._process.pid)
        percent = self._percent(sum(process.cpu_seconds for process in processes))
        rss = sum(process.rss for process in processes)
        return Usage(time.time(), percent, rss, *look.of_gpus(self._gpus))

    def _percent(self, cpu_seconds: float) -> float:
        before, self._clock = self._clock, time.monotonic()
        used, self._cpu_seconds = cpu_seconds - self._cpu_seconds, cpu_seconds
        percent = 100 * used / max(self._clock - before, 1e-3)
        # A process that ends while we look counts nowhere, and all its past in the next look.
        return min(max(percent, 0.0), 100.0 * (psutil.cpu_count() or 1))


class Look:
    """One look at the machine for all jobs: each thing is read at most once, and when needed."""

    def __init__(self, gpus: Gpus) -> None:
        self._gpus = gpus
        self._readings: dict[str, tuple[float | None, int | None]] = {}

    def descendants(self, pid: int) -> list[_Process]:
        """The descendants of one of our own descendants."""
        found = list(self._children[pid])
        for process in found:  # grows while we go
            found += self._children[process.pid]
        return found

    def of_gpus(self, uuids: Sequence[str]) -> tuple[float | None, int | None]:
        """The mean utilisation in percent and the sum of the used bytes.

        Each is None unless all of the GPUs tell: the mean or sum of only some of them would look
        like a fall that never happened.
        """
        for uuid in uuids:
            if uuid not in self._readings:
                self._readings[uuid] = self._gpus.read(uuid)
        percents = [self._readings[uuid][0] for uuid in uuids]
        memories = [self._readings[uuid][1] for uuid in uuids]
        known_percents = [percent for percent in percents if percent is not None]
        known_memories = [memory for memory in memories if memory is not None]
        mean = (
            sum(known_percents) / len(uuids)
            if uuids and len(known_percents) == len(uuids)
            else None
        )
        total = sum(known_memories) if uuids and len(known_memories) == len(uuids) else None
        return mean, total

    @cached_property
    def _children(self) -> Mapping[int, list[_Process]]:
        """Our descendants by their parent's id; one search, for it goes through all processes."""
        children = defaultdict(list)
        for process in psutil.Process().children(recursive=True):
            try:
                with process.oneshot():
                    children[process.ppid()].append(_measured(process))
            except psutil.Error:
                continue  # it has ended since, or it has become another user's
        return children


class Gpus:
    """NVML, loaded at the first GPU that somebody asks for."""

    def __init__(self) -> None:
        self._loaded = False

    def read(self, uuid: str) -> tuple[float | None, int | None]:
        """Utilisation in percent and used bytes, each None where the GPU does not tell."""
        import pynvml

        try:
            handle = self._nvml.nvmlDeviceGetHandleByUUID(uuid)
            memory = int(self._nvml.nvmlDeviceGetMemoryInfo(handle).used)
        except pynvml.NVMLError:  # the GPU or the whole driver is lost
            return None, None
        try:
            return float(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu), memory
        except pynvml.NVMLError:  # a MIG device tells its memory only
            return None, memory

    def close(self) -> None:
        """Give NVML back, where it was loaded."""
        if self._loaded:
            self._nvml.nvmlShutdown()

    @cached_property
    def _nvml(self) -> Any:
        import pynvml

        pynvml.nvmlInit()
        self._loaded = True
        return pynvml


def _measured(process: psutil.Process) -> _Process:
    return _Process(process.pid, _cpu_seconds(process), int(process.memory_info().rss))


def _cpu_seconds(process: psutil.Process) -> float:
    """Time used by a process and by its ended children, so that short-lived ones are not lost."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
