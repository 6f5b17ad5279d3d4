"""What running jobs use, with all their processes: sampled into ``.exptools/usage.csv``."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from exptools.launching.machine.gpus import nvml
from exptools.plain_files import open_plain, read_plain
from exptools.rundir import USAGE_FILE, write_atomic

HEADER = "time,cpu_percent,rss,gpu_percent,gpu_memory\n"
INTERVAL = 2.0  # seconds between two samples of a job
FIRST = 0.5  # seconds that a job runs before its first sample
_SHARE = 0.02  # of one core: a round is followed by a pause long enough to use no more


@dataclass(frozen=True)
class UsageSample:
    """What a job used at one time, all its descendants included."""

    time: float  # Unix seconds
    cpu_percent: float  # since the measurement before; 100 is one core
    rss: int  # bytes; memory that its processes share is counted in each
    gpu_percent: float | None = None  # mean utilisation of the slot's GPUs; None: none, or not told
    gpu_memory: int | None = None  # bytes used on the slot's GPUs, by whomever


@dataclass
class _Watched:
    number: int
    meter: JobMeter
    file: Path
    due: float  # when its first sample is, on time.monotonic()'s clock


class UsageSampler:
    """Samples all running jobs of a sweep in one thread, about every ``INTERVAL`` seconds.

    Nothing that goes wrong with one job touches another or the sweep; what was lost by it stands
    in ``problems``.
    """

    def __init__(
        self, interval: float = INTERVAL, after: Callable[[int], None] | None = None
    ) -> None:
        """``after`` is called in the sampler's thread with the number of each sampled job."""
        self._interval = interval
        self._after = after
        self._watched: dict[int, _Watched] = {}  # this and the next two by job number
        self._latest: dict[int, UsageSample] = {}
        self._problems: dict[int, str] = {}
        self._gpus = GpuReader()
        self._next_round = 0.0  # this and the next on time.monotonic()'s clock
        self._rest_until = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage sampler", daemon=True)

    def watch(self, number: int, pid: int, directory: Path, gpus: Sequence[str]) -> None:
        """Sample a job from now on; ``gpus`` are the UUIDs of its slot's."""
        try:
            meter = JobMeter(pid, gpus)
        except psutil.Error:
            return  # it has ended already: there is nothing to sample
        self._latest.pop(number, None)  # of an earlier attempt
        due = time.monotonic() + min(FIRST, self._interval)
        self._watched[number] = _Watched(number, meter, directory / USAGE_FILE, due)
        if self._thread.ident is None:
            with contextlib.suppress(RuntimeError):  # no more threads are allowed for now
                self._thread.start()

    def unwatch(self, number: int) -> None:
        """Sample a job no more; its latest sample stays."""
        self._watched.pop(number, None)

    def latest(self, number: int) -> UsageSample | None:
        """The job's latest sample, None before the first."""
        return self._latest.get(number)

    @property
    def problems(self) -> Mapping[int, str]:
        """What went wrong with the samples of which job, in one line each."""
        return dict(self._problems)

    def close(self) -> None:
        """End the sampling; waits a moment for a round that runs, not for a driver that hangs."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=1.0)

    def _run(self) -> None:
        while not self._closing.wait(min(FIRST, self._interval) / 2):
            jobs = self._due()
            if jobs:
                began = time.thread_time()
                self._sample(jobs)
                cost = time.thread_time() - began
                self._rest_until = time.monotonic() + cost / _SHARE
        self._gpus.close()

    def _due(self) -> list[_Watched]:
        """All jobs once an interval, for they share most of the cost; new ones in between."""
        now = time.monotonic()
        due = [job for job in list(self._watched.values()) if job.due <= now]
        if not due or now < self._rest_until:
            return []
        if now >= self._next_round:
            self._next_round = now + self._interval
            return due
        sampled = self._latest.keys() | self._problems.keys()
        return [job for job in due if job.number not in sampled]

    def _sample(self, jobs: Sequence[_Watched]) -> None:
        reading = SystemReading(self._gpus)
        for job in jobs:
            try:
                self._sample_one(job, reading)
            except psutil.NoSuchProcess:
                continue  # it has just ended
            except Exception as error:  # noqa: BLE001 (one job's trouble must not reach another)
                self._problems.setdefault(job.number, f"{job.file} is not whole: {error}")

    def _sample_one(self, job: _Watched, reading: SystemReading) -> None:
        sample = job.meter.measure(reading)
        self._latest[job.number] = sample
        if job.number not in self._problems:
            try:
                _append(job.file, _line(sample))
            except OSError as error:
                self._problems[job.number] = f"{job.file} is not whole: {error.strerror}"
        if self._after is not None:
            self._after(job.number)


def _line(sample: UsageSample) -> str:
    gpu_percent = "" if sample.gpu_percent is None else f"{sample.gpu_percent:.1f}"
    gpu_memory = "" if sample.gpu_memory is None else str(sample.gpu_memory)
    first = f"{sample.time:.3f},{sample.cpu_percent:.1f},{sample.rss}"
    return f"{first},{gpu_percent},{gpu_memory}\n"


def _append(path: Path, line: str) -> None:
    """Add a whole line to a ``usage.csv``, or leave it as it was.

    Raises:
        OSError: the disk is full, or the run's directory is gone.
    """
    fd = open_plain(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        size = os.fstat(fd).st_size
        content = (line if size else HEADER + line).encode()
        if os.fstat(fd).st_nlink > 1:  # a backup has the file, too, which should stay as it is
            write_atomic(path, read_plain(path) + content)
        elif os.write(fd, content) < len(content):
            os.ftruncate(fd, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(fd)


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
        if not processes[0].rss:  # nobody has waited for it yet
            raise psutil.NoSuchProcess(self._process.pid)
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
