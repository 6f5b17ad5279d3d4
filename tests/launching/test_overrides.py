"""Overrides as Hydra got them: what they refer to is for the jobs alone to look up."""

from __future__ import annotations

from pathlib import Path

import pytest

from exptools.launching.jobs.results import read_result
from exptools.rundir import State, Status, read_status
from tests.conftest import App

pytestmark = [pytest.mark.hydra, pytest.mark.slow]

SECRET = "hunter2"  # in the environment, which no file of ours may repeat
GIVEN = ("${hydra:job.num}", "${.seed}", "${oc.env:SECRET}", "${now:%f}")
NAMES = "+name=" + ",".join(f'"{name}"' for name in GIVEN)
SHARED = ("+seed=7", "+quiet=false", "+title='a  b'")
RESUME = "hydra.launcher.resume=true"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[App, str]:
    """An app that was swept over interpolations, and what that printed."""
    app = App(tmp_path_factory.mktemp("raw") / "it's here", "return len(str(cfg.name))")
    return app, sweep(app)


def sweep(app: App, *options: str) -> str:
    return app.completes("hydra/callbacks=exptools", *SHARED, NAMES, *options, SECRET=SECRET)


def statuses(app: App) -> list[Status]:
    found = [read_status(app.out / str(number)) for number in range(len(GIVEN))]
    return [status for status in found if status is not None]


def written(directory: Path) -> bytes:
    """All that stands in the files of a directory."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert files
    return b"".join(path.read_bytes() for path in files)


def test_jobs_get_what_the_overrides_refer_to(swept: tuple[App, str]) -> None:
    app, _ = swept
    results = [read_result(app.out / str(number)) for number in range(3)]
    lengths = [result.value for result in results if result is not None]
    assert lengths == [len("0"), len("7"), len(SECRET)]


def test_statuses_and_the_terminal_have_the_overrides_as_they_were_given(
    swept: tuple[App, str],
) -> None:
    app, output = swept
    shared = ("+seed=7", "+quiet=False", "+title='a  b'")  # as Hydra's sweeper writes them
    given = [(*shared, f'+name="{name}"') for name in GIVEN]
    assert [status.overrides for status in statuses(app)] == given
    for name in GIVEN:
        assert f'+name="{name}"' in output


def test_what_all_jobs_have_is_shown_with_none_however_it_was_typed(
    swept: tuple[App, str],
) -> None:
    _, output = swept
    assert "quiet" not in output
    assert "title" not in output
    assert "seed=" not in output


def test_no_value_of_the_environment_is_written_anywhere(swept: tuple[App, str]) -> None:
    app, output = swept
    assert SECRET not in output
    assert SECRET.encode() not in written(app.out)


def test_a_sweep_is_resumed_by_the_overrides_as_they_were_given(swept: tuple[App, str]) -> None:
    app, _ = swept
    before = statuses(app)
    assert "4 jobs were completed before" in sweep(app, RESUME)
    assert statuses(app) == before


def test_the_callback_alone_writes_no_value_either(tmp_path: Path) -> None:
    app = App(tmp_path / "app", "return 1")
    given = '+name="${oc.env:SECRET}"'
    app.command.append("hydra.run.dir=out")
    code, output = app.run("hydra/callbacks=exptools", given, SECRET=SECRET)
    assert code == 0, output
    status = read_status(app.out)
    assert status is not None
    assert (status.state, status.overrides) == (State.COMPLETED, (given,))
    assert SECRET.encode() not in written(app.out)


def test_a_job_runs_in_the_directory_that_was_announced_though_its_name_is_a_time(
    tmp_path: Path,
) -> None:
    app = App(tmp_path / "app", "return 1")
    subdir = "hydra.sweep.subdir=${hydra.job.override_dirname}"
    app.completes('+at="${now:%f}"', subdir)
    (run,) = (path for path in app.out.iterdir() if path.name.startswith("+at="))
    assert (run / ".hydra" / "config.yaml").exists()
    assert (run / ".exptools" / "status.json").exists()
    # Hydra saves the subdir as it was asked for.
    assert "subdir: ${hydra.job.override_dirname}" in (run / ".hydra" / "hydra.yaml").read_text()


def test_a_directory_that_cannot_be_is_refused_before_anything_starts(tmp_path: Path) -> None:
    app = App(tmp_path / "app", "print('started')")
    subdir = "hydra.sweep.subdir=${hydra.job.override_dirname}"
    output = app.fails(f"+name='{'ü' * 130}'", "+x=1,2", subdir)
    assert "hydra.sweep.subdir of job 0 has a name of 2" in output
    assert "255 are the most here: choose a shorter one" in output
    assert "Traceback" not in output
    unresolved = app.fails("+x=1", "hydra.sweep.subdir=${oc.env:NOWHERE}")
    assert "hydra.sweep.subdir of job 0 cannot be resolved: Interpolation" in unresolved
    assert "Environment variable 'NOWHERE' not found" in unresolved
    assert "Traceback" not in unresolved
    assert not list(app.out.glob("*/.hydra"))
