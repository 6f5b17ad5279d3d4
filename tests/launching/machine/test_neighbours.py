"""Who keeps a job from starting on a GPU: real processes on GPUs of the stand-in driver."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exptools.launching.machine import neighbours
from exptools.launching.machine.gpus import GpuProcess
from exptools.launching.machine.neighbours import describe_strangers

ASK = """
import ast, subprocess, sys
from exptools.launching.machine.neighbours import Neighbours
from exptools.launching.machine.request import Request
from exptools.launching.machine.topology import read_machine

own = subprocess.Popen(["sleep", "100"])
file, lines, options, ours = ast.literal_eval(sys.argv[1])
open(file, "w").write(lines.replace("OWN", str(own.pid)))
(gpu,) = read_machine().gpus
neighbours = Neighbours(Request(**options))
print(repr((neighbours.notes([gpu]), neighbours.objection(gpu, ours))))
own.kill()
"""
Ask = Callable[..., tuple[list[str], str | None]]


@pytest.fixture
def ask(fake_nvml: str, tmp_path: Path) -> Ask:
    """What a sweep's process says of GPU 0, where the driver says what some lines say."""

    def evaluate(lines: str, ours: int = 0, **options: object) -> tuple[list[str], str | None]:
        file = str(tmp_path / "gpus.txt")
        environment = {**os.environ, "LD_LIBRARY_PATH": fake_nvml, "FAKE_NVML_FILE": file}
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        argument = repr((file, f"gpu 0\n{lines}\n", options, ours))
        command = [sys.executable, "-c", ASK, argument]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answer: tuple[list[str], str | None] = eval(done.stdout)
        return answer

    return evaluate


@pytest.fixture
def start() -> Iterator[Callable[..., int]]:
    """Start a process that does nothing; its pid."""
    processes: list[subprocess.Popen[bytes]] = []

    def sleep(user: int | None = None, **environment: str) -> int:
        every = {**os.environ, **environment}
        processes.append(subprocess.Popen(["sleep", "100"], env=every, user=user))
        return processes[-1].pid

    yield sleep
    for process in processes:
        process.kill()
        process.wait()


def test_a_stranger_is_named_unless_the_gpu_may_be_shared(
    ask: Ask, start: Callable[..., int]
) -> None:
    lines = f"process 0 {(pid := start())} 100"
    notes, told = ask(lines)
    assert not notes
    assert told is not None
    assert told.startswith(f"GPU 0, on which pid {pid} (")
    assert told.endswith(", sleep) computes")
    assert ask(lines, share_gpus=True) == ([], None)
    assert ask(lines, gpu_memory_per_job="8GiB") == ([], None), "there is memory enough"
    told = ask(lines, gpu_memory_per_job="15.95GiB")[1]
    assert told is not None
    assert f"15.9 GiB are free: pid {pid} (" in told


def test_our_own_jobs_and_what_started_us_are_no_strangers(
    ask: Ask, start: Callable[..., int]
) -> None:
    other_sweeps_job = start(EXPTOOLS_SLOT="{}")
    for pid in ("OWN", os.getpid(), other_sweeps_job):
        assert ask(f"process 0 {pid} 100") == ([], None)


def test_our_own_jobs_are_not_called_neighbours(ask: Ask, start: Callable[..., int]) -> None:
    lines = f"process 0 OWN 9000\nprocess 0 {(pid := start())} 1000"
    told = ask(lines, gpu_memory_per_job="8GiB")[1]
    assert told is not None
    assert f": pid {pid} (" in told


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start another user's process")
def test_another_users_job_is_a_stranger_that_has_no_lease(
    ask: Ask, start: Callable[..., int]
) -> None:
    pid = start(user=65534, EXPTOOLS_SLOT="{}")
    assert f"pid {pid} (" in str(ask(f"process 0 {pid} 100")[1])


def test_who_only_draws_or_has_ended_keeps_nobody(ask: Ask, start: Callable[..., int]) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    lines = f"graphics 0 {start()} 100\nprocess 0 {ended.pid} 100"
    assert ask(lines) == ([], None)


def test_a_driver_that_does_not_tell_who_computes_is_told(ask: Ask) -> None:
    (note,), objection = ask("error 0 GetComputeRunningProcesses_v3 4")
    assert note.startswith("GPU 0: NVML does not tell who computes there (")
    assert objection is None


def test_what_is_not_seen_from_a_container_may_be_ours_once_we_have_jobs_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unseen = [GpuProcess(2**22 + 1, None)]  # no system has so many processes
    assert describe_strangers(unseen) == []
    monkeypatch.setattr(neighbours, "_sees_all_processes", lambda: False)
    (told,) = describe_strangers(unseen)
    assert told == f"pid {2**22 + 1} (of the host or another container, unseen from here)"
    assert describe_strangers(unseen, has_jobs=True) == []
