"""A run that is started again in its directory: it goes on, or starts afresh; nothing is lost."""

import logging
import os
import shutil
import signal
import subprocess
import sys

import pandas as pd
import pytest

from exptools.logging.run.options import LogOptions
from exptools.logging.run_logger import Logger
from exptools.rundir import MEDIA_INDEX


def rows(directory, name="progress.csv"):
    table = pd.read_csv(directory / name)
    return list(zip(table["step"], table["a"], strict=True))


def attempt(directory, first, last, save_at=(), load=False):
    """Log a = step + 1000 * attempt for some steps, as a training script would."""
    logger = Logger()
    logger.open(directory, console=None, snapshot_mode="all")
    offset = 1000 * len(list(directory.glob("events*")))
    snapshot = logger.load_snapshot() if load else None
    for step in range(first if snapshot is None else snapshot.itr + 1, last):
        logger.log_scalar("a", offset + step, step)
        logger.dump()
        if step in save_at:
            logger.save_snapshot({"step": step}, step)
    logger.close()
    return snapshot


def test_a_run_that_loads_a_snapshot_goes_on_behind_it(tmp_path, read_events):
    attempt(tmp_path, 0, 8, save_at=[4])
    attempt(tmp_path, 0, 10, load=True)
    first = offset_of(tmp_path, 0)
    second = offset_of(tmp_path, 9)
    expected = [(s, first + s) for s in range(5)] + [(s, second + s) for s in range(5, 10)]
    assert rows(tmp_path) == expected
    assert rows(tmp_path, "progress.1.csv") == [(s, first + s) for s in (5, 6, 7)]
    assert read_events(tmp_path)["a"] == expected


def offset_of(directory, step):
    return dict(rows(directory))[step] - step


def test_a_run_that_loads_nothing_starts_afresh_and_keeps_the_rows_of_before(tmp_path, read_events):
    attempt(tmp_path, 0, 8, save_at=[4])
    before = (tmp_path / "progress.csv").read_bytes()
    attempt(tmp_path, 0, 3)
    assert [step for step, _ in rows(tmp_path)] == [0, 1, 2]
    assert (tmp_path / "progress.1.csv").read_bytes() == before
    assert read_events(tmp_path)["a"] == rows(tmp_path)


def test_code_that_does_the_snapshots_step_again_has_it_once(tmp_path, read_events):
    attempt(tmp_path, 0, 8)
    logger = Logger()
    logger.open(tmp_path, console=None)
    logger.resume(4)
    for step in range(4, 6):  # not from 5
        logger.log_scalar("a", -step, step)
    logger.close()
    assert [step for step, _ in rows(tmp_path)] == [0, 1, 2, 3, 4, 5]
    assert rows(tmp_path)[4:] == [(4, -4), (5, -5)]
    assert read_events(tmp_path)["a"] == rows(tmp_path)


