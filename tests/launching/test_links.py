"""Links that somebody put into a sweep's directory: nothing is written or shown through them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exptools.rundir import OUTPUT_LOG, State, read_status
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


def test_resuming_shows_nothing_of_what_a_config_is_linked_to(make_app: MakeApp) -> None:
    app = make_app("return cfg.x")
    app.sweep("+x=1")
    config = app.out / "0" / ".hydra" / "config.yaml"
    config.unlink()
    config.symlink_to(precious_file(app, "password: hunter2"))
    output = app.fails("+x=1", "hydra.launcher.resume=true")
    assert "hunter2" not in output
    assert "it is a link" in output
