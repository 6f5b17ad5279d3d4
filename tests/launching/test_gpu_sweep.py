"""Sweeps over stand-in GPUs: each job records when it ran, on what, and what it was told."""

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exptools.launching.jobs.running import job_environment
from exptools.launching.machine.slots import Slot
from tests.conftest import SWEEP, App, line_with, until

pytestmark = pytest.mark.slow

MakeApp = Callable[[str], App]
Record = dict[str, Any]
OTHER = ("-m", "hydra/launcher=exptools", "hydra.sweep.dir=other")
UUID = "GPU-00000000-0000-0000-0000-00000000000{}".format

# A job ends when as many jobs as "together" have come, and nobody has it wait.
RECORD = """
from pathlib import Path
from exptools.launching import current_slot
slot = current_slot()
record = dict(
    start=time.time(),
    gpus=[gpu.uuid for gpu in slot.gpus],
    slot=slot.index,
    cores=slot.cores,
    bound=sorted(os.sched_getaffinity(0)),
    environment=dict(os.environ),
)
Path(f"here-{cfg.x}").touch()
deadline = time.monotonic() + 60
while len(list(Path().glob("here-*"))) < cfg.get("together", 0) or Path("wait").exists():
    assert time.monotonic() < deadline, "the other jobs never came"
    time.sleep(0.01)
record["end"] = time.time()
Path(f"{cfg.x}.json").write_text(json.dumps(record))
"""


