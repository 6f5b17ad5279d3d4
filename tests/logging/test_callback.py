"""Real Hydra applications, as users start them."""

import socket
import sys

import pandas as pd
import pytest

from exptools.run_values import read_values
from exptools.rundir import ROW_LOCK, SUMMARY_FILE, State, Status, read_status, write_status
from exptools.status_fields import LARGEST
from tests.logging.conftest import git

APP = """
import os, signal, sys
from contextlib import ExitStack
import hydra
from exptools import logger

@hydra.main(version_base=None, config_path=None)
def main(cfg):
    print("open at first:", logger.directory, logger.is_open)
    logger.log_scalars({"a": cfg.a, "pid": os.getpid()})
    logger.dump()
    logger.log_scalar("a", 10 * cfg.a)  # pending when the job ends
    if "then" in cfg:
        exec(cfg.then)

main()
"""
CALLBACK = "hydra/callbacks=exptools"
HERE = "hydra.run.dir=out of main"
SWEEP = ("-m", "hydra.sweep.dir=sweep", "+a=1,2,3")


def logged(directory):
    return pd.read_csv(directory / "progress.csv")["a"].tolist()


@pytest.mark.hydra
def test_a_hydra_job_logs_into_its_directory_without_any_configuration(run_python):
    done = run_python(APP, "+a=4", HERE)
    assert done.returncode == 0, done.stderr
    run_dir = run_python.home / "out of main"
    assert logged(run_dir) == [4, 40]
    assert read_status(run_dir) is None


@pytest.mark.hydra
def test_each_job_of_one_process_is_told_its_own_directory_and_logs_there(run_python):
    done = run_python(APP + "\nprint('after:', logger.directory, logger.is_open)", *SWEEP)
    assert done.returncode == 0, done.stderr
    sweep = run_python.home / "sweep"
    assert [logged(sweep / str(n)) for n in range(3)] == [[1, 10], [2, 20], [3, 30]]
    assert not list(sweep.glob("*/progress.1.csv"))
    told = [line for line in done.stdout.splitlines() if "first" in line or "after" in line]
    assert told == [
        *(f"open at first: {sweep / str(n)} False" for n in range(3)),
        "after: None False",
    ]


@pytest.mark.parametrize("callback", [(), pytest.param((CALLBACK,), marks=pytest.mark.hydra)])
def test_jobs_of_one_process_that_share_a_directory_are_attempts_in_it(run_python, callback):
    done = run_python(APP, *SWEEP, "hydra.sweep.subdir=same", *callback)
    assert done.returncode == 0, done.stderr
    same = run_python.home / "sweep" / "same"
    assert logged(same) == [3, 30]
    tables = [pd.read_csv(same / f"progress.{n}.csv")["a"].tolist() for n in (1, 2)]
    assert tables == [[1, 10], [2, 20]]


def test_what_a_job_returns_is_its_result_and_never_over_what_it_has_said_itself(run_python):
    app = APP + "    return {1: 0.25, 2: {'loss': 0.5, 'path': 'x'}, 3: None}[cfg.a]\n\nmain()"
    app = app.replace("\nmain()\n", "", 1)
    says = "+then='cfg.a == 1 and logger.config(dict(b=2)) or logger.summary(dict(a=cfg.a))'"
    done = run_python(app, *SWEEP, CALLBACK, says)
    assert done.returncode == 0, done.stderr
    runs = [run_python.home / "sweep" / str(n) for n in range(3)]
    found = [read_values(run / SUMMARY_FILE).values for run in runs]
    assert found == [{"a": 1, "result": 0.25}, {"a": 2, "result/loss": 0.5}, {"a": 3}]
    again = ("+a=1", f"hydra.run.dir={runs[0]}", CALLBACK)
    assert run_python(app, *again, "+then='logger.summary(\"result\", 7)'").returncode == 0
    assert read_values(runs[0] / SUMMARY_FILE).values == {"result": 7}
    assert run_python(app, *again, "+then='raise RuntimeError'").returncode == 1
    assert not (runs[0] / SUMMARY_FILE).exists()


def test_a_job_that_only_returns_has_the_result_of_its_last_attempt(run_python):
    app = "import hydra\n@hydra.main(version_base=None, config_path=None)\n"
    app += "def main(cfg):\n    return 1 / cfg.a\n\nmain()"
    found = []
    for a in (4, 2, 0):
        run_python(app, f"+a={a}", HERE, CALLBACK)
        found.append(read_values(run_python.home / "out of main" / SUMMARY_FILE).values)
    assert found == [{"result": 0.25}, {"result": 0.5}, {}]


