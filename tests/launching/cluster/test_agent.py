"""Agents of a planned sweep, started by hand as any batch script does."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exptools.launching.cluster.earlier import find_open, join, take_from_agents
from exptools.launching.cluster.journal import Journal, read_history
from exptools.launching.cluster.plan import PlanError
from exptools.launching.jobs.results import read_result
from exptools.rundir import State, Status, read_status
from tests.conftest import until
from tests.launching.cluster.conftest import Planned

pytestmark = pytest.mark.slow

Plans = Callable[..., Planned]


def test_agents_run_their_chunks_and_say_by_their_exit_code_whether_all_went_well(
    planned: Plans,
) -> None:
    plan = planned(["value = 1", "1 / 0"], ["value = 3"])
    assert plan.run(1)[0] == 1
    assert plan.run(2)[0] == 0
    assert plan.states() == ["completed", "failed", "completed"]
    results = [read_result(job.directory) for job in plan.jobs]
    assert [result and result.value for result in results] == [1, None, 3]
    assert plan.status(0).command == ("app",)  # the program's, not the agent's


def test_a_chunk_is_never_run_by_two_agents(planned: Plans, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    plan = planned([f"open({str(mark)!r}, 'w'); time.sleep(60)"])
    first = plan.start(1)
    until(mark.exists)
    code, output = plan.run(1)
    assert code == 75
    assert f"is run by process {first.pid}" in output


def test_what_a_killed_agent_left_is_run_by_the_next_and_nothing_else(
    planned: Plans, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    once = f"os.path.exists({str(mark)!r}) or (open({str(mark)!r}, 'w'), time.sleep(60))"
    plan = planned(["value = 1", once, "value = 3"])
    agent = plan.start(1)
    until(mark.exists)
    agent.kill()
    agent.wait()
    before = plan.status(0)
    code, output = plan.run(1)
    assert code == 0, output
    assert "2 jobs to run, 1 done before" in output
    assert plan.status(0) == before
    assert plan.states() == ["completed"] * 3


def test_a_signal_ahead_of_the_end_lets_jobs_end_and_the_next_agent_runs_those(
    planned: Plans,
    tmp_path: Path,
) -> None:
    mark = tmp_path / "mark"
    waits = (
        f"open({str(mark)!r}, 'a').write('x')\n"
        f"while os.path.getsize({str(mark)!r}) < 2 and not should_stop(): time.sleep(0.01)"
    )
    plan = planned(["value = 1", waits, "value = 3"], grace=30)
    agent = plan.start(1)
    until(lambda: mark.exists() and mark.read_text() == "x")
    agent.send_signal(signal.SIGUSR2)
    agent.communicate(timeout=30)
    assert agent.returncode == 128 + signal.SIGUSR2
    assert plan.states() == ["completed", "interrupted", "interrupted"]
    assert plan.run(1)[0] == 0
    assert plan.states() == ["completed"] * 3
    assert plan.status(0).attempt == 1


def test_a_job_that_failed_for_good_is_not_run_again_by_a_later_agent(
    planned: Plans, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    plan = planned([f"open({str(log)!r}, 'a').write('x'); 1 / 0"], max_retries=1)
    assert plan.run(1)[0] == 1
    assert plan.run(1)[0] == 1
    assert log.read_text() == "xx"  # and its retry


def test_what_another_user_can_have_written_is_not_unpickled(planned: Plans) -> None:
    plan = planned(["value = 1"])
    os.chmod(plan.plan.directory / "1.jobs", 0o666)
    code, output = plan.run(1)
    assert code == 1
    assert "1.jobs cannot be read: it is not this user's alone" in output
    assert read_status(plan.jobs[0].directory) is None


@pytest.mark.parametrize("is_old", [False, True])
def test_whoever_goes_on_with_a_sweep_unpickles_nothing_of_its_plans(
    planned: Plans, tmp_path: Path, is_old: bool
) -> None:
    plan = planned(["value = 1"])
    sprung = tmp_path / "sprung"
    for path in plan.plan.directory.glob("*.jobs"):
        path.write_bytes(pickle.dumps(Trap(sprung)))
    if is_old:  # of a version that left no other word of them
        (plan.plan.directory / "1.jobs.json").unlink()
        with pytest.raises(PlanError, match=r"1\.jobs\.json is missing, which exptools 0\.2"):
            find_open(plan.plan.sweep_dir)
    else:
        take_from_agents(plan.plan.sweep_dir)
        assert find_open(plan.plan.sweep_dir) == []
    assert not sprung.exists()


@pytest.mark.parametrize("name", ["plan.json", "elements.json", "1.jobs.json"])
@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "3", '"x"', '{"version": 1}'])
def test_a_plan_that_anybody_has_written_is_refused_in_words(
    planned: Plans, name: str, content: str
) -> None:
    plan = planned(["value = 1"]).plan
    (plan.directory / name).write_text(content)
    if (name, content) == ("1.jobs.json", "[]"):
        assert find_open(plan.sweep_dir) == []
    else:
        with pytest.raises(PlanError, match="json cannot be read"):
            find_open(plan.sweep_dir)


@pytest.mark.parametrize("name", ["plan.json", "elements.json", "1.jobs.json"])
def test_a_plan_that_claims_to_be_larger_than_memory_is_not_read(planned: Plans, name: str) -> None:
    plan = planned(["value = 1"]).plan
    (plan.directory / name).touch()
    os.truncate(plan.directory / name, 2**42)
    with pytest.raises(PlanError, match=r"json cannot be read: .*bytes are not read"):
        find_open(plan.sweep_dir)


def test_chunks_are_counted(planned: Plans) -> None:
    path = planned(["value = 1"]).plan.directory / "plan.json"
    path.write_text(path.read_text().replace('"chunks": 1', '"chunks": "1"'))
    with pytest.raises(PlanError, match="chunks is '1', which should be a whole number"):
        find_open(path.parents[3])


class Trap:
    """Makes a directory where it is unpickled."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.sprung),)


