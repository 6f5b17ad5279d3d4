"""Real kills of the processes that run a sweep: what is told, what goes on, and that nothing stays.

The sweep's process has a guard for a child, which has the helper, which has the jobs.
"""

import contextlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil
import pytest

from exptools.rundir import State, Status, read_status
from tests.conftest import SWEEP, App, until

pytestmark = pytest.mark.slow

MakeApp = Callable[[str], App]

# Jobs 1 and 2 stay, with a child in a session of its own and a daemon that was forked twice.
STAYS = """
if cfg.x == 0:
    return
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleep, start_new_session=True)
reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(writing, str(os.getpid()).encode())
        time.sleep(600)
    os._exit(0)
with open(f"aside-{cfg.x}", "w") as file:
    json.dump([os.getpid(), child.pid, int(os.read(reading, 20))], file)
os.rename(f"aside-{cfg.x}", f"pids-{cfg.x}")
time.sleep(600)
"""
RAN = "open('imports', 'a').write('x')"  # at the top of the script


@dataclass
class Sweep:
    """A sweep of which two jobs run, and one waits for a slot."""

    program: subprocess.Popen[str]
    helper: psutil.Process
    guard: psutil.Process
    left: list[psutil.Process]  # the jobs and all that they have started

    def kill(self, *names: str) -> None:
        for name in names:
            getattr(self, name).kill()

    def finish(self) -> str:
        output, _ = self.program.communicate(timeout=60)
        return " ".join(output.split())


StartSweep = Callable[[str], tuple[App, Sweep]]


@pytest.fixture
def start_sweep(make_app: MakeApp) -> Iterator[StartSweep]:
    started: list[psutil.Process] = []

    def start_it(start: str) -> tuple[App, Sweep]:
        app = make_app(STAYS)
        app.insert(RAN)
        at_once = ("hydra.launcher.jobs=2", "hydra.launcher.pin=false")
        program = app.start(*SWEEP, "+x=1,2,0", start, *at_once)
        files = [app.directory / f"pids-{x}" for x in (1, 2)]
        until(lambda: all(file.exists() for file in files))
        left = [psutil.Process(pid) for file in files for pid in json.loads(file.read_text())]
        started.extend(left)
        helper, guard = left[0].parents()[:2]
        assert guard.ppid() == program.pid
        return app, Sweep(program, helper, guard, left)

    yield start_it
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def states(app: App, jobs: int) -> list[State]:
    return [status(app, job).state for job in range(jobs)]


def status(app: App, job: int) -> Status:
    run_status = read_status(app.out / str(job))
    assert run_status is not None
    return run_status


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_jobs_are_lost_with_their_helper_and_the_next_start_as_before(
    start_sweep: StartSweep, start: str
) -> None:
    app, sweep = start_sweep(start)
    imports = (app.directory / "imports").read_text()
    sweep.kill("helper")
    output = sweep.finish()
    assert not [process for process in sweep.left if process.is_running()], "before a slot is free"
    assert states(app, 3) == [State.KILLED, State.KILLED, State.COMPLETED]
    lost = f"lost with the helper process {sweep.helper.pid}, which SIGKILL ended"
    assert [status(app, job).error for job in (0, 1)] == [lost, lost]
    assert status(app, 0).signal is None, "nobody has killed the job itself"
    said = (
        f"exptools: the helper process {sweep.helper.pid} was killed by SIGKILL, and the 2 jobs "
        "that ran are lost with it; the next jobs get a new one"
    )
    assert output.count(said) == 1
    assert output.count("killed by SIGKILL") == 1
    if "warm" in start:
        assert (app.directory / "imports").read_text() == imports, "nothing was imported again"


@pytest.mark.parametrize("others", [(), ("helper",)])
def test_with_the_guard_its_helper_ends_and_the_next_jobs_get_others(
    start_sweep: StartSweep, others: tuple[str, ...]
) -> None:
    app, sweep = start_sweep("hydra.launcher.start=warm")
    sweep.kill("guard", *others)
    output = sweep.finish()
    # Where both are killed at once, nothing tells whose the daemons are.
    daemons = sweep.left[2::3] if others else []
    assert_gone([process for process in sweep.left if process not in daemons])
    assert states(app, 3) == [State.KILLED, State.KILLED, State.COMPLETED]
    assert status(app, 0).error == f"lost with the helper process {sweep.helper.pid}"
    assert "was lost with its guard, and the 2 jobs that ran are lost with it" in output
    assert output.count("the jobs are forks of a process that runs the program again") == 1


@pytest.mark.parametrize(
    "victims",
    [("program", "helper"), ("helper", "program"), ("program", "guard"), ("guard", "program")],
)
def test_when_two_of_program_guard_and_helper_are_killed_nothing_stays(
    start_sweep: StartSweep, victims: tuple[str, str]
) -> None:
    app, sweep = start_sweep("hydra.launcher.start=warm")
    sweep.kill(*victims)
    sweep.finish()
    assert_gone([*sweep.left, sweep.helper, sweep.guard])
    assert status(app, 0).observed in (State.INTERRUPTED, State.KILLED)
    assert status(app, 2).observed is State.INTERRUPTED


KILLS_HELPER = """
with open(f"tries-{cfg.end}", "a") as file:
    file.write("x")
tries = len(open(f"tries-{cfg.end}").read())
if cfg.end == "always" or tries == 1:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
assert tries == 3, "the second try fails by itself"
"""


def test_the_first_loss_with_a_helper_counts_as_no_try(make_app: MakeApp) -> None:
    app = make_app(KILLS_HELPER)
    retry = ("hydra.launcher.jobs=1", "hydra.launcher.max_retries=1")
    output = app.fails("+end=once,always", *retry)
    assert states(app, 2) == [State.COMPLETED, State.KILLED]
    assert [status(app, job).attempt for job in (0, 1)] == [3, 3], output
    assert re.search(r"lost with the helper process \d+", status(app, 1).error or "")
