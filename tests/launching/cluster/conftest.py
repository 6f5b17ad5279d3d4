"""A plan with jobs that are lines of Python, and the agents that run it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from exptools.launching.cluster.plan import Plan, Program, write_plan
from exptools.launching.jobs.outcomes import Job
from exptools.launching.jobs.scheduler import Policy
from exptools.launching.machine.request import Request
from exptools.rundir import Status, read_status
from tests.conftest import ROOT
from tests.launching.cluster.tasks import LineTask


class Planned:
    """A plan, its jobs, and agents that were started for it."""

    def __init__(
        self,
        sweep_dir: Path,
        chunks: Sequence[Sequence[str]],
        policy: Policy,
        seconds: float | None,
    ) -> None:
        self.jobs: list[Job] = []
        parts = []
        for lines in chunks:
            part = []
            for line in lines:
                number = len(self.jobs)
                job = Job(number, (f"+x={number}",), sweep_dir / str(number), line.encode())
                self.jobs.append(job)
                part.append(job)
            parts.append(part)
        program = Program((str(ROOT), *sys.path), ("app.py",), str(ROOT), {}, ("app",), None, None)
        self.plan: Plan = write_plan(
            sweep_dir,
            pickle.dumps(LineTask()),
            parts,
            request=Request(jobs=1, pin=False),
            policy=policy,
            warm=False,
            program=program,
            seconds=seconds,
        )
        self.agents: list[subprocess.Popen[str]] = []

    def start(self, chunk: int, **environment: str) -> subprocess.Popen[str]:
        place = f"{chunk}/{self.plan.chunks}"
        command = [sys.executable, "-m", "exptools.launching.agent", str(self.plan.sweep_dir)]
        agent = subprocess.Popen(
            [*command, "--chunk", place],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.agents.append(agent)
        return agent

    def run(self, chunk: int, **environment: str) -> tuple[int, str]:
        agent = self.start(chunk, **environment)
        output, _ = agent.communicate(timeout=120)
        return agent.returncode, output

    def status(self, job: int) -> Status:
        status = read_status(self.jobs[job].directory)
        assert status is not None
        return status

    def states(self) -> list[str]:
        return [self.status(job.number).state.value for job in self.jobs]


@pytest.fixture
def planned(tmp_path: Path) -> Iterator[Callable[..., Planned]]:
    made: list[Planned] = []

    def make(*chunks: Sequence[str], seconds: float | None = None, **policy: float) -> Planned:
        made.append(Planned(tmp_path / "a sweep ü", chunks, Policy(**policy), seconds))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        for agent in one.agents:
            agent.kill()
            agent.communicate()