def test_a_job_that_cannot_log_does_not_keep_the_next_ones_from_it(run_python):
    (run_python.home / "sweep" / "0" / ROW_LOCK).mkdir(parents=True)
    task = APP.replace(
        '    logger.log_scalars({"a": cfg.a, "pid": os.getpid()})',
        '    try:\n        logger.log_scalar("a", cfg.a)\n'
        '    except OSError as error:\n        print("cannot:", error)\n        return',
    )
    done = run_python(task, *SWEEP)
    assert done.stdout.count("cannot:") == 1
    assert [logged(run_python.home / "sweep" / str(n)) for n in (1, 2)] == [[2, 20], [3, 30]]


def test_a_last_row_that_one_job_lost_is_a_warning_in_the_next(run_python):
    then = "+then='cfg.a == 1 and os.remove(\"sweep/0/progress.csv\")'"
    done = run_python(APP, *SWEEP, then)
    assert done.returncode == 0, done.stderr
    assert "the last row of the job before is lost" in done.stderr
    assert [logged(run_python.home / "sweep" / str(n)) for n in (1, 2)] == [[2, 20], [3, 30]]


OPENED_BEFORE = "from exptools import logger; logger.open('by hand')\n" + APP


@pytest.mark.hydra
def test_a_run_opened_by_hand_goes_on_in_a_job_and_ends_where_the_callback_opens_one(run_python):
    run_python(OPENED_BEFORE, "+a=4", HERE)
    assert logged(run_python.home / "by hand") == [4, 40]
    run_python(OPENED_BEFORE, "+a=5", HERE, CALLBACK)
    assert logged(run_python.home / "out of main") == [5, 50]


def test_after_the_jobs_nothing_is_logged(run_python):
    done = run_python(APP + "\nlogger.log_scalar('a', -1)", "+a=4", HERE)
    assert "no run is open" in done.stderr
    assert logged(run_python.home / "out of main") == [4, 40]


def test_logging_after_close_does_not_begin_the_run_anew(run_python):
    then = "+then='logger.close(); logger.log_scalar(\"a\", -1)'"
    done = run_python(APP, "+a=4", HERE, then)
    assert "no run is open" in done.stderr
    run_dir = run_python.home / "out of main"
    assert logged(run_dir) == [4, 40]
    assert not (run_dir / "progress.1.csv").exists()


@pytest.mark.hydra
def test_the_callback_opens_the_run_before_the_job_begins_and_records_its_end(run_python):
    done = run_python(APP, "+a=4", HERE, CALLBACK)
    assert done.returncode == 0, done.stderr
    run_dir = run_python.home / "out of main"
    assert f"open at first: {run_dir} True\n" in done.stdout
    status = read_status(run_dir)
    assert status.state is State.COMPLETED
    assert status.error is None
    assert status.overrides == ("+a=4",)
    assert status.job is None
    assert status.attempt == 1
    assert status.host == socket.gethostname()
    assert status.pid == pd.read_csv(run_dir / "progress.csv")["pid"][0]
    assert status.started < status.ended
    assert status.command[0] == sys.executable
    assert status.command[1:3] == ("train.py", "+a=4")
    assert logged(run_dir) == [4, 40]


@pytest.mark.parametrize(
    ("then", "state"),
    [
        ("os.kill(os.getpid(), signal.SIGINT)", State.INTERRUPTED),
        pytest.param("sys.exit(3)", State.FAILED, marks=pytest.mark.hydra),
        ("with ExitStack() as s: s.callback(divmod, 1, 0); os.kill(os.getpid(), 15)", State.KILLED),
        ("os.kill(os.getpid(), signal.SIGKILL)", State.KILLED),
    ],
)
def test_the_end_is_known_also_where_the_job_does_not_return(run_python, then, state):
    done = run_python(APP, "+a=4", HERE, CALLBACK, f"+then='{then}'")
    assert done.returncode != 0
    run_dir = run_python.home / "out of main"
    assert read_status(run_dir).observed is state
    assert logged(run_dir) == ([4] if "SIGKILL" in then else [4, 40])


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", pytest.param("joblib", marks=pytest.mark.hydra)])
def test_every_job_of_a_sweep_has_its_rows_and_its_state(run_python, launcher):
    then = "+then='assert cfg.a != 2, \"two is bad\"'"
    run_python(APP, *SWEEP, CALLBACK, f"hydra/launcher={launcher}", then)
    runs = [run_python.home / "sweep" / str(n) for n in range(3)]
    assert [logged(run) for run in runs] == [[1, 10], [2, 20], [3, 30]]
    statuses = [read_status(run) for run in runs]
    ends = [status.state for status in statuses]
    assert ends == [State.COMPLETED, State.FAILED, State.COMPLETED]
    assert [status.job for status in statuses] == [0, 1, 2]
    assert statuses[1].error == "AssertionError: two is bad"
    assert [status.overrides[0] for status in statuses] == ["+a=1", "+a=2", "+a=3"]


