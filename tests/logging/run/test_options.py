"""How a run is logged: on the console, and when something cannot be written."""

import json
import os
import pty
import re
import resource
import subprocess
import sys

import pandas as pd
import pytest

from exptools.provenance import git_changes
from exptools.rundir import PATCH_FILE, PROVENANCE_FILE
from tests.logging.conftest import git


def test_a_row_is_one_line_where_there_is_no_terminal(logger, tmp_path, capsys):
    logger.open(tmp_path, console=0)
    logger.log_scalars({"loss": 0.123456789, "n": 12345}, 7)
    logger.dump()
    assert capsys.readouterr().out == "step 7 · loss 0.12346 · n 12,345\n"


def test_rows_are_shown_now_and_then_and_the_last_one_at_the_end(logger, tmp_path, capsys):
    logger.open(tmp_path)
    for step in range(1000):
        logger.log_scalar("a", step, step)
        logger.dump()
    assert capsys.readouterr().out.startswith("step 0 · a 0\n")
    logger.close()
    assert capsys.readouterr().out == "step 999 · a 999\n"


def test_thousands_of_tags_and_odd_ones_are_shown_in_short(logger, tmp_path, capsys):
    logger.open(tmp_path, console=0)
    logger.log_scalars({"\x1b[31mred\n": 1, "x" * 10_000: 2} | {f"t{i}": 3 for i in range(9_998)})
    logger.dump()
    (line,) = capsys.readouterr().out.splitlines()
    assert "\x1b" not in line
    assert len(line) < 2_000
    assert line.endswith(" · … 9,900 more")


def test_a_silent_console_shows_nothing(logger, tmp_path, capsys):
    logger.open(tmp_path, console=None)
    logger.log_scalar("a", 1)
    logger.close()
    assert capsys.readouterr().out == ""


ON_A_TERMINAL = """
import sys
from exptools import logger

logger.open(sys.argv[1])
logger.log_scalars({"train/loss": 0.5, "[red]odd": 3}, 12)
logger.dump()
"""


