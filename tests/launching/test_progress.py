import io
from pathlib import Path

import pytest
from rich.console import Console

from exptools.launching.outcomes import Job, Outcome
from exptools.launching.progress import Progress, print_summary
from exptools.launching.slots import Slot
from exptools.rundir import State, Status

SLOT = Slot(index=0, cpus=(0, 1), threads=2, gpus=(), hide_gpus=False)


def job(number: int) -> Job:
    return Job(number, (f"lr={number}", "note=[x]"), Path("/runs") / str(number), b"")


def outcome(number: int, state: State, error: str | None = None) -> Outcome:
    return Outcome(job(number), Status(state, queued=9.0, started=10.0, ended=75.0, error=error))


def console(terminal: bool, height: int = 40) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=100, height=height, color_system=None
    )


def printed(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_without_a_terminal_each_event_is_one_plain_line() -> None:
    screen = console(terminal=False)
    with Progress([job(0)], [SLOT], Path("/runs"), screen) as progress:
        progress.started(job(0), SLOT)
        progress.ended(outcome(0, State.FAILED, "ValueError: bad"))
    assert printed(screen).splitlines()[:2] == [
        "exptools: 1 job in 1 slot, into /runs",
        "  slot 0: cpus 0-1",
    ]
    started, ended = printed(screen).splitlines()[2:]
    assert started == "▶ running  job 0  lr=0 note=[x]  (slot 0)"
    assert ended.startswith("✗ failed  job 0  lr=0 note=[x]  (after")
    assert ended.endswith("ValueError: bad; log: /runs/0/output.log)")


def test_on_a_terminal_a_failure_is_told_when_it_happens() -> None:
    screen = console(terminal=True)
    with Progress([job(0), job(1)], [SLOT], Path("/runs"), screen) as progress:
        progress.started(job(0), SLOT)
        before = printed(screen)
        progress.ended(outcome(0, State.KILLED, "killed by SIGKILL"))
        assert "✗ killed  job 0" in printed(screen).removeprefix(before)


def test_the_live_table_keeps_to_the_screen_and_shows_what_runs() -> None:
    screen = console(terminal=True, height=10)
    jobs = [job(number) for number in range(100)]
    with Progress(jobs, [SLOT], Path("/runs"), screen) as progress:
        progress.started(job(57), SLOT)
        table = console(terminal=False)
        table.print(progress._table())
    lines = printed(table).splitlines()
    assert len(lines) <= 8
    assert any("57" in line and "▶ running" in line and "0: cpus 0-1" in line for line in lines)
    assert "0/100" in lines[-1]
    assert "1 running" in lines[-1]


def test_the_summary_lists_every_job_that_went_wrong_with_its_log() -> None:
    screen = console(terminal=False)
    wrong = [outcome(number, State.FAILED, f"ValueError: {number}") for number in range(3)]
    print_summary([outcome(3, State.COMPLETED), *wrong], screen)
    for number in range(3):
        assert f"ValueError: {number}" in printed(screen)
        assert f"/runs/{number}/output.log" in printed(screen)
    assert "1m05s" in printed(screen)
    assert ": 1 completed  3 failed" in printed(screen)


@pytest.mark.parametrize("state", list(State))
def test_a_state_can_be_read_without_colours(state: State) -> None:
    screen = console(terminal=False)
    print_summary([outcome(0, state)], screen)
    assert state.value in printed(screen)