def test_where_the_scheduler_keeps_the_status_the_callback_writes_none(run_python):
    run_dir = str(run_python.home / "out of main")
    run_python(APP, "+a=4", HERE, CALLBACK, EXPTOOLS_STATUS_WRITER=run_dir)
    assert read_status(run_python.home / "out of main") is None
    assert logged(run_python.home / "out of main") == [4, 40]


def test_a_second_run_in_the_same_directory_is_a_second_attempt(run_python):
    for value in (4, 5):
        run_python(APP, f"+a={value}", HERE, CALLBACK)
    run_dir = run_python.home / "out of main"
    assert read_status(run_dir).attempt == 2
    assert logged(run_dir) == [5, 50]
    assert pd.read_csv(run_dir / "progress.1.csv")["a"].tolist() == [4, 40]


def test_after_more_attempts_than_can_be_counted_the_state_of_the_next_is_told(run_python):
    run_dir = run_python.home / "out of main"
    write_status(run_dir, Status(State.FAILED, attempt=LARGEST))
    run_python(APP, "+a=4", HERE, CALLBACK)
    status = read_status(run_dir)
    assert (status.state, status.attempt) == (State.COMPLETED, 10**9 + 1)


@pytest.mark.parametrize("garbage", ["{", '{"state": "running", "attempt": "x"}', "[" * 100_000])
def test_a_broken_status_of_before_is_replaced_with_a_warning(run_python, garbage):
    path = run_python.home / "out of main" / ".exptools" / "status.json"
    path.parent.mkdir(parents=True)
    path.write_text(garbage)
    done = run_python(APP, "+a=4", HERE, CALLBACK)
    assert done.returncode == 0, done.stderr
    status = read_status(path.parent.parent)
    assert (status.state, status.attempt) == (State.COMPLETED, 1)
    assert f"{path}" in done.stdout
    assert "it is replaced" in done.stdout


@pytest.mark.hydra
def test_what_cannot_be_opened_fails_in_the_jobs_first_log_call(run_python):
    run_dir = run_python.home / "out of main"
    (run_dir / ROW_LOCK).mkdir(parents=True)
    done = run_python(APP, "+a=4", HERE, CALLBACK)
    assert done.returncode == 1
    status = read_status(run_dir)
    assert status.state is State.FAILED
    assert "LoggingError" in status.error
    assert "logger.log_scalars" in done.stderr


def test_an_option_without_sense_fails_in_the_jobs_first_log_call(run_python):
    done = run_python(APP, "+a=4", HERE, CALLBACK, "hydra.callbacks.exptools.on_error=wrn")
    assert done.returncode == 1
    assert "ValueError: on_error should be one of" in done.stderr
    assert "logger.log_scalars" in done.stderr
    assert read_status(run_python.home / "out of main").state is State.FAILED


@pytest.mark.parametrize("end", ["sys.exit()", "1 / 0"])
def test_a_forked_child_that_ends_does_not_end_its_parents_run(run_python, end):
    then = f"+then='os.fork() or {end}; os.wait(); exec(cfg.look)'"
    look = "+look='print(open(\"out of main/.exptools/status.json\").read())'"
    done = run_python(APP, "+a=4", HERE, CALLBACK, then, look)
    assert '"state": "running"' in done.stdout, done.stderr
    assert read_status(run_python.home / "out of main").state is State.COMPLETED


@pytest.mark.hydra
def test_a_last_row_that_is_lost_makes_the_run_a_failure(run_python):
    then = "+then='os.remove(\"out of main/progress.csv\")'"
    run_python(APP, "+a=4", HERE, CALLBACK, then)
    status = read_status(run_python.home / "out of main")
    assert status.state is State.FAILED
    assert status.error.startswith("LoggingError")


@pytest.mark.hydra
def test_the_commit_of_the_code_is_recorded(run_python):
    git(run_python.home, "init")
    (run_python.home / "train.py").write_text(APP, encoding="utf-8")
    git(run_python.home, "add", "train.py")
    git(run_python.home, "commit", "--message", "first")
    elsewhere = run_python.home.parent / "not in the repository"
    run_python(APP, "+a=4", f"hydra.run.dir={elsewhere}", "hydra.job.chdir=true", CALLBACK)
    status = read_status(elsewhere)
    assert status.git == {"commit": git(run_python.home, "rev-parse", "HEAD"), "dirty": False}
