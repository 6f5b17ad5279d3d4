"""Sweeps that another launcher began: what is there is kept, or run again if one asks for it."""

import os
import pickle
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from exptools.launching.resume import parse_saved
from exptools.rundir import State, Status, process_start, read_status, write_status
from exptools.status_fields import LARGEST
from hydra_plugins.exptools_launcher._hydra_files import read_any_run
from tests.conftest import App

pytestmark = pytest.mark.slow

MakeApp = Callable[[str], App]

COUNTED = """
with open("ran", "a") as file:
    file.write(f"{cfg.x}\\n")
return cfg.x * 10
"""
RESUME = "hydra.launcher.resume=true"
DONE = "hydra.launcher.resume_unknown=done"
AGAIN = "hydra.launcher.resume_unknown=again"


# Each repeats the one before ten times: more than any memory holds.
LAUGHS = "".join(f"a{n + 1}: &a{n + 1} {{<<: [{', '.join([f'*a{n}'] * 10)}]}}\n" for n in range(12))


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 {x: 1}\n" + LAUGHS,
        "[" * 200_000,
        *("- x\n" * 600_000, "- 1\n" * 200_000),
        f"- {'1:' * 500_000}1",  # of base 60, for which PyYAML takes minutes
        *("- !!bool x", "- !!int ''", "- !!float ''", "- !!timestamp x", f"- {'1:' * 300}1.5"),
    ],
)
def test_what_nobody_can_have_saved_is_no_run_of_hydras(tmp_path, text):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text(text)
    assert read_any_run(tmp_path, ".hydra") is None


@pytest.mark.parametrize("value", ["!!int ' 1", "!!int '\u0661", "!<tag:yaml.org,2002:float> ' 1"])
def test_a_tag_makes_no_number_of_a_long_text_whatever_its_digits(value):
    with pytest.raises(ValueError, match="numbers of more than a thousand characters"):
        parse_saved(f"- {value}{':1' * 500}'")


def test_empty_lists_count_as_what_a_text_stands_for() -> None:
    with pytest.raises(ValueError, match="more than 50000 values are not read"):
        parse_saved(f"- [{'[[]],' * 30_000}]")


def ran(app: App) -> list[int]:
    return sorted(map(int, (app.directory / "ran").read_text().split()))


def began(app: App, launcher: str, *overrides: str) -> None:
    """Begin a sweep as a user of another launcher would."""
    code, output = app.run("-m", f"hydra/launcher={launcher}", "hydra.sweep.dir=out", *overrides)
    assert code == 0, output


def show_returns(app: App) -> None:
    """Have the program print what the sweeper was given."""
    (app.directory / "show.py").write_text(
        "from hydra._internal.hydra import Hydra\n"
        "multirun = Hydra.multirun\n"
        "def show(*arguments, **options):\n"
        "    returns = multirun(*arguments, **options)\n"
        "    print('returned', [r.return_value for r in returns[0]])\n"
        "Hydra.multirun = show\n"
    )
    app.insert("import show")


def as_submitit_does(app: App) -> None:
    """Add what Hydra's submitit launcher leaves: its jobs' folders beside the runs'."""
    folder = app.out / ".submitit" / "123_0"
    folder.mkdir(parents=True)
    (folder / "123_0_0_result.pkl").write_bytes(pickle.dumps(("success", None)))
    (folder / "123_0_0_log.out").write_text("")


@pytest.mark.hydra
def test_plain_runs_are_refused_until_it_is_said_what_they_are(make_app: MakeApp) -> None:
    app = make_app(COUNTED)
    began(app, "basic", "+x=1,2")
    as_submitit_does(app)
    refused = app.fails("+x=1,2,3", RESUME)
    assert "out holds 2 runs of these jobs without a word of how it ended" in refused
    assert "0 (+x=1), 1 (+x=2)" in refused
    assert {DONE, AGAIN} <= {word.strip(".,") for word in refused.split()}
    assert "Traceback" not in refused
    assert ran(app) == [1, 2]
    config = (app.out / "0" / ".hydra" / "config.yaml").stat().st_mtime_ns

    show_returns(app)
    output = app.completes("+x=1,2,3", RESUME, DONE)
    assert "returned [None, None, 30]" in output
    assert "2 jobs were completed before" in output
    assert "2 earlier runs are taken as completed: 0 (+x=1), 1 (+x=2)" in output
    assert "nothing tells how many cores the earlier jobs had" in output
    assert ran(app) == [1, 2, 3]
    assert not (app.out / "0" / ".exptools").exists(), "what others wrote stays as it was"
    assert (app.out / "0" / ".hydra" / "config.yaml").stat().st_mtime_ns == config

    output = app.completes("+x=1,2,3", RESUME, AGAIN)
    assert "2 earlier runs are run again in the same directory" in output
    assert ran(app) == [1, 1, 2, 2, 3]
    assert sorted(path.name for path in app.out.glob("[0-9]*")) == ["0", "1", "2"]
    assert "3 jobs were completed before" in app.completes("+x=1,2,3", RESUME)


def test_a_plain_run_is_found_by_its_overrides_whatever_its_directory_is_called(
    make_app: MakeApp,
) -> None:
    app = make_app(COUNTED)
    named = "hydra.sweep.subdir=${hydra.job.override_dirname}"
    began(app, "basic", "+x=1", "+y='a,b','c d'", named)
    output = app.completes("+y='c d','a,b'", "+x=1", named, RESUME, DONE)
    assert "2 jobs were completed before" in output
    assert ran(app) == [1, 1]


