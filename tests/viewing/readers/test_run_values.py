"""What our logger says of a run as a whole, beside the config of any format; and others' files."""

import json
import shutil
import subprocess
import sys

import pytest

from exptools.logging.run_logger import Logger
from exptools.rundir import OTHER_SUMMARY_FILE, SUMMARY_FILE, State, write_atomic
from tests.viewing.readers.test_formats import SB3, write
from tests.viewing.samples import indexed, only_run, write_run


def write_values(path, values):
    write_atomic(path, json.dumps({"_exptools": {"version": 1}, **values}).encode())


def test_a_run_without_hydra_has_the_config_and_the_summary_that_it_has_logged(tmp_path):
    logger = Logger()
    for lr in (1, 2):
        logger.open(tmp_path / str(lr), console=None)
        logger.log_hparams({"optim": {"lr": lr, "betas": (0.9, 0.99)}, "of": "${optim.lr}"})
        logger.summary({"best": lr / 2, "note": "é", "ok": True})
        logger.log_scalar("loss", 0.5)
    logger.close()
    index = indexed(tmp_path)
    first = index.snapshot.runs[0]
    assert first.config == {"optim.lr": 1, "optim.betas": (0.9, 0.99), "of": 1}
    assert first.summary == {"best": 0.5, "note": "é", "ok": True}
    assert (first.format, first.state, first.faults) == ("exptools", None, ())
    logger.open(tmp_path / "2", console=None)
    logger.summary("best", 3)
    logger.close()
    assert index.refresh()
    assert index.snapshot.runs[1].summary == {"best": 3}


def test_in_a_hydra_run_logged_settings_add_keys_and_overwrite_none(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1, "name": "a"}, "step,loss\n0,1\n")
    write_values(run / ".exptools/config.json", {"lr": 2, "more": {"a": 3}})
    assert only_run(tmp_path).config == {"lr": 1, "name": "a", "more.a": 3}


def test_the_settings_of_the_other_door_count_more_than_logged_ones(tmp_path):
    run = write(tmp_path / "run_0", params__json='{"lr": 1}', progress__csv="step,a\n0,1\n")
    write_values(run / ".exptools/config.json", {"lr": 2, "more": 3})
    assert only_run(tmp_path).config == {"lr": 1, "more": 3}


def test_metrics_below_a_run_come_with_what_was_said_beside_them(tmp_path):
    write_run(tmp_path / "0", {"lr": 1})
    below = write(tmp_path / "0" / "logs", progress__csv=SB3)
    write_values(below / ".exptools/config.json", {"lr": 2, "more": 3})
    write_values(below / "summary.json", {"best": 1})
    run = only_run(tmp_path)
    assert (run.config, run.summary) == ({"lr": 1, "more": 3}, {"best": 1})


@pytest.mark.parametrize(
    "content",
    [b"[1]", b'{"acc": NaN, "a": {"b": [1]}}', b"{", b"\xff", b"[" * 10**5, b"x" * 2**21, b""],
    ids=["list", "object", "torn", "binary", "deep", "large", "empty"],
)
def test_another_programs_summary_says_nothing_and_is_no_fault(tmp_path, content):
    run = write_run(tmp_path / "0", {"lr": 1}, "step,loss\n0,1\n")
    (run / "summary.json").write_bytes(content)
    write_values(run / ".exptools/summary.json", {"result": 1})
    (tmp_path / "no run").mkdir()
    write_atomic(tmp_path / "no run" / "summary.json", content)
    found = only_run(tmp_path)
    assert (found.summary, found.faults) == ({"result": 1}, ())


def test_what_a_summary_cannot_hold_is_left_out_and_a_bad_config_is_a_fault(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1}, "step,loss\n0,1\n")
    odd = {
        "a": [1],
        "b": {"c": 1},
        "d": None,
        "nan": float("nan"),
        "\ud800": "\ud800",
        "big": 10**400,
    }
    write_values(run / "summary.json", odd)
    write_values(run / ".exptools/config.json", {str(n): n for n in range(6000)})
    found = only_run(tmp_path)
    assert str(found.summary) == str({"nan": float("nan"), "\\ud800": "\\ud800", "big": 10**400})
    assert "config.json: a config of more than 5000 keys is not read" in str(found.faults[0])
    assert found.config == {"lr": 1}


def test_where_a_directory_has_the_name_of_the_summary_it_is_read_beside_it(tmp_path):
    run = write_run(tmp_path / "0", {})
    (run / SUMMARY_FILE).mkdir()
    write_values(run / OTHER_SUMMARY_FILE, {"best": 3})
    assert only_run(tmp_path).summary == {"best": 3}


LOGS = """
import os, signal, sys
from exptools import logger

logger.open(sys.argv[1], console=None)
logger.log_scalar("loss", 0.5, 0)
logger.dump()
print("logged", flush=True)
if sys.argv[2] == "waits":
    sys.stdin.read()
elif sys.argv[2] == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_of_a_run_without_hydra_the_logger_tells_whether_it_is_alive(tmp_path):
    program = [sys.executable, "-c", LOGS]
    for name in ("ends", "dies"):
        subprocess.run([*program, tmp_path / name, name], check=False, capture_output=True)
    with subprocess.Popen(
        [*program, tmp_path / "waits", "waits"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as waits:
        waits.stdout.readline()
        shutil.copytree(tmp_path / "waits", tmp_path / "copy")
        states = {run.name: run.state for run in indexed(tmp_path).snapshot.runs}
        waits.stdin.close()
    assert states == {
        "copy": None,
        "dies": State.KILLED,
        "ends": None,
        "waits": State.RUNNING,
    }