# As the README's loop does it: a later step ends the row, and the snapshot comes before.
PENDING = """
import os, signal, sys
from exptools import logger

logger.open(sys.argv[1], console=None)
snapshot = logger.load_snapshot()
for step in range(0 if snapshot is None else snapshot.itr + 1, 10):
    logger.log_scalar("eval", -step, 1000 * step)
    logger.log_scalar("a", step, step)
    logger.log_scalar_mean("mean", step, step)
    logger.save_snapshot(None, step)
    logger.log_scalar("after", step, step)
    if snapshot is None and step == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kills", [[4], [0, 1, 2]])
def test_a_row_that_had_not_ended_when_the_snapshot_was_saved_is_not_lost(tmp_path, kills):
    code = PENDING if len(kills) == 1 else PENDING.replace("snapshot is None and ", "")
    for kill in [*kills, -1]:
        command = [sys.executable, "-c", code, str(tmp_path), str(kill)]
        done = subprocess.run(command, check=False)
        assert done.returncode == (0 if kill == -1 else -signal.SIGKILL)
    table = pd.read_csv(tmp_path / "progress.csv")
    for tag in ("a", "mean"):
        rows_of = table.dropna(subset=tag)
        assert rows_of["step"].tolist() == rows_of[tag].tolist() == list(range(10))
    evaluations = table.dropna(subset="eval")
    assert (evaluations["eval"] * -1000).tolist() == evaluations["step"].tolist()
    # What came after the snapshot in a row that was cut off is not known to anybody.
    assert [n for n in range(10) if n not in table["after"].tolist()] == kills


def test_a_row_that_has_ended_since_the_snapshot_stays_with_all_that_it_has(tmp_path):
    logger = Logger()
    logger.open(tmp_path, console=None)
    logger.log_scalar("a", 1, 4)
    logger.save_snapshot(None, 4)
    logger.log_scalar("b", 2, 4)
    logger.log_scalar("a", 3, 5)
    logger.close()
    logger.open(tmp_path, console=None)
    logger.load_snapshot()
    logger.log_scalar("a", 4, 5)
    logger.close()
    assert rows(tmp_path) == [(4, 1), (5, 4)]
    assert pd.read_csv(tmp_path / "progress.csv")["b"].tolist()[0] == 2


def test_counted_rows_that_had_not_ended_are_rows_of_their_own(tmp_path):
    logger = Logger()
    for values in ([1, 2, 3], [4, 5]):
        logger.open(tmp_path, console=None)
        logger.load_snapshot()
        for value in values:
            logger.dump()
            logger.log_scalar("a", value)
            logger.save_snapshot(None, 77)
        logger._current._run.rows.end(None, 0.0)  # as if it was killed now
        logger.close()
    logger.open(tmp_path, console=None)
    logger.load_snapshot()
    logger.log_scalar("a", 6)
    logger.close()
    assert rows(tmp_path) == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)]


def killed(*calls):
    """Have a process log by calls of a logger, which are tuples, and be killed."""
    if (pid := os.fork()) == 0:
        logger = Logger()
        for verb, *arguments in calls:
            getattr(logger, verb)(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def opened(directory):
    return ("open", directory, LogOptions(console=None))


def a(step, value=None):
    return ("log_scalar", "a", step if value is None else value, step)


def test_looking_at_a_snapshot_of_a_killed_run_changes_nothing(tmp_path, logger):
    killed(opened(tmp_path), a(0), a(1), ("save_snapshot", None, 1), a(2), a(3))
    before = (tmp_path / "progress.csv").read_bytes()
    logger.open(tmp_path, console=None)
    logger.load_snapshot()
    logger.close()
    assert (tmp_path / "progress.csv").read_bytes() == before
    assert not (tmp_path / "progress.1.csv").exists()


def test_a_program_that_had_only_its_last_row_to_write_writes_it_when_started_again(
    tmp_path, logger
):
    killed(opened(tmp_path), a(0), a(1), ("save_snapshot", None, 1))
    for _ in range(2):  # the second time there is nothing to do
        logger.open(tmp_path, console=None)
        logger.load_snapshot()
        logger.close()
        assert rows(tmp_path) == [(0, 0), (1, 1)]


def test_a_snapshot_from_before_the_first_row_counts_on_what_the_one_before_it_counts_on(
    tmp_path, logger
):
    killed(opened(tmp_path), a(3), a(4), ("save_snapshot", None, 4), a(5))
    killed(opened(tmp_path), ("load_snapshot",), a(5), ("save_snapshot", None, 5))
    logger.open(tmp_path, console=None)
    assert logger.load_snapshot().itr == 5
    logger.log_scalar("a", 6, 6)
    logger.close()
    assert rows(tmp_path) == [(3, 3), (4, 4), (5, 5), (6, 6)]


@pytest.mark.parametrize("step", [3, None])
def test_a_row_that_was_open_does_not_replace_a_workers_of_its_step(tmp_path, step, logger):
    def work():
        if os.fork() == 0:
            worker.log_scalar("a", -1, step)
            worker.close()
            os._exit(0)
        os.wait()

    worker = Logger()
    if (pid := os.fork()) == 0:
        worker.open(tmp_path, console=None)
        worker.log_scalar("a", 1, step)
        work()
        worker.save_snapshot(None, 3)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    logger.open(tmp_path, console=None)
    logger.load_snapshot()
    logger.log_scalar("a", 2, 4)
    logger.close()
    assert [value for _, value in rows(tmp_path)] == [-1, 1, 2]


def test_steps_that_start_over_in_each_epoch_replace_no_earlier_epoch(tmp_path, logger):
    first, second = [(0, 1), (1, 2), (2, 3)], [(0, 4), (1, 5), (2, 6)]
    epochs = [call for row in (*first, *second) for call in (a(*row), ("dump",))]
    killed(opened(tmp_path), *epochs, ("save_snapshot", None, 2), a(0, 7), ("dump",))
    logger.open(tmp_path, console=None)
    logger.load_snapshot()
    logger.log_scalar("a", 8, 0)
    logger.close()
    assert rows(tmp_path) == [*first, *second, (0, 8)]
    assert rows(tmp_path, "progress.1.csv") == [(0, 7)]


def test_a_death_between_cutting_the_table_and_the_event_file_doubles_no_point(
    tmp_path, logger, read_events, monkeypatch
):
    other = ("log_scalar", "other", 1, 3000)  # by other steps, so that the last does not tell
    began = [opened(tmp_path), a(0), other, ("dump",), ("save_snapshot", None, 0)]
    killed(*began, a(1), ("dump",))
    with monkeypatch.context() as patch:
        place = "exptools.logging.run.files.TensorBoardWriter"
        patch.setattr(place, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        killed(opened(tmp_path), ("load_snapshot",), a(1), ("dump",))
    assert pd.read_csv(tmp_path / "progress.csv")["step"].tolist() == [0, 3000]
    logger.open(tmp_path, console=None)
    logger.load_snapshot()
    logger.log_scalar("a", -1, 1)
    logger.close()
    assert read_events(tmp_path) == {"a": [(0, 0), (1, -1)], "other": [(3000, 1)]}


def test_counted_steps_go_on_where_only_the_snapshots_were_brought_along(tmp_path, logger):
    killed(opened(tmp_path / "old"), a(7), ("save_snapshot", None, 7))
    shutil.copytree(tmp_path / "old" / "snapshots", tmp_path / "new" / "snapshots")
    logger.open(tmp_path / "new", console=None)
    logger.load_snapshot()
    logger.log_scalar("a", 1)
    logger.close()
    assert rows(tmp_path / "new") == [(8, 1)]


def test_counted_steps_go_on(tmp_path):
    logger = Logger()
    for values in ([1, 2, 3], [4, 5]):
        logger.open(tmp_path, console=None)
        logger.load_snapshot()
        for value in values:
            logger.log_scalar("a", value)
            logger.dump()
        logger.save_snapshot(None, 77)  # iterations that are no steps
    logger.close()
    assert rows(tmp_path) == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]


def test_a_torn_last_line_is_repaired_and_kept_apart(tmp_path):
    attempt(tmp_path, 0, 4)
    with (tmp_path / "progress.csv").open("ab") as file:
        file.write(b"4,17000")
    logger = Logger()
    logger.open(tmp_path, console=None)
    logger.resume(10)
    logger.log_scalar("a", 5, 11)
    logger.close()
    assert [step for step, _ in rows(tmp_path)] == [0, 1, 2, 3, 11]
    assert (tmp_path / "progress.1.csv").read_bytes().endswith(b"\n4,17000")


def test_new_tags_after_a_resume_widen_the_rows_of_before(tmp_path):
    attempt(tmp_path, 0, 3)
    logger = Logger()
    logger.open(tmp_path, console=None)
    logger.resume(1)
    logger.log_scalar("b,\n", 5, 2)
    logger.close()
    table = pd.read_csv(tmp_path / "progress.csv")
    assert table.columns.tolist() == ["step", "wall_time", "a", "b,\n"]
    assert table["step"].tolist() == [0, 1, 2]


def test_a_run_that_is_opened_and_logs_nothing_changes_nothing(tmp_path):
    attempt(tmp_path, 0, 3)
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.glob("[a-z]*.*"))
    attempt(tmp_path, 0, 0, load=True)
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.glob("[a-z]*.*")) == before


def test_somebody_elses_table_is_set_aside_whole(tmp_path):
    (tmp_path / "progress.csv").write_text("epoch,loss\n1,2\n")
    logger = Logger()
    logger.open(tmp_path, console=None)
    logger.resume(5)
    logger.log_scalar("a", 1)
    logger.close()
    assert rows(tmp_path) == [(6, 1)]
    assert (tmp_path / "progress.1.csv").read_text() == "epoch,loss\n1,2\n"


def test_media_of_replaced_steps_leave_the_index(tmp_path):
    logger = Logger()
    for _ in range(2):
        logger.open(tmp_path, console=None)
        logger.resume(1)
        for step in (1, 2):
            logger.log_text("note", f"at {step}", step)
            logger.log_scalar("a", step, step)
        logger.close()
    assert (tmp_path / MEDIA_INDEX).read_text().count("\n") == 2


def test_the_log_says_where_the_run_goes_on(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    attempt(tmp_path, 0, 3, save_at=[1])
    attempt(tmp_path, 0, 5, load=True)
    assert f"going on in {tmp_path} from step 2" in caplog.text
    assert f"rows of the attempt before that are replaced: {tmp_path}/progress.1.csv" in caplog.text


# Runs on while it is being killed, but not beyond the step that it is told.
KILLED = """
import signal, sys
from exptools import logger

