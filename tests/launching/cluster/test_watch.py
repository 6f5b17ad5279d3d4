"""What the parent makes of journals and of Slurm's queue, which the tests write themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from exptools.launching.cluster.chunk import Chunk
from exptools.launching.cluster.elements import SubmissionError
from exptools.launching.cluster.journal import Arrived, Journal
from exptools.launching.cluster.queue import GONE, QueueAway, Standing
from exptools.launching.cluster.watch import Watch
from exptools.launching.jobs.outcomes import Job, Outcome, queued_status
from exptools.rundir import State, Status
from tests.launching.cluster.conftest import Planned

Plans = Callable[..., Planned]
RUNS, FAILED = Standing("RUNNING", "n1"), Standing("FAILED")


class Said:
    """An observer that keeps what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def began(self, job: Job, where: str) -> None:
        self.lines.append(f"job {job.number} runs")

    def ended(self, outcome: Outcome) -> None:
        self.lines.append(f"job {outcome.job.number} {outcome.status.state.value}")

    def arrived(self, chunk: Chunk, event: Arrived) -> None: ...

    def queued(self, chunks: Sequence[Chunk]) -> None: ...

    def say(self, text: str) -> None:
        self.lines.append(text)


class Scene:
    """A chunk of a plan, a queue whose answers are given, and the parent that watches both."""

    def __init__(self, plan: Planned) -> None:
        self.plan = plan
        jobs = {job.number: job for job in plan.jobs}
        self.chunk = Chunk(plan.plan, 1, jobs, queued_status(), "7_0")
        self.journal = Journal(plan.plan.journal(1))
        self.answer: Standing | QueueAway = RUNS
        self.asked = 0
        self.resubmitted = 0
        self.refusal = ""
        self.cancelled: list[str] = []
        self.said = Said()
        self.watch = Watch(
            [self.chunk], self.resubmit, self.cancelled.extend, self.said, ask=self.ask, interval=0
        )

    def ask(self, chunks: Sequence[Chunk]) -> dict[str, Standing]:
        self.asked += 1
        if isinstance(self.answer, QueueAway):
            raise self.answer
        return {chunk.element: self.answer for chunk in chunks}

    def resubmit(self, chunk: Chunk) -> str:
        if self.refusal:
            raise SubmissionError(self.refusal)
        self.resubmitted += 1
        self.answer = RUNS
        return f"{8 + self.resubmitted}"

    def begins(self, job: int) -> None:
        self.journal.arrived(["cpus 0"])
        self.journal.started(job, 0)

    def ends(self, job: int, state: State = State.COMPLETED) -> None:
        self.journal.ended(job, Status(state, job=job), has_result=False)

    def dies(self, standing: Standing = FAILED) -> None:
        """Its element ends, and the parent asks twice."""
        self.watch.gather()
        self.answer = standing
        self.watch.gather()
        self.watch.gather()

    def states(self) -> dict[int, str]:
        return {job: out.status.state.value for job, out in self.chunk.ends.items()}


@pytest.fixture
def scene(planned: Plans) -> Callable[..., Scene]:
    return lambda *lines, **policy: Scene(planned(lines or ["", ""], **policy))


def test_each_end_is_told_once_and_the_watch_is_over_with_the_last(scene: Any) -> None:
    one = scene()
    one.begins(0)
    one.ends(0)
    assert one.watch.gather()
    assert one.watch.gather()
    one.ends(1, State.FAILED)
    assert not one.watch.gather()
    assert one.said.lines == ["job 0 runs", "job 0 completed", "job 1 failed"]


def test_what_a_dead_element_left_is_run_by_another(scene: Any) -> None:
    one = scene()
    one.begins(0)
    one.ends(0)
    one.begins(1)
    one.dies()
    assert one.resubmitted == 1
    assert one.states() == {0: "completed"}
    assert "element 7_0 has ended (failed) and left 1 of its jobs: element 9 runs them" in (
        one.said.lines
    )


def test_one_word_of_the_queue_is_not_taken_for_a_death(scene: Any) -> None:
    one = scene()
    one.answer = GONE
    one.watch.gather()
    one.answer = RUNS
    one.watch.gather()
    assert one.resubmitted == 0


def test_a_job_that_takes_its_agents_with_it_is_given_up(scene: Any) -> None:
    one = scene()
    for _ in range(2):
        one.begins(0)
        one.dies()
    assert one.states() == {0: "killed"}
    assert one.chunk.ends[0].status.error == "its element ended with it 2 times"
    assert one.resubmitted == 2  # the other job is still to run