def test_a_row_is_a_table_on_a_terminal(tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", ON_A_TERMINAL, str(tmp_path)]
    subprocess.run(command, stdout=theirs, check=True, timeout=60)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", os.read(ours, 10_000).decode())
    lines = [line.split() for line in shown.splitlines() if line.strip()]
    assert lines[0] == ["step", "12"]
    assert ["train/loss", "0.5"] in lines
    assert ["[red]odd", "3"] in lines


CLOSED_OUTPUT = """
import os, sys
from exptools import logger

logger.open(sys.argv[1], console=0)
HOW
for step in range(3):
    logger.log_scalar("a", step, step)
logger.close()
"""


@pytest.mark.parametrize("how", ["sys.stdout.close()", "sys.stdout = None"])
def test_a_closed_standard_output_does_not_end_the_training(run_python, tmp_path, how):
    run_python(CLOSED_OUTPUT.replace("HOW", how), str(tmp_path / "run"))
    assert len(pd.read_csv(tmp_path / "run" / "progress.csv")) == 3


@pytest.fixture
def full_disk():
    """No file may grow beyond the given size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_who_only_wants_a_warning_trains_on_through_a_full_disk(
    logger, tmp_path, full_disk, recwarn
):
    logger.open(tmp_path, on_error="warn", console=None)
    logger.log_scalar("a", 0, 0)
    logger.dump()
    full_disk(100)
    for step in range(1, 50):
        logger.log_scalar("a", step, step)
        logger.dump()
    assert len(recwarn) == 1
    assert "File too large" in str(recwarn[0].message)
    assert recwarn[0].filename == __file__
    full_disk(2**30)
    logger.log_scalar("a", 99, 99)
    logger.close()
    steps = pd.read_csv(tmp_path / "progress.csv")["step"].tolist()
    assert (steps[0], steps[-1]) == (0, 99)


def test_a_directory_that_cannot_be_made_is_one_warning_too(logger, tmp_path, recwarn):
    (tmp_path / "file").touch()
    logger.open(tmp_path / "file" / "run", on_error="warn")
    logger.log_scalar("a", 1)
    logger.dump()
    assert len(recwarn) == 1
    assert "Not a directory" in str(recwarn[0].message)
    assert recwarn[0].filename == __file__


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"on_eror": "warn"}, TypeError, "no option 'on_eror'; did you mean 'on_error'"),
        ({"on_error": "wrn"}, ValueError, "one of raise, warn, not 'wrn'; did you mean 'warn'"),
        ({"snapshot_mode": "lst"}, ValueError, "one of all, .*, not 'lst'; did you mean 'last'"),
        ({"snapshot_mode": 3}, ValueError, "snapshot_mode should be one of all, .*, not 3"),
        ({"snapshot_gap": 0}, ValueError, "snapshot_gap should be an integer from 1 on, not 0"),
        ({"snapshot_gap": "10"}, ValueError, "should be an integer from 1 on, not '10'"),
        ({"snapshot_keep": -1}, ValueError, "snapshot_keep should be an integer from 1 on, not -1"),
        ({"snapshot_gap": None}, ValueError, "should be an integer from 1 on, not None"),
        ({"console": "5"}, ValueError, "console should be seconds or None, not '5'"),
        ({"console": True}, ValueError, "console should be seconds or None, not True"),
        ({"options": "warn"}, TypeError, "should be a LogOptions, not 'warn'; single ones are"),
        ({"console": -1}, ValueError, "console should be seconds or None, not -1"),
    ],
)
def test_what_is_no_option_is_refused_in_a_sentence(logger, tmp_path, options, error, words):
    with pytest.raises(error, match=words):
        logger.open(tmp_path, **options)


def commit(directory, file, content):
    """Make a repository that has one file."""
    (directory / file).write_text(content)
    git(directory, "init")
    git(directory, "add", file)
    git(directory, "commit", "--message", "first")


APP = """
import hydra
from exptools import logger

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    logger.log_scalar("a", 1)

main()
"""


@pytest.mark.hydra
def test_where_the_code_came_from_is_gathered_once_a_sweep(run_python):
    commit(run_python.home, "train.py", "first\n")
    done = run_python(APP, "-m", "+a=1,2", "hydra.sweep.dir=sweep", "hydra/callbacks=exptools")
    assert done.returncode == 0, done.stderr
    facts = json.loads((run_python.home / "sweep" / "1" / PROVENANCE_FILE).read_text())
    assert facts["git"]["dirty"] is True
    assert "hydra.sweep.dir=sweep" in facts["command"]
    assert facts["packages"]["numpy"]
    patch = (run_python.home / "sweep" / "0" / PATCH_FILE).read_text()
    assert "-first" in patch
    assert "+import hydra" in patch
    places = [run_python.home / "sweep" / job / PROVENANCE_FILE for job in (".", "0", "1")]
    assert len({place.stat().st_ino for place in places}) == 1


def test_a_huge_change_is_cut_and_says_so(logger, tmp_path, monkeypatch):
    commit(tmp_path, "data.txt", "x")
    (tmp_path / "data.txt").write_text("y" * 2**21)
    monkeypatch.chdir(tmp_path)
    logger.open(tmp_path / "run")
    assert not (tmp_path / "run" / PATCH_FILE).exists()
    git_facts = json.loads((tmp_path / "run" / PROVENANCE_FILE).read_text())["git"]
    assert git_facts["patch_cut"] is True
    (left_out,) = git_facts["left_out"]
    assert left_out["path"] == "data.txt"
    assert re.fullmatch(r"\d+ bytes", left_out["reason"])


def test_the_patch_is_of_the_whole_repository_whatever_the_user_configured(
    logger, tmp_path, monkeypatch
):
    commit(tmp_path, "code.py", "x")
    (tmp_path / "inside").mkdir()
    git(tmp_path, "config", "diff.relative", "true")
    (tmp_path / "code.py").write_text("y")
    monkeypatch.chdir(tmp_path / "inside")
    logger.open(tmp_path / "run")
    assert "+y" in (tmp_path / "run" / PATCH_FILE).read_text()


def test_a_change_that_git_cannot_show_in_time_is_not_called_none(logger, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    slow = tmp_path / "bin" / "git"
    slow.write_text(
        '#!/bin/sh\ncase "$*" in *diff*) exec sleep 60;; '
        f"*rev-parse*) echo {'a' * 40}; pwd; echo HEAD;; "
        "*) printf '1 .M N... 100644 100644 100644 1 2 x';; esac\n"
    )
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(git_changes, "_TIMEOUT", 0.5)
    logger.open(tmp_path / "run")
    facts = json.loads((tmp_path / "run" / PROVENANCE_FILE).read_text())
    assert (facts["git"]["dirty"], facts["git"]["patch_cut"]) == (True, True)


def test_outside_of_a_repository_the_rest_is_still_said(logger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logger.open(tmp_path / "run")
    facts = json.loads((tmp_path / "run" / PROVENANCE_FILE).read_text())
    assert facts["git"] is None
    assert facts["host"]