logger.open(sys.argv[1], console=None)
snapshot = logger.load_snapshot()
state = {"next": 0} if snapshot is None else snapshot.state
for step in range(state["next"], 150):
    logger.log_scalars({"a": step, "b": -step}, step)
    logger.dump()
    if step % 10 == 0:
        logger.save_snapshot({"next": step + 1}, step)
    print(step, flush=True)
    if step == int(sys.argv[2]):
        signal.pause()
"""


@pytest.fixture(scope="module")
def killed_run(tmp_path_factory):
    """A run of 150 steps that was killed three times, and did up to nine steps again each time."""
    run = tmp_path_factory.mktemp("killed")
    for last, end in ((25, 29), (77, 79), (78, 79), (149, 150)):
        command = [sys.executable, "-c", KILLED, str(run), str(end)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                if int(line) == last and last != 149:
                    process.kill()
                    break
        assert process.returncode == (0 if last == 149 else -signal.SIGKILL)
    return run


def test_after_kills_every_step_stands_once_in_the_table(killed_run):
    assert pd.read_csv(killed_run / "progress.csv")["a"].tolist() == list(range(150))
    replaced = [pd.read_csv(path)["a"].tolist() for path in killed_run.glob("progress.*.csv")]
    assert all(replaced), "an attempt that replaced nothing should leave no empty table"


# As a user starts it, with the data server, and with the loader where that has no wheel.
@pytest.mark.parametrize("loader", [(), ("--load_fast=false",)], ids=["fast", "python"])
def test_after_kills_every_step_stands_once_in_the_page_that_tensorboard_shows(
    killed_run, tensorboard, loader
):
    with tensorboard(killed_run, *loader) as page:
        assert page.points("a", count=150) == [(step, step) for step in range(150)]