@pytest.fixture(autouse=True)
def no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "MASTER_PORT", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def app(make_app: MakeApp, fake_nvml: str, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setenv("LD_LIBRARY_PATH", fake_nvml)
    return make_app(RECORD)


def records(app: App) -> list[Record]:
    """What the jobs recorded, in the order of their starts."""
    runs = [json.loads(path.read_text()) for path in app.directory.glob("*.json")]
    return sorted(runs, key=lambda record: float(record["start"]))


def most_at_once(runs: list[Record]) -> int:
    """The largest number of jobs that ran at one moment, which is when one of them started."""
    moments = [one["start"] for one in runs]
    return max(sum(one["start"] <= at < one["end"] for one in runs) for at in moments)


def by_gpu(runs: list[Record]) -> dict[str, list[Record]]:
    gpus = {gpu for one in runs for gpu in one["gpus"]}
    return {gpu: [one for one in runs if gpu in one["gpus"]] for gpu in gpus}


def test_the_drivers_own_thread_keeps_no_job_from_being_a_fork_of_the_program(app: App) -> None:
    assert "the script's guard" not in app.completes("+x=1,2", FAKE_NVML_GPUS="1")


@pytest.mark.parametrize(("start", "gpus"), [("warm", 8), ("fresh", 2)])
def test_no_gpu_is_used_by_two_of_many_jobs_at_once(app: App, start: str, gpus: int) -> None:
    many = (f"+x=range({2 * gpus})", f"+together={gpus}", f"hydra.launcher.start={start}")
    app.completes(*many, FAKE_NVML_GPUS=str(gpus))
    runs = records(app)
    assert len(runs) == 2 * gpus
    assert most_at_once(runs) == gpus
    assert set(by_gpu(runs)) == {UUID(n) for n in range(gpus)}
    for jobs in by_gpu(runs).values():
        assert most_at_once(jobs) == 1
    for job in runs:
        assert [job["environment"]["CUDA_VISIBLE_DEVICES"]] == job["gpus"]


def test_jobs_that_take_half_a_gpu_share_it_by_two(app: App) -> None:
    app.completes(
        "+x=range(10)", "+together=4", "hydra.launcher.gpus_per_job=0.5", FAKE_NVML_GPUS="2"
    )
    runs = records(app)
    assert most_at_once(runs) == 4
    assert [most_at_once(jobs) for jobs in by_gpu(runs).values()] == [2, 2]


def test_jobs_that_take_two_gpus_share_none(app: App) -> None:
    app.completes("+x=range(4)", "+together=2", "hydra.launcher.gpus_per_job=2", FAKE_NVML_GPUS="5")
    runs = records(app)
    assert most_at_once(runs) == 2
    assert {len(job["gpus"]) for job in runs} == {2}
    assert [most_at_once(jobs) for jobs in by_gpu(runs).values()] == [1] * 4


def test_a_gpu_that_fell_off_the_bus_is_named_and_left_out(app: App, tmp_path: Path) -> None:
    machine = tmp_path / "gpus.txt"
    machine.write_text("gpu 0\ngpu 1\ngpu 2\nerror 1 * 15\n")
    output = app.completes("+x=range(4)", "+together=2", FAKE_NVML_FILE=str(machine))
    assert "exptools: GPU 1 is left out: NVML says GPU is lost" in output
    assert set(by_gpu(records(app))) == {UUID(0), UUID(2)}


def test_the_parents_visible_devices_are_divided_and_no_others(app: App) -> None:
    app.completes("+x=range(4)", "+together=2", FAKE_NVML_GPUS="8", CUDA_VISIBLE_DEVICES="2,3")
    told = {job["environment"]["CUDA_VISIBLE_DEVICES"] for job in records(app)}
    assert told == {UUID(2), UUID(3)}


def test_jobs_without_a_gpu_see_none(app: App) -> None:
    app.completes("+x=1", "hydra.launcher.gpus_per_job=0", FAKE_NVML_GPUS="2")
    (job,) = records(app)
    assert job["environment"]["CUDA_VISIBLE_DEVICES"] == ""


def test_gpus_can_be_told_by_index_in_the_order_of_the_bus(app: App) -> None:
    app.completes("+x=1,2", "+together=2", "hydra.launcher.gpu_ids=index", FAKE_NVML_GPUS="2")
    told = [job["environment"] for job in records(app)]
    assert {one["CUDA_VISIBLE_DEVICES"] for one in told} == {"0", "1"}
    assert {one["CUDA_DEVICE_ORDER"] for one in told} == {"PCI_BUS_ID"}


@pytest.mark.hydra
def test_a_job_renders_on_its_own_gpu_and_knows_its_slot_and_port(app: App) -> None:
    app.completes("+x=range(3)", "+together=3", FAKE_NVML_GPUS="3")
    for job in records(app):
        (gpu,) = job["gpus"]
        assert UUID(job["environment"]["EGL_DEVICE_ID"]) == gpu
        assert UUID(job["environment"]["MUJOCO_EGL_DEVICE_ID"]) == gpu
        assert UUID(job["slot"]) == gpu
    assert {job["slot"] for job in records(app)} == {0, 1, 2}
    assert len({job["environment"]["MASTER_PORT"] for job in records(app)}) == 3


def test_a_port_that_another_job_has_is_never_told() -> None:
    slot = Slot(0, (), 1, (), hide_gpus=False)
    told: set[str] = set()
    for _ in range(2000):  # left to itself, the kernel repeats some
        port = job_environment(slot, Path("/run"), told)["MASTER_PORT"]
        assert port not in told
        told.add(port)


def test_the_slots_of_an_affinity_code_are_the_launchers(app: App) -> None:
    binds = {0, 1} <= os.sched_getaffinity(0)  # containers may have other cores
    affinity = "2cpu_2gpu_0hto" + ("" if binds else "_0saf")
    app.completes("+x=1,2,3", f"hydra.launcher.affinity={affinity}", FAKE_NVML_GPUS="2")
    runs = records(app)
    assert {job["slot"] for job in runs} == {0, 1}
    for job in runs:
        assert job["bound"] == [job["slot"]] or not binds
        assert job["environment"]["CUDA_VISIBLE_DEVICES"] == UUID(job["slot"])
        assert job["environment"]["OMP_NUM_THREADS"] == "1"


def test_a_job_waits_until_a_neighbours_memory_is_free(app: App, tmp_path: Path) -> None:
    machine, free = tmp_path / "gpus.txt", tmp_path / "free.txt"
    machine.write_text(f"gpu 0 memory=16384\nprocess 0 {os.getpid()} 10240\n")
    free.write_text("gpu 0 memory=16384\n")
    sweep = app.start(
        *SWEEP, "+x=1", "hydra.launcher.gpu_memory_per_job=8GiB", FAKE_NVML_FILE=str(machine)
    )
    told = line_with(sweep, "waits for")
    assert told.startswith("slot 0 waits for 8 GiB on GPU 0, where 6 GiB are free: ")
    assert f"pid {os.getpid()} (" in told
    assert "uses 10 GiB" in told
    assert not (app.directory / "here-1").exists()
    free.replace(machine)
    finish(sweep)
    assert len(records(app)) == 1


def test_a_gpu_that_a_stranger_uses_is_left_to_them_until_they_have_ended(
    app: App, tmp_path: Path, stranger: int
) -> None:
    machine, free = tmp_path / "gpus.txt", tmp_path / "free.txt"
    machine.write_text(f"gpu 0\ngpu 1\nprocess 0 {stranger} 100\ngraphics 1 {stranger} 100\n")
    free.write_text("gpu 0\ngpu 1\n")
    (wait := app.directory / "wait").touch()
    sweep = app.start(*SWEEP, "+x=1,2", "hydra.launcher.pin=false", FAKE_NVML_FILE=str(machine))
    told = line_with(sweep, "waits for")
    assert f"waits for GPU 0, on which pid {stranger} (" in told
    assert told.endswith(" computes; hydra.launcher.share_gpus=true starts at once\n")
    until(lambda: list(app.directory.glob("here-*")))
    free.replace(machine)
    until(lambda: len(list(app.directory.glob("here-*"))) == 2)
    wait.unlink()
    finish(sweep)
    assert [job["gpus"] for job in records(app)] == [[UUID(1)], [UUID(0)]]


def test_jobs_start_beside_strangers_if_they_may(app: App, tmp_path: Path, stranger: int) -> None:
    machine = tmp_path / "gpus.txt"
    machine.write_text(f"gpu 0\nprocess 0 {stranger} 100\n")
    output = app.completes("+x=1", "hydra.launcher.share_gpus=true", FAKE_NVML_FILE=str(machine))
    assert "waits" not in output


@pytest.fixture
def stranger() -> Iterator[int]:
    """The pid of a process that is no job of ours."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process.pid
        process.kill()


def finish(*sweeps: subprocess.Popen[str]) -> None:
    """Wait for the ends of sweeps that should complete."""
    for sweep in sweeps:
        output, _ = sweep.communicate(timeout=60)
        assert sweep.returncode == 0, output


class TestTwoSweeps:
    """Two processes with one directory of leases; jobs of both record into one place."""

    def test_they_never_use_one_gpu_or_core_at_once(self, app: App) -> None:
        wait = app.directory / "wait"
        wait.touch()
        first = app.start(*SWEEP, "+x=range(4)", FAKE_NVML_GPUS="2")
        for _ in range(2):
            line_with(first, "▶ running")
        second = app.start(*OTHER, "+x=range(4,8)", FAKE_NVML_GPUS="2")
        told = line_with(second, "waits for")
        wait.unlink()
        finish(first, second)
        assert "waits for GPU GPU-00000000-0000-0000-0000-" in told
        assert f"pid {first.pid} (app.py" in told
        runs = records(app)
        assert len(runs) == 8
        for one, other in itertools.combinations(runs, 2):
            if one["start"] < other["end"] and other["start"] < one["end"]:
                assert not {*one["gpus"], *one["cores"]} & {*other["gpus"], *other["cores"]}

    def test_what_one_leaves_free_the_other_takes_at_once(self, app: App) -> None:
        limits = ("hydra.launcher.jobs=1", "hydra.launcher.gpus_per_job=1", "+together=2")
        unpinned = "hydra.launcher.pin=false"  # there may be one core only
        first = app.start(*SWEEP, "+x=1", *limits, unpinned, FAKE_NVML_GPUS="2")
        line_with(first, "▶ running")
        second = app.start(*OTHER, "+x=2", *limits, unpinned, FAKE_NVML_GPUS="2")
        finish(first, second)
        assert set(by_gpu(records(app))) == {UUID(0), UUID(1)}

    def test_when_one_is_killed_the_other_goes_on(self, app: App, start: str) -> None:
        wait = app.directory / "wait"
        wait.touch()
        first = app.start(*SWEEP, "+x=1", start, FAKE_NVML_GPUS="1")
        line_with(first, "▶ running")
        second = app.start(*OTHER, "+x=2", start, FAKE_NVML_GPUS="1")
        line_with(second, "waits for")
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=60)
        wait.unlink()
        finish(second)
        assert (app.directory / "2.json").exists()
