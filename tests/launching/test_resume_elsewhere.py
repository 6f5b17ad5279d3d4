"""A sweep that goes on with other code, another script, other cores: that is said."""

import os
import subprocess
from collections.abc import Callable

import pytest

from exptools.rundir import read_status
from tests.conftest import App

pytestmark = pytest.mark.slow

MakeApp = Callable[[str], App]
RESUME = "hydra.launcher.resume=true"
TASK = """
if cfg.x in json.loads(open("broken").read()):
    raise ValueError("broken")
with open("ran", "a") as file:
    file.write(f"{cfg.x}\\n")
with open("threads", "a") as file:
    file.write(os.environ["OMP_NUM_THREADS"] + "\\n")
"""


@pytest.fixture
def app(make_app: MakeApp) -> App:
    app = make_app(TASK)
    break_jobs(app, "[]")
    return app


def break_jobs(app: App, jobs: str) -> None:
    (app.directory / "broken").write_text(jobs)


def git(app: App, *words: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    done = subprocess.run(
        ["git", *who, *words], cwd=app.directory, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(app: App) -> str:
    git(app, "commit", "-qam", "more")
    return git(app, "rev-parse", "HEAD")[:10]


def edit(app: App) -> None:
    with open(app.directory / "app.py", "a") as file:
        file.write("# more\n")


def test_other_code_than_the_sweeps_is_said_and_the_sweep_goes_on(app: App) -> None:
    git(app, "init", "-q")
    git(app, "add", "app.py")
    first = commit(app)
    break_jobs(app, "[2]")
    app.sweep("+x=1,2", OMP_NUM_THREADS="1")
    assert "the code" not in app.fails("+x=1,2", RESUME, OMP_NUM_THREADS="1")
    edit(app)
    output = app.fails("+x=1,2", RESUME, OMP_NUM_THREADS="1")
    assert f"the code's uncommitted changes at commit {first} differ" in output
    break_jobs(app, "[]")
    second = commit(app)
    output = app.completes("+x=1,2", RESUME, OMP_NUM_THREADS="1")
    assert f"the code is at commit {second} now, not {first}" in output
    # Nothing runs any more, but what is there is still of two kinds.
    output = app.completes("+x=1,2", RESUME)
    assert f"the code is at commit {second} now, not {first}" in output
    assert "1 of the 2 runs" in output
    assert (app.directory / "ran").read_text() == "1\n2\n"


def test_another_script_is_said(app: App) -> None:
    app.sweep("+x=1")
    assert "has changed" not in app.completes("+x=1", RESUME)
    edit(app)
    assert "app.py has changed" in app.completes("+x=1", RESUME)
    (app.directory / "app.py").rename(app.directory / "other.py")
    app.command = ["other.py"]
    assert "the script is other.py now, not app.py" in app.completes("+x=1", RESUME)
    assert (app.directory / "ran").read_text() == "1\n"


def test_a_resumed_job_gets_as_many_cores_as_the_others_had(app: App) -> None:
    several = range(len(os.sched_getaffinity(0)))
    jobs = f"+x={','.join(map(str, several))}"
    break_jobs(app, "[0]")
    app.sweep(jobs, OMP_NUM_THREADS="")
    break_jobs(app, "[]")
    app.completes(jobs, RESUME, OMP_NUM_THREADS="")
    assert len(set((app.directory / "threads").read_text().split())) == 1
    threads = {status.threads for job in several if (status := read_status(app.out / str(job)))}
    assert len(threads) == 1


def test_a_resumed_job_counts_its_attempts_on(app: App) -> None:
    break_jobs(app, "[0]")
    app.sweep("+x=0,1", "hydra.launcher.max_retries=1")
    break_jobs(app, "[]")
    app.completes("+x=0,1", RESUME)
    attempts = [status.attempt for job in "01" if (status := read_status(app.out / job))]
    assert attempts == [3, 1]


def test_the_last_batch_has_no_other_cores_than_those_before(app: App) -> None:
    several = len(os.sched_getaffinity(0))
    app.completes(
        f"+x=range({several + 1})", f"hydra.sweeper.max_batch_size={several}", OMP_NUM_THREADS=""
    )
    assert len(set((app.directory / "threads").read_text().split())) == 1
