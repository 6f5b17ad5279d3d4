"""Links that somebody put into a sweep's directory: nothing is written or shown through them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from exptools.rundir import HYDRA_DIR, OUTPUT_LOG, RETURN_FILE, SWEEP_FILE, State, read_status
from tests.conftest import App

pytestmark = pytest.mark.slow

MakeApp = Callable[[str], App]


def precious_file(app: App, text: str = "mine") -> Path:
    path = app.directory / "precious"
    path.write_text(text)
    return path


@pytest.mark.parametrize("linked", ["lock", ""])
def test_a_sweep_does_not_lock_what_a_link_leads_to(make_app: MakeApp, linked: str) -> None:
    app = make_app("return cfg.x")
    precious = precious_file(app)
    hidden = app.out / ".exptools"
    if linked:
        hidden.mkdir(parents=True)
        (hidden / linked).symlink_to(precious)
    else:
        app.out.mkdir()
        hidden.symlink_to(app.directory)
    output = app.fails("+x=1")
    assert "cannot be written (it is a link" in output
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("is_link", [True, False])
def test_hydra_writes_its_sweep_file_through_no_link_and_waits_for_no_pipe(
    make_app: MakeApp, is_link: bool
) -> None:
    app = make_app("return cfg.x")
    precious = precious_file(app)
    app.out.mkdir()
    if is_link:
        (app.out / SWEEP_FILE).symlink_to(precious)
    else:
        os.mkfifo(app.out / SWEEP_FILE)
    assert "is a link or no regular file" in app.fails("+x=1")
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("linked", ["2", "deep"])
def test_no_job_runs_where_a_link_in_the_sweeps_directory_leads(
    make_app: MakeApp, linked: str
) -> None:
    app = make_app("return cfg.x")
    subdir = "hydra.sweep.subdir='${hydra.job.num}'"
    app.completes("+x=1,2", subdir)
    elsewhere = app.directory / "elsewhere"
    elsewhere.mkdir()
    (app.out / linked).symlink_to(elsewhere)
    if linked == "deep":
        subdir = "hydra.sweep.subdir='deep/${hydra.job.num}'"
    output = app.fails("+x=1,2,3", subdir, "hydra.launcher.resume=true")
    assert f"out/{linked} (it is a link" in output
    assert not any(elsewhere.iterdir())


def test_a_job_begins_without_removing_the_result_to_which_a_link_leads(make_app: MakeApp) -> None:
    app = make_app("return cfg.x")
    app.completes("+x=1,2")
    (app.directory / "copied" / "0").mkdir(parents=True)
    (app.directory / "copied" / "0" / ".exptools").symlink_to(app.out / "0" / ".exptools")
    output = app.fails("+x=1", "hydra.sweep.dir=copied")
    assert "it is a link" in output
    assert (app.out / "0" / RETURN_FILE).exists()


def test_jobs_for_a_cluster_are_not_planned_where_a_link_leads(make_app: MakeApp) -> None:
    app = make_app("return cfg.x")
    elsewhere = app.directory / "elsewhere"
    elsewhere.mkdir()
    (app.out / ".exptools").mkdir(parents=True)
    (app.out / ".exptools" / "cluster").symlink_to(elsewhere)
    launcher = ("hydra/launcher=exptools_slurm", "hydra.launcher.submit=false")
    output = app.fails("+x=1,2", *launcher)
    assert "out/.exptools/cluster cannot be read: it is a link" in output
    assert not any(elsewhere.iterdir())


def test_the_sweeps_directory_may_be_a_link(make_app: MakeApp) -> None:
    app = make_app("return cfg.x")
    (app.directory / "elsewhere").mkdir()
    app.out.symlink_to(app.directory / "elsewhere")
    app.completes("+x=1")
    assert (app.directory / "elsewhere" / "0" / OUTPUT_LOG).exists()


def test_a_jobs_output_follows_no_link_and_the_others_run(make_app: MakeApp) -> None:
    app = make_app("print('hello')\nreturn cfg.x")
    precious = precious_file(app)
    (app.out / "0").mkdir(parents=True)
    (app.out / "0" / OUTPUT_LOG).symlink_to(precious)
    code, output = app.sweep("+x=1,2")
    assert code == 1
    assert "it is a link" in output
    assert precious.read_text() == "mine"
    status = read_status(app.out / "1")
    assert status is not None
    assert status.state is State.COMPLETED


@pytest.mark.parametrize("linked", ["", "config.yaml", "hydra.yaml", "overrides.yaml"])
def test_hydra_describes_a_job_through_no_link_and_the_others_run(
    make_app: MakeApp, linked: str
) -> None:
    app = make_app("return cfg.x")
    precious = precious_file(app)
    hidden = app.out / "0" / HYDRA_DIR
    (hidden if linked else hidden.parent).mkdir(parents=True)
    (hidden / linked).symlink_to(precious if linked else app.directory)
    code, output = app.sweep("+x=1,2")
    assert code == 1
    assert "it is a link" in output
    assert precious.read_text() == "mine"
    assert not (app.directory / "config.yaml").exists()
    status = read_status(app.out / "1")
    assert status is not None
    assert status.state is State.COMPLETED


PUT_A_LINK = """
import os, pathlib
def put():
    here = pathlib.Path(__file__).parent
    if (here / "out/0").is_dir() and not (here / "out/0/.hydra").exists():
        (here / "out/0/.hydra").symlink_to(here / "elsewhere")
