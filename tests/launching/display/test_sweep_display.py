import io
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from exptools.launching.display.compose_bar import ComposeBar
from exptools.launching.display.headline import Headline
from exptools.launching.display.live_table import Row, time_left
from exptools.launching.display.sweep_display import SweepDisplay, print_summary, print_way_on
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.machine.gate import Wait
from exptools.launching.machine.slots import Slot, Spare
from exptools.launching.machine.topology import Gpu
from exptools.launching.sweep import print_note
from exptools.launching.usage import UsageSample
from exptools.rundir import State, Status
from tests.conftest import until

GONE = 2**30  # the id of no process
GPU = Gpu(index=0, uuid="GPU-0", name="GPU", memory=2**34)
SLOT = Slot(index=0, cpus=(0, 1), threads=2, gpus=(), hide_gpus=False)


def job(number: int) -> Job:
    return Job(number, (f"lr={number}", "note=[x]"), Path("/runs") / str(number), b"")


def outcome(number: int, state: State, error: str | None = None) -> Outcome:
    return Outcome(job(number), Status(state, queued=9.0, started=10.0, ended=75.0, error=error))


def console(terminal: bool, height: int = 40, width: int = 100) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=width, height=height, color_system=None
    )


def printed(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_without_a_terminal_each_event_is_one_plain_line() -> None:
    screen = console(terminal=False)
    with SweepDisplay([job(0)], [SLOT], Path("/runs"), screen) as display:
        display.started(job(0), SLOT, GONE)
        display.ended(outcome(0, State.FAILED, "ValueError: bad"))
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
    with SweepDisplay([job(0), job(1)], [SLOT], Path("/runs"), screen) as display:
        display.started(job(0), SLOT, GONE)
        before = printed(screen)
        display.ended(outcome(0, State.KILLED, "killed by SIGKILL"))
        assert "✗ killed  job 0" in printed(screen).removeprefix(before)


def drawn(display: SweepDisplay, screen: Console) -> list[str]:
    """The lines of the live table as they would stand on this screen."""
    sheet = Console(file=io.StringIO(), width=screen.width, height=screen.height, color_system=None)
    sheet.print(display._table())
    return printed(sheet).splitlines()


def test_the_live_table_keeps_to_the_screen_and_shows_what_runs() -> None:
    screen = console(terminal=True, height=10)
    jobs = [job(number) for number in range(100)]
    with SweepDisplay(jobs, [SLOT], Path("/runs"), screen) as display:
        display.started(job(57), SLOT, GONE)
        lines = drawn(display, screen)
    assert len(lines) <= 8
    assert any("▶ 57" in line and "running" in line and "cpus 0-1" in line for line in lines)
    assert "0/100" in lines[-1]
    assert "1 running" in lines[-1]
    assert "99 queued" in lines[-1]


@pytest.mark.parametrize("width", [30, 60, 80, 92, 100, 200])
@pytest.mark.parametrize("count", [0, 1, 9, 500])
def test_the_live_table_is_never_wider_or_higher_than_the_screen(width: int, count: int) -> None:
    screen = console(terminal=True, height=20, width=width)
    slots = [replace(SLOT, index=index, gpus=(GPU,)) for index in range(64)]
    long = ("model=" + "深い" * 30, "data=" + "x" * 80)
    jobs = [replace(job(number), overrides=(f"a\n{number}", *long)) for number in range(count)]
    with SweepDisplay([*jobs, job(1000)], slots, Path("/runs"), screen) as display:
        for one, slot in zip(jobs, slots, strict=False):
            display.started(one, slot, GONE)
            row = display._rows[one.number]
            row.usage = UsageSample(1.0, 6400.0, 10**13, 100.0, 10**11)
            row.headline = Headline(10**12, "a\nvery long metric of the test/mean", -1.2345e-100)
        wait = Wait("GPU 0 is held by somebody else " * 5)
        display.waiting({slot.index: wait for slot in slots[:40]})
        lines = drawn(display, screen)
    assert len(lines) <= 18
    assert max(map(cell_len, lines)) <= width
    assert f"0/{count + 1}" in lines[-1]


def test_at_80_columns_what_matters_most_is_still_there() -> None:
    screen = console(terminal=True, width=80)
    slot = replace(SLOT, gpus=(GPU,))
    one = replace(job(3), overrides=("model.encoder.name=transformer_with_a_long_name", "seed=12"))
    with SweepDisplay([one, job(4)], [slot], Path("/runs"), screen) as display:
        display.started(one, slot, GONE)
        display._rows[3].usage = UsageSample(1.0, 99.0, 2**30, 87.0, 2**30)
        display._rows[3].headline = Headline(12000, "test/accuracy", 0.9731)
        head, line, *_ = drawn(display, screen)
    assert head.split() == ["job", "overrides", "time", "step", "test/accuracy", "cpu", "gpu"]
    assert line.startswith("▶ 3  model.encode")
    assert "…" in line
    assert "seed=12" in line
    assert line.endswith("12,000         0.9731   99 %   87 %")


def test_what_all_jobs_share_is_repeated_nowhere() -> None:
    screen = console(terminal=True)
    with SweepDisplay([job(0), job(1)], [SLOT], Path("/runs"), screen) as display:
        display.started(job(0), SLOT, GONE)
        display.ended(outcome(0, State.FAILED))
        assert "note=[x]" not in "".join(drawn(display, screen))
    # One that failed among others is told by what it does not share with those.
    print_summary([outcome(0, State.FAILED), outcome(1, State.COMPLETED)], screen)
    assert "lr=0" in printed(screen)
    assert "note=[x]" not in printed(screen)
    with SweepDisplay([job(0)], [SLOT], Path("/runs"), screen) as display:
        assert "lr=0 note=[x]" in "".join(drawn(display, screen))
    print_summary([outcome(0, State.FAILED)], screen)
    assert "lr=0 note=[x]" in printed(screen)
    # A search gives one job at a time: what was typed for all of them is known.
    searched = replace(job(0), fixed=frozenset({"note=[x]"}))
    with SweepDisplay([searched], [SLOT], Path("/runs"), screen) as display:
        assert "note=[x]" not in "".join(drawn(display, screen))
    with SweepDisplay([replace(searched, overrides=("note=[x]",))], [SLOT], Path("/"), screen) as d:
        assert "note=[x]" in "".join(drawn(d, screen)), "nothing else tells it"


def test_slots_that_were_listed_need_not_be_listed_again() -> None:
    screen = console(terminal=False)
    with SweepDisplay([job(0)], [SLOT], Path("/runs"), screen, list_slots=False):
        pass
    assert printed(screen).splitlines() == ["exptools: 1 job in 1 slot, into /runs"]


def test_different_metrics_are_named_in_their_cells() -> None:
    screen = console(terminal=True)
    with SweepDisplay([job(0), job(1)], [SLOT], Path("/runs"), screen) as display:
        display._rows[0].headline = Headline(1, "loss", 0.5)
        display._rows[1].headline = Headline(1, "return", 100)
        lines = drawn(display, screen)
    assert "metric" in lines[0]
    assert "loss 0.5" in lines[1]
    assert "return 100" in lines[2]


def test_a_running_job_shows_what_it_logs_and_uses(tmp_path: Path) -> None:
    screen, one = console(terminal=True), replace(job(0), directory=tmp_path)
    (tmp_path / ".exptools").mkdir()
    (tmp_path / "progress.csv").write_text("step,wall_time,test/acc\n1,1.5,0.25\n")
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    with SweepDisplay([one], [SLOT], tmp_path, screen) as display:
        display.started(one, SLOT, process.pid)
        until(lambda: "0.25" in drawn(display, screen)[1])
        assert "MiB" in drawn(display, screen)[1]
        (tmp_path / "progress.csv").write_text("step,wall_time,test/acc\n1,1.5,0.25\n2,2.5,0.75\n")
        process.kill()
        process.wait()
        display.ended(replace(outcome(0, State.COMPLETED), job=one))
        line = drawn(display, screen)[1]
    assert "0.75" in line
    assert "MiB" not in line
    assert (tmp_path / ".exptools" / "usage.csv").exists()


def test_usage_is_recorded_without_a_terminal_and_its_loss_is_told(tmp_path: Path) -> None:
    screen = console(terminal=False)
    here, gone = (replace(job(n), directory=tmp_path / str(n)) for n in (0, 1))
    (here.directory / ".exptools").mkdir(parents=True)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with SweepDisplay([here, gone], [SLOT], tmp_path, screen) as display:
        display.started(here, SLOT, process.pid)
        display.started(gone, SLOT, process.pid)
        until(lambda: display._sampler.problems)
        assert display._sampler.latest(1) is not None  # the live table still shows it
        until((here.directory / ".exptools" / "usage.csv").exists)
    process.kill()
    process.wait()
    last = printed(screen).splitlines()[-1]
    assert last.startswith(f"exptools: {gone.directory}/.exptools/usage.csv is not whole: No such")


def test_the_time_left_is_told_from_the_first_completed_job_on() -> None:
    now = time.time()
    rows = [Row(job(number), "") for number in range(5)]
    assert time_left(rows, 2) is None
    rows[0].state, rows[0].started, rows[0].ended = State.FAILED, now - 1, now
    assert time_left(rows, 2) is None  # how long a failure took tells nothing of the others
    rows[1].state, rows[1].started, rows[1].ended = State.COMPLETED, now - 100, now
    rows[2].state, rows[2].started = State.RUNNING, now - 40
    assert time_left(rows, 2) == pytest.approx((60 + 100 + 100) / 2, abs=1)
    assert time_left(rows, 64) == pytest.approx(100, abs=1)  # one job does not get faster by slots
    rows[2].started = now - 400
    assert time_left(rows[:3], 2) is None  # overdue: nobody knows


def test_the_bar_says_about_how_long_it_takes() -> None:
    screen = console(terminal=True)
    with SweepDisplay([job(0), job(1)], [SLOT], Path("/runs"), screen) as display:
        assert "left" not in drawn(display, screen)[-1]
        display.started(job(0), SLOT, GONE)
        display._rows[0].started = 10.0
        display.ended(outcome(0, State.COMPLETED))
        assert "1/2" in drawn(display, screen)[-1]
        assert "about 1 min left" in drawn(display, screen)[-1]


@pytest.mark.parametrize("terminal", [False, True])
def test_how_not_to_wait_is_told_once(terminal: bool) -> None:
    screen = console(terminal)
    core = {n: Wait(f"core {n}, which bob, pid 7 holds", "pin=false") for n in range(3)}
    with SweepDisplay([job(0)], [SLOT], Path("/runs"), screen) as display:
        for waits in (core, {}, {0: core[0]}, {1: Wait("GPU 0", "share_gpus=true")}):
            display.waiting(waits)
    lines = [line for line in printed(screen).splitlines() if "at once" in line]
    told = [line[line.index("slot ") :] for line in lines]
    assert told == [
        "slot 0 (and 2 other slots) waits for core 0, which bob, pid 7 holds; "
        "hydra.launcher.pin=false starts at once",
        "slot 1 waits for GPU 0; hydra.launcher.share_gpus=true starts at once",
    ]


def test_cores_that_are_left_to_others_are_told_with_the_slots() -> None:
    screen = console(terminal=False)
    with SweepDisplay([job(0)], [SLOT], Path("/runs"), screen, spare=Spare(2, of=4, each=4)):
        pass
    told = "left to other sweeps: 2 of 4 cores (hydra.launcher.cpus_per_job=4 would take them, too)"
    assert printed(screen).splitlines()[2].strip() == told


def test_on_a_terminal_a_waiting_slot_is_a_row_until_it_starts_a_job() -> None:
    screen = console(terminal=True)
    with SweepDisplay([job(0)], [SLOT], Path("/runs"), screen) as display:
        display.waiting({0: Wait("GPU 0, which bob, pid 7 holds")})
        display._waits[0] = time.time() - 65, display._waits[0][1]
        assert "  slot 0 waits for GPU 0, which bob, pid 7 holds (1m05s)" in drawn(display, screen)
        display.waiting({0: Wait("GPU 0, for which eve, pid 8 has waited longer")})
        assert "eve, pid 8 has waited longer (1m05s)" in "".join(drawn(display, screen))
        display.waiting({})
        assert "waits" not in "".join(drawn(display, screen))


@pytest.mark.parametrize("terminal", [False, True])
def test_a_retry_says_what_went_wrong_and_which_attempt_comes(terminal: bool) -> None:
    screen = console(terminal)
    with SweepDisplay([job(0), job(1)], [SLOT], Path("/runs"), screen) as display:
        display.started(job(0), SLOT, GONE)
        display.retrying(job(0), 2, outcome(0, State.FAILED, "ValueError: bad"), of=3)
        assert "2 queued" in drawn(display, screen)[-1]
        display.started(job(0), SLOT, GONE)
        assert "1 running" in drawn(display, screen)[-1]
    (line,) = [line for line in printed(screen).splitlines() if "bad" in line]
    assert "✗ failed  job 0  lr=0  (after" in line
    assert "ValueError: bad; log: /runs/0/output.log; again, attempt 2 of 3)" in line


class Clock:
    """What the bar takes for the time, in seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("exptools.launching.display.compose_bar.time", self)

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("terminal", [False, True])
def test_composing_that_is_quick_is_not_mentioned(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, clock = console(terminal), Clock(monkeypatch)
    with closing(ComposeBar(screen)) as bar:
        for done in range(101):
            clock.now = 100 + done * 0.019
            bar.update(done)
    assert not printed(screen)


def test_composing_says_a_plain_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, clock = console(terminal=False), Clock(monkeypatch)
    with closing(ComposeBar(screen)) as bar:
        for done in range(101):
            clock.now = 100 + done / 4
            bar.update(done)
    assert printed(screen).splitlines() == [
        "exptools: 40 configs composed",
        "exptools: 80 configs composed",
    ]


def test_composing_shows_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, clock = console(terminal=True), Clock(monkeypatch)
    with closing(ComposeBar(screen)) as bar:
        clock.now = 103
        bar.update(40)
        until(lambda: "40" in printed(screen))
    assert "composing configs" in printed(screen)


@pytest.mark.parametrize("terminal", [False, True])
def test_composing_a_later_batch_is_shown_by_its_own_time_and_number(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, clock = console(terminal), Clock(monkeypatch)
    bar = ComposeBar(screen)
    for began, before in ((100.0, 0), (500.0, 40)):  # jobs ran for minutes in between
        shown_before = len(printed(screen))
        with closing(bar):
            for done in (1, 10):
                clock.now = began + 3 * (done - 1)
                bar.update(before + done)
            expected = "10" if terminal else "10 configs composed"
            until(lambda: expected in printed(screen)[shown_before:])  # noqa: B023
            assert "50" not in printed(screen)[shown_before:]


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


def test_what_others_have_written_does_nothing_to_the_terminal() -> None:
    odd = "\x1b]0;owned\x07\u202e\n"
    jobs = [Job(n, (f"{odd}={n}",), Path(f"/runs{odd}") / str(n), b"") for n in range(2)]
    screen = console(terminal=False, width=400)
    failed = [Outcome(job, Status(State.FAILED, started=1.0, ended=2.0, error=odd)) for job in jobs]
    with SweepDisplay(jobs, [SLOT], Path(f"/runs{odd}"), screen) as display:
        display.stopping(odd, 1, 1.0)
        for one in failed:
            display.ended(one)
    print_summary(failed, screen)
    print_way_on(f"python train.py {odd}", screen)
    print_note(screen, odd)
    told = printed(screen).splitlines()
    assert [line for line in told if not line.isprintable()] == []
    assert sum(r"\x1b]0;owned\x07\u202e" in line for line in told) > 6
