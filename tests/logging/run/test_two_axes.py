"""Two step axes and workers on one tag: what a kill leaves, and what TensorBoard shows of it."""

import signal
import subprocess
import sys

import pandas as pd
import pytest

from exptools.viewing import load

LOADERS = pytest.mark.parametrize("loader", [(), ("--load_fast=false",)], ids=["fast", "python"])

KILLED = """
import os, signal, sys
LOGGER
log("eval/return", 1.0, 1_000_000)
for update in range(2000):
    log("train/loss", update / 7, update)
    if update == 1000:
        log("eval/return", 2.0, 2_000_000)
os.kill(os.getpid(), signal.SIGKILL)
"""
MAIN_DOOR = """
from exptools import logger
logger.open(sys.argv[1], console=None)
log = logger.log_scalar
"""
SEED_DOOR = """
from exptools.logging import logger
logger.open(sys.argv[1], console=None)
log = logger.record_tabular
"""
SUMMARY_WRITER = """
from exptools.logging.adapters.summary_writer import SummaryWriter
log = SummaryWriter(sys.argv[1]).add_scalar
"""


def series(directory, tag):
    table = pd.read_csv(directory / "progress.csv").dropna(subset=tag)
    return list(zip(table["step"], table[tag], strict=True))


@pytest.mark.parametrize("door", [MAIN_DOOR, SEED_DOOR, SUMMARY_WRITER])
def test_a_kill_loses_the_current_row_of_each_axis_at_most(tmp_path, door):
    command = [sys.executable, "-c", KILLED.replace("LOGGER", door), str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert series(tmp_path, "train/loss") == [(u, u / 7) for u in range(1999)]
    assert series(tmp_path, "eval/return") == [(1_000_000, 1.0), (2_000_000, 2.0)]


def train(logger, first, last, attempt):
    """Log as a training of two axes does, and save amid the rows."""
    for update in range(first, last):
        if update % 10 == 0:
            logger.log_scalar("eval/return", attempt + update, 1000 * (update + 1))
            logger.log_text("eval/note", str(attempt), 1000 * (update + 1))
        logger.log_scalar("train/loss", attempt + update, update)
        if update % 25 == 0:
            logger.save_snapshot(update, update)


@LOADERS
def test_after_a_resume_tensorboard_shows_each_point_of_both_axes_once(
    logger, tmp_path, tensorboard, loader
):
    for attempt in (0, 0.25, 0.5):
        logger.open(tmp_path, console=None)
        snapshot = logger.load_snapshot()
        first = 0 if snapshot is None else snapshot.itr + 1
        train(logger, first, first + 60, attempt)
        logger.close()
    losses, returns = series(tmp_path, "train/loss"), series(tmp_path, "eval/return")
    assert [step for step, _ in losses] == [*range(len(losses))]
    assert [step for step, _ in returns] == [1000 * (u + 1) for u in range(0, len(losses), 10)]
    with tensorboard(tmp_path, *loader) as page:
        assert page.points("train/loss", count=len(losses)) == losses
        assert page.points("eval/return", count=len(returns)) == returns
        texts = page.ask("data/plugin/text/text?run=.&tag=eval/note")
        assert [text["step"] for text in texts] == [step for step, _ in returns]


WORKERS = """
import os, sys
from exptools import logger

logger.open(sys.argv[1], console=None)
logger.log_scalar("x", 0.0, 0)
logger.dump()
for worker in (1, 2):
    if os.fork() == 0:
        for step in range(1, 21):
            logger.log_scalar("x", worker, step)
        logger.close()
        os._exit(0)
    os.wait()
"""


@LOADERS
def test_tensorboard_shows_all_points_of_two_workers_on_one_tag(
    run_python, tmp_path, tensorboard, loader
):
    run = tmp_path / "run"
    done = run_python(WORKERS, str(run))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(series(run, "x")) == 41
    with tensorboard(run, *loader) as page:
        assert page.points("x", count=21) == [(0, 0), *((step, 1) for step in range(1, 21))]
        again = page.points("x", "out_of_order/1", count=20)
        assert again == [(step, 2) for step in range(1, 21)]
    assert len(load(tmp_path)) == 1, "the directory of what goes back is no run"


def test_a_point_that_repeats_itself_makes_no_file(logger, tmp_path):
    logger.open(tmp_path, console=None)
    for tag in ("loss", "val"):  # as Lightning says the epoch in each of its rows
        logger.log_scalars({tag: 1, "epoch": 0}, 5)
        logger.dump()
    assert not (tmp_path / "out_of_order").exists()


def test_what_goes_back_too_often_is_left_out_of_tensorboard_and_said_once(
    logger, tmp_path, recwarn
):
    logger.open(tmp_path, console=None)
    for value in range(12):
        logger.log_scalar("x", value, 5)
        logger.dump()
    (warning,) = recwarn.list
    assert "TensorBoard does not show all of 'x'" in str(warning.message)
    assert series(tmp_path, "x") == [(5, value) for value in range(12)]


def test_what_went_back_before_a_snapshot_counts_and_what_did_after_it_does_not(
    logger, tmp_path, read_events
):
    for attempt in (0, 1):
        logger.open(tmp_path, console=None)
        logger.load_snapshot()
        for step in (1 + 2 * attempt, 2 + 2 * attempt):
            for value in (0.0, 0.5):
                logger.log_scalar("x", attempt + value, step)
                logger.dump()
            if step == 1:
                logger.save_snapshot(None, 1)
        logger.close()
    assert series(tmp_path, "x") == [(1, 0), (1, 0.5), (3, 1), (3, 1.5), (4, 1), (4, 1.5)]
    assert read_events(tmp_path)["x"] == [(1, 0), (3, 1), (4, 1)]
    assert read_events(tmp_path / "out_of_order" / "1")["x"] == [(1, 0.5), (3, 1.5), (4, 1.5)]


def two_axes(logger, updates, value):
    """As a training logs: an evaluation before each tenth update, by the steps of its world."""
    for update in updates:
        if update % 10 == 0:
            logger.log_scalar("eval", value, 1000 * (update + 1))
        logger.log_scalar("loss", value, update)
        logger.log_scalar("accuracy", value, update)


@pytest.mark.parametrize("step", [24, 21_000 + 4_000], ids=["updates", "steps of the world"])
def test_resuming_by_a_step_of_one_axis_keeps_the_rows_of_the_other(logger, tmp_path, step):
    logger.open(tmp_path, console=None)
    two_axes(logger, range(36), 0)
    logger.close()
    logger.open(tmp_path, console=None)
    logger.resume(step)
    two_axes(logger, range(25, 45), 1)
    logger.close()
    assert series(tmp_path, "loss") == [(u, u > 24) for u in range(45)]
    assert series(tmp_path, "accuracy") == [(u, u > 24) for u in range(45)]
    assert series(tmp_path, "eval") == [(1000 * (u + 1), u > 24) for u in range(0, 45, 10)]