os.register_at_fork(after_in_child=put)
"""


def test_hydra_describes_a_job_through_no_link_that_came_when_the_job_had_been_started(
    make_app: MakeApp,
) -> None:
    app = make_app("return cfg.x")
    app.insert(PUT_A_LINK)
    (app.directory / "elsewhere").mkdir()
    code, output = app.sweep("+x=1", "hydra.launcher.start=warm")
    assert code == 1
    assert "it is a link" in output
    assert not list((app.directory / "elsewhere").iterdir())


@pytest.mark.parametrize("kind", ["link", "directory", "pipe", "link that chdir leads to"])
def test_hydra_logs_a_job_through_no_link_and_the_others_run(make_app: MakeApp, kind: str) -> None:
    app = make_app("import logging\nlogging.getLogger().info('hello')\nreturn cfg.x")
    precious = precious_file(app)
    log = app.out / "0" / "logs" / "app.log"
    log.parent.parent.mkdir(parents=True)
    if kind == "directory":
        log.parent.symlink_to(app.directory)
    else:
        log.parent.mkdir()
        os.mkfifo(log) if kind == "pipe" else log.symlink_to(precious)
    (app.out / "1" / "logs").mkdir(parents=True)
    name, chdir = "${hydra:runtime.output_dir}/logs/${hydra.job.name}.log", "chdir" in kind
    name = f"hydra.job_logging.handlers.file.filename='{'logs/app.log' if chdir else name}'"
    code, output = app.sweep("+x=1,2", name, f"hydra.job.chdir={chdir}")
    assert code == 1
    assert ("it is no regular file" if kind == "pipe" else "it is a link") in output
    assert precious.read_text() == "mine"
    assert not (app.directory / "app.log").exists()
    status = read_status(app.out / "1")
    assert status is not None
    assert status.state is State.COMPLETED
    assert "hello" in (app.out / "1" / "logs" / "app.log").read_text()


def test_hydra_may_log_elsewhere_through_a_link(make_app: MakeApp) -> None:
    app = make_app("import logging\nlogging.getLogger().info('hello')\nreturn cfg.x")
    (app.directory / "log").symlink_to(precious_file(app))
    app.completes("+x=1", "hydra.job_logging.handlers.file.filename=log")
    assert "hello" in (app.directory / "precious").read_text()


def test_resuming_shows_nothing_of_what_a_config_is_linked_to(make_app: MakeApp) -> None:
    app = make_app("return cfg.x")
    app.sweep("+x=1")
    config = app.out / "0" / ".hydra" / "config.yaml"
    config.unlink()
    config.symlink_to(precious_file(app, "password: hunter2"))
    output = app.fails("+x=1", "hydra.launcher.resume=true")
    assert "hunter2" not in output
    assert "it is a link" in output