def test_elements_that_do_nothing_are_not_submitted_for_ever(scene: Any) -> None:
    one = scene()
    for _ in range(5):
        one.dies(Standing("FAILED", "n4"))
    assert one.resubmitted == 2
    assert one.states() == {0: "failed", 1: "failed"}
    error = str(one.chunk.ends[0].status.error)
    assert f"3 elements ended without a word: is {one.plan.plan.sweep_dir} visible on n4" in error


def test_a_node_on_which_an_element_died_without_a_word_is_named(scene: Any) -> None:
    one = scene()
    one.dies(Standing("FAILED", "n4"))
    (told,) = one.said.lines
    assert told.startswith(
        f"element 7_0 has ended (failed on n4 without a word: is {one.plan.plan.sweep_dir} "
        "visible on n4, and can "
    )
    assert one.chunk.silent == ["n4"]


def test_an_element_that_slurm_does_not_take_now_is_submitted_later(scene: Any) -> None:
    one = scene()
    one.refusal = "Slurm refuses the sweep: too many jobs"
    one.dies()
    one.watch.gather()
    assert one.said.lines[-1].endswith("tried 6 times: Slurm refuses the sweep: too many jobs")
    one.refusal = ""
    one.watch.gather()
    assert (one.resubmitted, one.chunk.useless) == (1, 1)
    assert one.states() == {}


def test_an_element_that_slurm_never_takes_is_given_up(scene: Any) -> None:
    one = scene()
    one.refusal = "Slurm refuses the sweep: your account is closed"
    one.dies()
    for _ in range(6):
        one.watch.gather()
    assert one.states() == {0: "interrupted", 1: "interrupted"}
    assert one.chunk.ends[0].status.error == one.refusal


def test_agents_that_come_but_end_no_job_are_not_either(scene: Any) -> None:
    one = scene()
    for _ in range(5):
        one.journal.arrived(["cpus 0"])
        one.dies()
    assert "3 elements in a row ended before a job did" in str(one.chunk.ends[0].status.error)


def test_what_the_user_cancelled_stays_so(scene: Any) -> None:
    one = scene()
    one.begins(0)
    one.dies(Standing("CANCELLED"))
    assert one.states() == {0: "interrupted", 1: "interrupted"}
    assert one.resubmitted == 0


def test_a_machine_that_cannot_run_the_jobs_is_not_tried_again(scene: Any) -> None:
    one = scene()
    one.journal.left("there is no GPU", is_refusal=True)
    one.dies()
    assert one.states() == {0: "failed", 1: "failed"}
    assert one.chunk.ends[0].status.error == "could not be started: there is no GPU"


def test_a_controller_that_is_away_is_waited_for_and_said_once(scene: Any) -> None:
    one = scene()
    one.answer = QueueAway("Connection refused")
    for _ in range(3):
        one.watch.gather()
    one.answer = RUNS
    one.watch.gather()
    assert one.said.lines == [
        "Slurm's controller does not answer; waiting for it: Connection refused",
        "Slurm's controller answers again",
    ]


def test_an_element_that_is_held_is_told_with_what_lets_it_go_on(scene: Any) -> None:
    one = scene()
    one.answer = Standing("PENDING", reason="launch failed requeued held")
    one.watch.gather()
    one.watch.gather()
    assert one.said.lines == [
        "element 7_0 is held in the queue (launch failed requeued held): "
        "scontrol release 7_0 lets it run"
    ]


def test_a_failure_under_fail_fast_cancels_the_rest(scene: Any) -> None:
    one = scene(fail_fast=True)
    one.begins(0)
    one.ends(0, State.FAILED)
    assert not one.watch.gather()
    assert one.states() == {0: "failed", 1: "interrupted"}
    assert one.cancelled == ["7_0"]


def test_lines_that_are_torn_or_hostile_are_left_out(scene: Any) -> None:
    one = scene()
    path = one.plan.plan.journal(1)
    lines = [
        '{"event": "ended", "job": 0, "status": {"state": "completed"}}',
        '{"event": "ended", "job": 0, "status": {"state": "running"}, "has_result": false}',
        '{"event": "ended", "job": [], "status": {"state": "failed"}, "has_result": false}',
        '{"event": "started", "job": 99, "slot": 0, "time": 0}',
        '{"event": "exec"}',
        "[" * 10_000,
        '{"event": "ended", "jo',
    ]
    with path.open("a") as file:
        file.write("\n".join(lines))
    one.journal = Journal(path)
    one.ends(1)
    assert one.watch.gather()
    assert one.states() == {1: "completed"}


def test_the_journal_of_a_chunk_is_no_link(planned: Plans, tmp_path: Path) -> None:
    plan = planned([""])
    path = plan.plan.journal(1)
    (tmp_path / "mine").write_text("")
    path.symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match="link"):
        Journal(path)
