import csv
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pynvml
import pytest

from exptools.launching import usage
from exptools.launching.usage import UsageSampler
from exptools.rundir import USAGE_FILE
from tests.conftest import until

SPIN = "while True: pass"
SLEEP = "import time; time.sleep(600)"
Start = Callable[[str], int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python code in a process of its own; all of them are killed at the end."""
    processes: list[subprocess.Popen[bytes]] = []

    def starter(code: str) -> int:
        processes.append(subprocess.Popen([sys.executable, "-c", code]))
        return processes[-1].pid

    yield starter
    for process in (process for process in processes if process.poll() is None):
        for child in [*psutil.Process(process.pid).children(recursive=True), process]:
            child.kill()
        process.wait()


@pytest.fixture
def sampler() -> Iterator[UsageSampler]:
    one = UsageSampler(interval=0.2)
    yield one
    one.close()


def run_dir(root: Path, name: str = "0") -> Path:
    (root / name / ".exptools").mkdir(parents=True)
    return root / name


def rows(run: Path) -> list[dict[str, str]]:
    with (run / USAGE_FILE).open(newline="") as file:
        return list(csv.DictReader(file))


def has_rows(run: Path, count: int) -> Callable[[], bool]:
    return lambda: (run / USAGE_FILE).exists() and len(rows(run)) >= count


def test_a_run_gets_a_line_each_time_that_its_job_is_sampled(
    tmp_path: Path, start: Start, sampler: UsageSampler
) -> None:
    run, before = run_dir(tmp_path), time.time()
    sampler.watch(0, start(SLEEP), run, ())
    until(has_rows(run, 3))
    header = (run / USAGE_FILE).read_text().splitlines()[0]
    assert header == "time,cpu_percent,rss,gpu_percent,gpu_memory"
    times = [float(row["time"]) for row in rows(run)]
    assert times == sorted(times)
    assert before <= times[0] <= time.time()
    assert {(row["gpu_percent"], row["gpu_memory"]) for row in rows(run)} == {("", "")}
    latest = sampler.latest(0)
    assert latest is not None
    assert latest.rss > 2**20
    assert not sampler.problems


def test_the_first_sample_does_not_wait_for_a_whole_interval(tmp_path: Path, start: Start) -> None:
    run, sampler = run_dir(tmp_path), UsageSampler(interval=600)
    sampler.watch(0, start(SLEEP), run, ())
    until(has_rows(run, 1))
    other = run_dir(tmp_path, "1")
    sampler.watch(1, start(SLEEP), other, ())
    until(has_rows(other, 1))
    sampler.close()
    assert len(rows(run)) == 1


def test_descendants_count_and_the_neighbour_does_not(
    tmp_path: Path, start: Start, sampler: UsageSampler
) -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', '''{}'''])"
    memory = 300 * 2**20
    hungry = f"x = bytearray({memory})\n{SPIN}"
    grandchild = child.format(child.format(hungry).replace("'''", '"""'))
    sampler.watch(0, start(grandchild), run_dir(tmp_path, "0"), ())
    sampler.watch(1, start(SLEEP), run_dir(tmp_path, "1"), ())

    def busy() -> bool:
        latest = sampler.latest(0)
        return latest is not None and latest.rss > memory and latest.cpu_percent > 15

    def idle() -> bool:
        latest = sampler.latest(1)
        return latest is not None and latest.rss < memory and latest.cpu_percent < 15

    until(busy)
    until(idle)


def test_cpu_time_of_children_that_ended_between_two_looks_counts(
    tmp_path: Path, start: Start
) -> None:
    burn = "import time\nwhile time.process_time() < 1: pass"
    done = tmp_path / "done"
    code = "import pathlib, subprocess, sys, time\n"
    code += f"subprocess.run([sys.executable, '-c', {burn!r}])\n"
    code += f"pathlib.Path({str(done)!r}).touch()\ntime.sleep(600)"
    began = time.monotonic()
    job = usage.JobMeter(start(code), ())
    until(done.exists)
    percent = job.measure(usage.SystemReading(usage.GpuReader())).cpu_percent
    assert percent / 100 * (time.monotonic() - began) > 0.9


def test_a_job_that_has_ended_is_no_job_without_memory(start: Start) -> None:
    pid = start(SLEEP)
    job = usage.JobMeter(pid, ())
    psutil.Process(pid).kill()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # a zombie: its end is still to be waited for
    with pytest.raises(psutil.NoSuchProcess):
        job.measure(usage.SystemReading(usage.GpuReader()))


def test_cpu_percent_is_of_the_time_since_the_sample_before(
    tmp_path: Path, start: Start, sampler: UsageSampler
) -> None:
    code = "import time\nwhile time.process_time() < 0.5: pass\ntime.sleep(600)"
    sampler.watch(0, start(code), run_dir(tmp_path), ())

    def percents() -> list[float]:
        try:
            return [float(row["cpu_percent"]) for row in rows(tmp_path / "0")]
        except FileNotFoundError:
            return []

    until(lambda: max(percents(), default=0) > 3 and percents()[-1] == 0.0)


def test_a_job_that_ends_leaves_the_others_and_no_problem(
    tmp_path: Path, start: Start, sampler: UsageSampler
) -> None:
    first, other = run_dir(tmp_path, "0"), run_dir(tmp_path, "1")
    pid = start(SLEEP)
    sampler.watch(0, pid, first, ())
    sampler.watch(1, start(SLEEP), other, ())
    until(has_rows(first, 1))
    psutil.Process(pid).kill()
    os.waitpid(pid, 0)
    seen = len(rows(other)) if (other / USAGE_FILE).exists() else 0
    until(has_rows(other, seen + 2))
    sampler.unwatch(0)
    assert not sampler.problems


def test_where_no_thread_may_start_nothing_is_sampled(
    sampler: UsageSampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    sampler.watch(0, os.getpid(), run_dir(tmp_path), ())
    sampler.close()
    assert not sampler.problems


def test_a_job_that_ended_before_it_could_be_watched_is_no_problem(sampler: UsageSampler) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    sampler.watch(0, process.pid, Path("/nowhere"), ())
    assert sampler.latest(0) is None
    assert not sampler.problems


def test_a_job_is_sampled_no_more_once_it_is_unwatched(
    tmp_path: Path, start: Start, sampler: UsageSampler
) -> None:
    run, other = run_dir(tmp_path, "0"), run_dir(tmp_path, "1")
    sampler.watch(0, start(SLEEP), run, ())
    sampler.watch(1, start(SLEEP), other, ())
    until(lambda: has_rows(run, 1)() and has_rows(other, 1)())
    sampler.unwatch(0)
    until(has_rows(other, len(rows(other)) + 1))  # the round that was under way is over
    seen = len(rows(run))
    until(has_rows(other, len(rows(other)) + 2))
    assert len(rows(run)) == seen
    assert sampler.latest(0) is not None


def test_a_full_disk_is_told_and_never_leaves_half_a_line(
    tmp_path: Path, start: Start, sampler: UsageSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_dir(tmp_path)
    sampler.watch(0, start(SLEEP), run, ())
    until(has_rows(run, 1))
    before, write, full = (run / USAGE_FILE).read_bytes(), os.write, threading.Event()

    def write_a_part(fd: int, content: bytes) -> int:
        full.set()
        return write(fd, content[:5])

    monkeypatch.setattr(os, "write", write_a_part)
    until(lambda: sampler.problems)
    assert full.is_set()
    assert "No space left" in sampler.problems[0]
    content = (run / USAGE_FILE).read_bytes()
    assert content.startswith(before)
    assert content.endswith(b"\n")


def test_an_error_of_the_one_who_listens_is_told_and_hurts_no_other_job(
    tmp_path: Path, start: Start
) -> None:
    def fails_for_first(number: int) -> None:
        if number == 0:
            raise RuntimeError("no good")

    sampler = UsageSampler(interval=0.2, after=fails_for_first)
    first, second = run_dir(tmp_path, "0"), run_dir(tmp_path, "1")
    sampler.watch(0, start(SLEEP), first, ())
    sampler.watch(1, start(SLEEP), second, ())
    until(has_rows(second, 2))
    sampler.close()
    assert list(sampler.problems) == [0]
    assert "no good" in sampler.problems[0]


def test_nobody_samples_after_the_end(tmp_path: Path, start: Start) -> None:
    sampler = UsageSampler(interval=0.2)
    sampler.watch(0, start(SLEEP), run_dir(tmp_path), ())
    sampler.close()
    assert "usage sampler" not in {thread.name for thread in threading.enumerate()}


def test_a_costly_look_at_the_machine_is_followed_by_a_longer_pause(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def costly(self: usage.JobMeter, reading: usage.SystemReading) -> usage.UsageSample:
        looks.append(time.monotonic())
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        return usage.UsageSample(time.time(), 0.0, 1)

    monkeypatch.setattr(usage.JobMeter, "measure", costly)
    sampler = UsageSampler(interval=0.02)
    sampler.watch(0, start(SLEEP), run_dir(tmp_path), ())
    until(lambda: len(looks) >= 3)
    sampler.close()
    assert looks[1] - looks[0] >= 1.0  # 0.02 s are 2 % of it
    assert looks[2] - looks[1] >= 1.0


class StandInNvml:
    """As much of pynvml as is needed, for GPUs "GPU-<index>" of which some are lost."""

    NVMLError = pynvml.NVMLError

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self.reads: list[str] = []
        self.inits = self.shutdowns = 0

    def nvmlInit(self) -> None:
        self.inits += 1

    def nvmlShutdown(self) -> None:
        self.shutdowns += 1

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        self.reads.append(uuid)
        if uuid in self.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return uuid

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> SimpleNamespace:
        return SimpleNamespace(used=2**30 * (1 + int(handle[-1])))

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> SimpleNamespace:
        if handle.startswith("MIG"):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(gpu=10 * (1 + int(handle[-1])))


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> StandInNvml:
    stand_in = StandInNvml()
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)
    return stand_in


@pytest.mark.parametrize(
    ("gpus", "percent", "memory"),
    [
        (("GPU-1",), "20.0", str(2 << 30)),
        (("GPU-1", "GPU-3"), "30.0", str(6 << 30)),
        (("GPU-1", "GPU-9"), "", ""),
        (("MIG-1",), "", str(2 << 30)),
        ((), "", ""),
    ],
)
def test_gpus_are_averaged_and_a_lost_one_leaves_cells_empty(
    tmp_path: Path, start: Start, nvml: StandInNvml, gpus: tuple[str], percent: str, memory: str
) -> None:
    nvml.lost.add("GPU-9")
    run, sampler = run_dir(tmp_path), UsageSampler(interval=0.2)
    sampler.watch(0, start(SLEEP), run, gpus)
    until(has_rows(run, 2))
    sampler.close()
    assert {(row["gpu_percent"], row["gpu_memory"]) for row in rows(run)} == {(percent, memory)}
    assert not sampler.problems
    asked = 1 if gpus else 0  # NVML is left alone where nobody needs it
    assert (nvml.inits, nvml.shutdowns) == (asked, asked)


def test_a_gpu_that_jobs_share_is_asked_once_a_look(nvml: StandInNvml) -> None:
    gpus = usage.GpuReader()
    for look in (1, 2):
        reading = usage.SystemReading(gpus)
        assert reading.of_gpus(("GPU-1",)) == reading.of_gpus(("GPU-1",)) == (20.0, 2 << 30)
        assert nvml.reads == ["GPU-1"] * look
