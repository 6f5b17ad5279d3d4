"""Samples what the running jobs use into ``.exptools/usage.csv`` of their run directories."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from exptools.launching.usage.meter import GpuReader, JobMeter, SystemReading, UsageSample
from exptools.rundir import USAGE_FILE

HEADER = "time,cpu_percent,rss,gpu_percent,gpu_memory\n"
INTERVAL = 2.0  # seconds between two samples of a job
FIRST = 0.5  # seconds that a job runs before its first sample
_SHARE = 0.02  # of one core: a round is followed by a pause long enough to use no more


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
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        size = os.fstat(fd).st_size
        content = (line if size else HEADER + line).encode()
        if os.write(fd, content) < len(content):
            os.ftruncate(fd, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(fd)
