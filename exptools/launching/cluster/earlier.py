"""What earlier starts of a sweep have left for agents: in Slurm's queue, or to be started by hand.

Whoever goes on with the sweep joins what is still to come, or takes it from the agents for good:
otherwise a job could run twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exptools.launching.cluster.chunk import Chunk
from exptools.launching.cluster.claim import find_agent
from exptools.launching.cluster.journal import read_history
from exptools.launching.cluster.plan import (
    CLUSTER_DIR,
    MOST_TEXT,
    Plan,
    PlanError,
    Planned,
    plan_numbers,
    read_plan,
)
from exptools.launching.cluster.queue import QueueAway, Standing, ask_queue
from exptools.launching.display.labels import short_path
from exptools.launching.jobs.outcomes import Job
from exptools.plain_files import read_own
from exptools.plain_json import parse_json
from exptools.rundir import write_atomic


@dataclass(frozen=True)
class OpenChunk:
    """A chunk of an earlier plan with jobs that have not ended for good."""

    plan: Plan
    number: int
    jobs: Sequence[Planned]  # all of it
    element: str | None  # Slurm's name of who was to run it; None: agents are started by hand

    @property
    def agent(self) -> str | None:
        """Who runs it now, in words; None: nobody seems to."""
        return find_agent(self.plan.stem(self.number))

    @property
    def name(self) -> str:
        """What people call who runs it."""
        return self.element or by_hand(self.plan, self.number)

    def take_back(self) -> bool:
        """Have no agent begin with it any more; whether that is so, for one may have it now."""
        take_back(self.plan, self.number)
        if self.agent is None:
            return True
        self.plan.taken_back(self.number).unlink(missing_ok=True)
        return False


def find_open(sweep_dir: Path) -> list[OpenChunk]:
    """The chunks that earlier starts of a sweep have left open, if nobody has taken them back.

    Raises:
        PlanError: a plan cannot be read.
    """
    found = []
    for plan in [read_plan(sweep_dir, number) for number in plan_numbers(sweep_dir)]:
        elements = read_elements(plan)
        for number in range(1, plan.chunks + 1):
            if was_taken_back(plan, number):
                continue
            jobs = plan.planned_jobs(number)
            ended = read_history(plan.journal(number)).ends
            if any(job.number not in ended for job in jobs):
                found.append(OpenChunk(plan, number, jobs, elements.get(number)))
    return found


class StillOpen(Exception):
    """Jobs of an earlier start wait or run elsewhere; the message says where, and what to do."""


def take_from_agents(sweep_dir: Path) -> None:
    """Have no agent begin with jobs of a sweep any more, which are to run on this machine.

    Raises:
        StillOpen: one has some, or Slurm has its element, or nobody can say.
        PlanError: a plan cannot be read.
    """
    where = short_path(sweep_dir)
    found = find_open(sweep_dir)
    try:
        standings = ask_queue_for(found)
    except QueueAway as away:
        raise StillOpen(
            f"{where} has jobs in Slurm's queue, which cannot be asked here ({away}): go on where "
            f"squeue works, or, if you know that none is left there, remove {where}/{CLUSTER_DIR}"
        ) from away
    gather = "gather what it does by the launcher that planned it, with resume"
    for one in found:
        standing = standings.get(one.element or "")
        if standing is not None and (standing.waits or standing.runs):
            raise StillOpen(
                f"element {one.element} of Slurm is {standing.state.lower()} and has jobs of "
                f"{where}: cancel it (scancel {one.element}), or {gather}"
            )
        if one.agent is not None or not one.take_back():
            raise StillOpen(f"{one.agent} runs jobs of {where}: wait for it, or {gather}")


def join(sweep_dir: Path, jobs: Sequence[Job], *, waits_for_agents: bool) -> list[Chunk]:
    """The chunks of earlier starts of a sweep that still wait or run; no other ever will.

    Args:
        sweep_dir: the directory of the sweep.
        jobs: those that are asked for now.
        waits_for_agents: whether somebody will start agents by hand for what has none.

    Raises:
        PlanError: a plan cannot be read, or has another job for a job's directory.
        QueueAway: the controller does not answer.
    """
    by_directory = {job.directory: job for job in jobs}
    found = find_open(sweep_dir)
    standings = ask_queue_for(found)
    chunks = []
    for one in found:
        pairs = [(job, by_directory.get(job.directory)) for job in one.jobs]
        ours = [(before, job) for before, job in pairs if job is not None]
        standing = standings.get(one.element or "")
        if not (
            (standing is not None and (standing.waits or standing.runs))
            or (one.element is None and waits_for_agents)
            or one.agent is not None
            or not one.take_back()
        ):
            continue
        for before, job in ours:
            _refuse_another(before, job, one.name)
        if ours:
            chunks.append(Chunk.of(one.plan, one.number, [job for _, job in ours], one.name))
    return chunks


def _refuse_another(before: Planned, job: Job, name: str) -> None:
    if sorted(before.overrides) != sorted(job.overrides):
        raise PlanError(
            f"{short_path(job.directory)} is to hold {before.name}, for which {name} still waits "
            f"or runs, and cannot hold {job.name}: cancel that one, wait for it, or choose another "
            "sweep directory"
        )


def ask_queue_for(chunks: Sequence[OpenChunk]) -> dict[str, Standing]:
    """Where the elements of those chunks stand that have one, by their names.

    Raises:
        QueueAway: the controller does not answer.
    """
    elements = [chunk.element for chunk in chunks if chunk.element is not None]
    return ask_queue(elements) if elements else {}


def ask_where(chunks: Sequence[Chunk]) -> dict[str, Standing]:
    """Where those stand who run these chunks, by their names: Slurm's elements, or agents.

    Raises:
        QueueAway: Slurm's controller does not answer.
    """
    agents = [chunk for chunk in chunks if is_by_hand(chunk.element)]
    elements = [chunk.element for chunk in chunks if not is_by_hand(chunk.element)]
    standings = {chunk.element: _standing_of_agent(chunk) for chunk in agents}
    return standings | (ask_queue(elements) if elements else {})


def _standing_of_agent(chunk: Chunk) -> Standing:
    if find_agent(chunk.plan.stem(chunk.number)) is not None:
        return Standing("RUNNING", chunk.host)
    return Standing("PENDING", reason="no agent has it now: start one")


def take_back(plan: Plan, chunk: int) -> None:
    """Have agents leave a chunk alone from now on.

    Raises:
        OSError: that cannot be written.
    """
    write_atomic(plan.taken_back(chunk), b"")


def was_taken_back(plan: Plan, chunk: int) -> bool:
    """Whether agents should leave a chunk alone, for others have its jobs."""
    return plan.taken_back(chunk).exists()


def by_hand(plan: Plan, chunk: int) -> str:
    """The name of an agent that is started by hand, as its command line has it."""
    return f"chunk {chunk}/{plan.chunks}"


def is_by_hand(element: str) -> bool:
    """Whether that is a name of `by_hand`'s, and none of Slurm's."""
    return element.startswith("chunk ")


def save_elements(plan: Plan, elements: dict[int, str]) -> None:
    """Keep Slurm's names of a plan's elements, by chunk.

    Raises:
        OSError: they cannot be written.
    """
    write_atomic(plan.directory / "elements.json", json.dumps(elements).encode(), own=True)


def read_elements(plan: Plan) -> dict[int, str]:
    """Slurm's names of a plan's elements, by chunk; none where nothing was submitted.

    Raises:
        PlanError: what stands there makes no sense.
    """
    path = plan.directory / "elements.json"
    try:
        record = parse_json(read_own(path, MOST_TEXT))
        return {int(chunk): str(element) for chunk, element in record.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise PlanError(f"{path} cannot be read: {error}") from error
