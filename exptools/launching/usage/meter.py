"""What a job uses at this moment: CPU time and memory of all its processes, its slot's GPUs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psutil

from exptools.launching.machine.gpus import nvml


@dataclass(frozen=True)
class UsageSample:
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

    def measure(self, reading: SystemReading) -> UsageSample:
        """What the job uses, its CPU since the measurement before.

        Raises:
            psutil.NoSuchProcess: the job has ended.
        """
        with self._process.oneshot():
            processes = [_read_process(self._process)]
        processes += reading.descendants(self._process.pid)
        percent = self._percent(sum(process.cpu_seconds for process in processes))
        rss = sum(process.rss for process in processes)
        return UsageSample(time.time(), percent, rss, *reading.of_gpus(self._gpus))

    def _percent(self, cpu_seconds: float) -> float:
        before, self._clock = self._clock, time.monotonic()
        used, self._cpu_seconds = cpu_seconds - self._cpu_seconds, cpu_seconds
        percent = 100 * used / max(self._clock - before, 1e-3)
        # A process that ends while we look counts nowhere, and all its past in the next reading.
        return min(max(percent, 0.0), 100.0 * (psutil.cpu_count() or 1))


class SystemReading:
    """One reading of the machine for all jobs: each thing at most once, and only if needed."""

    def __init__(self, gpus: GpuReader) -> None:
        self._gpus = gpus
        self._readings: dict[str, tuple[float | None, int | None]] = {}

    def descendants(self, pid: int) -> list[_Process]:
        """The descendants of one of our own descendants."""
        processes = list(self._children[pid])
        for process in processes:  # grows while we go
            processes += self._children[process.pid]
        return processes

    def of_gpus(self, uuids: Sequence[str]) -> tuple[float | None, int | None]:
        """The mean utilisation in percent and the sum of the used bytes.

        Each is None unless all of the GPUs tell: the mean or sum of only some of them would look
        like a fall that never happened.
        """
        for uuid in uuids:
            if uuid not in self._readings:
                self._readings[uuid] = self._gpus.read(uuid)
        percents = [p for p, _ in map(self._readings.__getitem__, uuids) if p is not None]
        memories = [m for _, m in map(self._readings.__getitem__, uuids) if m is not None]
        mean = sum(percents) / len(uuids) if uuids and len(percents) == len(uuids) else None
        total = sum(memories) if uuids and len(memories) == len(uuids) else None
        return mean, total

    @cached_property
    def _children(self) -> Mapping[int, list[_Process]]:
        """Our descendants by their parent's id; one search, for it goes through all processes."""
        children = defaultdict(list)
        for process in psutil.Process().children(recursive=True):
            try:
                with process.oneshot():
                    children[process.ppid()].append(_read_process(process))
            except psutil.Error:
                continue  # it has ended since, or it has become another user's
        return children


class GpuReader:
    """Asks NVML, which is loaded at the first GPU that somebody asks for."""

    def __init__(self) -> None:
        self._resources = ExitStack()

    def read(self, uuid: str) -> tuple[float | None, int | None]:
        """Utilisation in percent and used bytes, each None where the GPU does not tell."""
        library = self._nvml
        if library is None:
            return None, None
        try:
            handle = library.nvmlDeviceGetHandleByUUID(uuid)
            memory = int(library.nvmlDeviceGetMemoryInfo(handle).used)
        except library.NVMLError:  # the GPU or the whole driver is lost
            return None, None
        try:
            return float(library.nvmlDeviceGetUtilizationRates(handle).gpu), memory
        except library.NVMLError:  # a MIG device tells its memory only
            return None, memory

    def close(self) -> None:
        """Give NVML back, where it was loaded."""
        self._resources.close()

    @cached_property
    def _nvml(self) -> Any:
        return self._resources.enter_context(nvml())


def _read_process(process: psutil.Process) -> _Process:
    return _Process(process.pid, _cpu_seconds(process), int(process.memory_info().rss))


def _cpu_seconds(process: psutil.Process) -> float:
    """Time used by a process and by its ended children, so that short-lived ones are not lost."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
