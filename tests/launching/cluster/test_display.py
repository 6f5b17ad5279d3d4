"""What people see of a sweep on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console

from exptools.launching.cluster.chunk import Chunk
from exptools.launching.cluster.display import ClusterDisplay
from exptools.launching.cluster.queue import SUBMITTED, Standing
from exptools.launching.jobs.outcomes import queued_status
from tests.launching.cluster.conftest import Planned

Plans = Callable[..., Planned]


@pytest.fixture
def chunk(planned: Plans) -> Chunk:
    plan = planned(["", ""])
    jobs = {job.number: job for job in plan.jobs}
    return Chunk(plan.plan, 1, jobs, queued_status(), "7_0")


def shown(chunk: Chunk, *, terminal: bool) -> str:
    console = Console(file=StringIO(), force_terminal=terminal, width=100, height=20)
    display = ClusterDisplay([chunk], console)
    if terminal:
        console.print(display._table())
    else:
        display.queued([chunk])
        display.queued([chunk])  # nothing has changed
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        (SUBMITTED, "pending"),
        (Standing("PENDING", reason="Resources"), "pending (Resources)"),
        (
            Standing("PENDING", "", "BeginTime", "2026-11-27T06:23:01"),
            "pending (BeginTime, expected 2026-11-27T06:23:01)",
        ),
        (Standing("RUNNING", "n3"), "running"),
    ],
)
def test_where_an_element_stands_is_told_with_slurms_reason(
    chunk: Chunk, standing: Standing, told: str
) -> None:
    chunk.standing = standing
    assert shown(chunk, terminal=False) == f"  elements: 1 {told}\n"
    table = shown(chunk, terminal=True)
    assert told in table
    assert "0 of 2 jobs" in table


def test_an_element_whose_jobs_run_is_not_called_pending(chunk: Chunk) -> None:
    chunk.running = {1: 0.0}
    assert shown(chunk, terminal=False) == "  elements: 1 running\n"