def test_the_runs_of_another_program_are_told_as_such(make_app: MakeApp) -> None:
    app = make_app(COUNTED)
    began(app, "basic", "+x=1")
    shutil.copy(app.directory / "app.py", app.directory / "other.py")
    app.command = ["other.py"]
    assert "0 (+x=1), run by app and not by other" in app.fails("+x=1", RESUME)


def test_a_plain_run_of_another_config_is_not_taken_for_the_jobs(make_app: MakeApp) -> None:
    app = make_app(COUNTED)
    began(app, "basic", "+x=1")
    (app.out / "0" / ".hydra" / "config.yaml").write_text("x: 1\nwidth: 10\n")
    assert "-width: 10" in app.fails("+x=1", RESUME, DONE)
    assert ran(app) == [1]


def test_what_the_callback_saw_complete_under_joblib_is_kept(make_app: MakeApp) -> None:
    app = make_app(f"if cfg.x == 2 and not os.path.exists('ran'): raise ValueError\n{COUNTED}")
    callback = ("hydra/callbacks=exptools", "hydra.launcher.n_jobs=1")
    app.run("-m", "hydra/launcher=joblib", "hydra.sweep.dir=out", "+x=2,1", *callback)
    ours = ("hydra/launcher=exptools", "hydra.launcher.resume=out", "hydra/callbacks=exptools")
    code, output = app.run("-m", *ours, "+x=2,1,3")
    assert code == 0, output
    assert "1 job was completed before" in output
    assert "1 earlier run is completed, without a saved return value: 1 (+x=1)" in output
    assert ran(app) == [1, 2, 3]
    assert sorted(path.name for path in app.out.glob("[0-9]*")) == ["0", "1", "2"]
    assert not (app.directory / "multirun").exists()


def test_a_run_that_another_launcher_is_at_work_on_is_not_started_beside_it(
    make_app: MakeApp,
) -> None:
    app = make_app(COUNTED)
    began(app, "basic", "+x=1,2")
    ours = Status(
        State.RUNNING, 0, ("+x=1",), pid=os.getpid(), pid_start=process_start(os.getpid())
    )
    write_status(app.out / "0", ours)
    output = app.fails("+x=1", RESUME, AGAIN)
    assert f"out/0 is running now, as process {os.getpid()} of another launcher" in output
    elsewhere = replace(ours, host="node17")
    write_status(app.out / "0", elsewhere)
    output = app.fails("+x=1", RESUME)
    assert "0 (+x=1, running on node17)" in output
    app.completes("+x=1", RESUME, AGAIN)
    status = read_status(app.out / "0")
    assert status is not None
    assert (status.state, status.host) == (State.COMPLETED, socket.gethostname())


def test_a_run_that_claims_more_attempts_than_can_be_counted_is_resumed(make_app: MakeApp) -> None:
    app = make_app(COUNTED)
    was = Status(State.INTERRUPTED, job=0, overrides=("+x=1",), started=1.0, attempt=LARGEST)
    write_status(app.out / "0", was)
    app.completes("+x=1", RESUME)
    status = read_status(app.out / "0")
    assert status is not None
    assert (status.state, status.attempt) == (State.COMPLETED, 10**9 + 1)


def test_runs_that_match_no_job_are_mentioned(make_app: MakeApp) -> None:
    app = make_app(COUNTED)
    began(app, "basic", "+x=1,2")
    output = app.completes("+x=01,3", RESUME)
    assert "2 earlier runs are of none of these jobs, and left alone: 0 (+x=1), 1 (+x=2)" in output


def test_what_an_earlier_run_says_of_itself_is_said_in_a_line(make_app: MakeApp) -> None:
    app = make_app(COUNTED)
    app.completes("+x=1,2")
    status = read_status(app.out / "0")
    assert status is not None
    write_status(app.out / "0", replace(status, overrides=("a" * 200_000,)))
    output = app.completes("+x=3", RESUME)
    assert f"left alone: 0 ({'a' * 200}…)" in output


def test_a_directory_that_was_only_just_made_holds_no_run(make_app: MakeApp) -> None:
    app = make_app(COUNTED)
    app.sweep("+x=1")
    (app.out / "1" / ".exptools").mkdir(parents=True)
    (app.out / "1" / ".exptools" / ".status.json.7.7").write_text("{")
    app.completes("+x=1,2", RESUME)
    assert read_status(app.out / "1") is not None


def test_another_choice_is_refused_with_what_may_be_chosen(make_app: MakeApp) -> None:
    output = make_app("pass").fails("+x=1", "hydra.launcher.resume_unknown=skip")
    assert "hydra.launcher.resume_unknown is 'skip'; it should be done or again" in output


# What the optimizer is told: the value of a trial, or why there is none.
TELLS = (
    "-m",
    "hydra/sweeper=optuna",
    "hydra/sweeper/sampler=grid",
    "hydra.sweeper.n_jobs=2",
    "hydra.sweep.dir=out",
    "+x=choice(1,2)",
)


def test_optuna_gets_no_value_that_nobody_saved(make_app: MakeApp) -> None:
    app = make_app(COUNTED)
    began(app, "basic", "+x=1,2", "hydra/callbacks=exptools")
    ours = ("hydra/launcher=exptools", RESUME)
    code, output = app.run(*TELLS, *ours)
    assert code == 1
    assert "2 completed runs of these jobs without the value that OptunaSweeper needs" in output
    code, output = app.run(*TELLS, *ours, DONE, "hydra.sweeper.max_failure_rate=1")
    assert "what it returned was not saved, so OptunaSweeper gets no value" in output
    assert "float-castable" not in output
    assert ran(app) == [1, 2]
    code, output = app.run(*TELLS, *ours, AGAIN)
    assert code == 0, output
    assert ran(app) == [1, 1, 2, 2]
    assert "best_value: 10" in (app.out / "optimization_results.yaml").read_text()