def test_chunks_that_are_not_there_are_refused_in_words(planned: Plans) -> None:
    plan = planned(["value = 1"])
    code, output = plan.run(2)
    assert code == 1
    assert "--chunk is '2/1'; it should be from 1/1 to 1/1" in output


def test_gpus_and_cpus_are_those_of_the_allocation(planned: Plans) -> None:
    line = "value = os.environ['CUDA_VISIBLE_DEVICES'], os.environ['OMP_NUM_THREADS']"
    plan = planned([line])
    given = {"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "1", "CUDA_VISIBLE_DEVICES": "3"}
    code, output = plan.run(1, **given, LD_LIBRARY_PATH="")
    assert code == 0, output
    result = read_result(plan.jobs[0].directory)
    assert result is not None
    assert result.value == ("3", "1")
    assert plan.status(0).gpus == ("3",)
    assert plan.status(0).state is State.COMPLETED


@pytest.mark.parametrize(
    ("saves", "ends"), [("", "timeout"), ("open(run + '/last.ckpt', 'w')", "interrupted")]
)
def test_a_job_that_needs_more_time_than_there_is_and_saves_nothing_is_given_up(
    planned: Plans, tmp_path: Path, saves: str, ends: str
) -> None:
    mark = tmp_path / "mark"
    run = str(tmp_path / "a sweep ü" / "0")
    line = f"run = {run!r}\n{saves}\nopen({str(mark)!r}, 'w'); time.sleep(60)"
    plan = planned([line], seconds=0.01, max_retries=1)
    journal = Journal(plan.plan.journal(1))  # of an agent before
    was = Status(State.INTERRUPTED, job=0)
    journal.ended(0, was, has_result=False, in_vain=True)
    agent = plan.start(1)
    until(mark.exists)
    agent.send_signal(signal.SIGUSR2)
    agent.communicate(timeout=60)
    assert plan.states() == [ends]
    if ends == "timeout":
        error = str(plan.status(0).error)
        assert "has left nothing to go on from (2 attempts): give it more hydra.launcher" in error
        assert 0 in read_history(plan.plan.journal(1)).ends


def test_a_job_that_two_agents_have_died_with_is_not_begun_by_a_third(planned: Plans) -> None:
    plan = planned(["raise AssertionError", "value = 1"])
    journal = Journal(plan.plan.journal(1))
    for _ in range(2):
        journal.arrived(["cpus 0"])
        journal.started(0, 0)
    assert plan.run(1)[0] == 1
    assert plan.states() == ["killed", "completed"]
    assert plan.status(0).error == "its element ended with it 2 times"


def test_a_chunk_that_was_taken_back_is_left_alone(planned: Plans, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    plan = planned([f"open({str(mark)!r}, 'w'); time.sleep(60)"], ["value = 1"])
    agent = plan.start(1)
    until(mark.exists)
    first, second = find_open(plan.plan.sweep_dir)
    assert not first.take_back()
    assert second.take_back()
    assert [chunk.number for chunk in find_open(plan.plan.sweep_dir)] == [1]
    assert agent.poll() is None
    code, output = plan.run(2)
    assert code == 75
    assert "chunk 2/2 is run by others now, for the sweep was started again without it" in output


def test_what_waits_is_joined_by_its_own_jobs_only(planned: Plans) -> None:
    plan = planned(["value = 1"], ["value = 2"])
    sweep_dir, (first, second) = plan.plan.sweep_dir, plan.jobs
    (chunk,) = join(sweep_dir, [first], waits_for_agents=True)
    assert (chunk.element, list(chunk.jobs)) == ("chunk 1/2", [0])
    other = replace(second, overrides=("+x=7",))
    with pytest.raises(PlanError, match=r"sweep ü/1 is to hold \+x=1, for which chunk 2/2 still"):
        join(sweep_dir, [first, other], waits_for_agents=True)
    assert join(sweep_dir, [first, other], waits_for_agents=False) == []
    assert find_open(sweep_dir) == []  # taken back
