"""A run directory has one writer: whoever comes second is told who the first one is."""

import os
import re
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from exptools.logging.errors import LoggingError
from exptools.logging.run import run_lock
from exptools.logging.run.run_lock import DirectoryInUse, RunLock
from exptools.logging.run_logger import Logger
from exptools.rundir import LOG_LOCK, ROW_LOCK, State, read_status

WRITER = """
import sys
from exptools import logger

logger.open(sys.argv[1], console=None)
logger.log_scalar("a", 1, 0)
logger.dump()
print("open", flush=True)
sys.stdin.readline()
logger.log_scalars({"a": 2, "late": 3}, 1)
logger.close()
"""


@pytest.fixture
def writer(tmp_path):
    """Another process that logs in tmp_path and goes on when it is sent a line."""
    command, pipe = [sys.executable, "-c", WRITER, str(tmp_path)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_logs_here_and_changes_nothing(writer, logger, tmp_path):
    with pytest.raises(LoggingError) as told:
        logger.open(tmp_path)
    assert str(told.value) == (
        f"{tmp_path}: this directory is being logged by process {writer.pid} on host "
        f"{socket.gethostname()}; give each process a directory of its own"
    )
    with pytest.raises(LoggingError, match=f"process {writer.pid} "):
        logger.log_scalar("a", 5)
    writer.communicate("go\n")
    assert pd.read_csv(tmp_path / "progress.csv")["a"].tolist() == [1, 2]
    assert len(list(tmp_path.glob("progress.*.csv"))) == 0
    assert len(list(tmp_path.glob("events.out.*"))) == 1


@pytest.mark.parametrize("end", ["kill", "communicate"])
def test_when_the_first_process_has_ended_another_may_log(writer, logger, tmp_path, end):
    if end == "kill":
        writer.kill()
        writer.wait()
    else:
        writer.communicate("go\n")
    logger.open(tmp_path)
    logger.log_scalar("a", 7)
    assert (tmp_path / LOG_LOCK).read_text().startswith(f"process {os.getpid()} on host ")
    logger.close()
    assert pd.read_csv(tmp_path / "progress.csv")["a"].tolist() == [7]
    assert (tmp_path / LOG_LOCK).read_text() == ""


def test_closing_lets_others_log_also_when_the_last_row_is_lost(logger, tmp_path):
    logger.open(tmp_path)
    logger.log_scalar("a", 1)
    (tmp_path / "progress.csv").unlink()
    with pytest.raises(LoggingError):
        logger.close()
    RunLock(tmp_path).release()


def test_what_cannot_be_opened_is_not_kept_from_others(logger, tmp_path):
    (tmp_path / ROW_LOCK).mkdir(parents=True)
    with pytest.raises(LoggingError):
        logger.open(tmp_path)
    RunLock(tmp_path).release()


def test_a_second_logger_of_one_process_is_told_so_too(logger, tmp_path):
    logger.open(tmp_path)
    with pytest.raises(DirectoryInUse, match=f"process {os.getpid()} "):
        Logger().open(tmp_path)


LEAVES_A_CHILD = """
import os, sys
from exptools import logger

logger.open(sys.argv[1])
HOW_IT_FORKS
os._exit(0)
"""
FORKS = """
if os.fork() == 0:
    print("forked", flush=True)
    sys.stdin.read()
"""
SPAWNS = """
import subprocess
subprocess.Popen([sys.executable, "-c", "import sys; print('new', flush=True); sys.stdin.read()"],
                 close_fds=False)
"""


@pytest.mark.parametrize("how", [FORKS, SPAWNS])
def test_a_child_that_outlives_the_writer_does_not_keep_the_directory(logger, tmp_path, how):
    code, pipe = LEAVES_A_CHILD.replace("HOW_IT_FORKS", how), subprocess.PIPE
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout.readline()
        parent.wait()
        logger.open(tmp_path)


def test_a_forked_child_that_ends_leaves_the_directory_to_its_parent(logger, tmp_path):
    logger.open(tmp_path)
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    code = "import sys; from exptools import logger; logger.open(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert f"is being logged by process {os.getpid()} " in done.stderr


FORKED_BEFORE_THE_FIRST_LOG = """
import os, hydra
from exptools import logger

@hydra.main(version_base=None, config_path=None)
def main(cfg):
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(ready, 1)
        try:
            logger.log_scalar("worker", 1)
        except OSError as error:
            print(error, flush=True)
        os._exit(0)
    logger.log_scalar("loss", 1, 0)
    os.write(told, b"x")
    os.waitpid(child, 0)
    logger.log_scalars({"loss": 2, "late": 1}, 1)

main()
"""


def test_a_worker_forked_before_the_first_log_does_not_spoil_its_parents_rows(run_python):
    done = run_python(FORKED_BEFORE_THE_FIRST_LOG, "hydra.run.dir=out")
    assert done.returncode == 0, done.stderr
    assert re.search(r"is being logged by process \d+ on host", done.stdout)
    table = pd.read_csv(run_python.home / "out" / "progress.csv")
    assert table.columns.tolist() == ["step", "wall_time", "loss", "late"]
    assert table["loss"].tolist() == [1, 2]


TWICE = """
import os, sys, hydra
from exptools import logger

@hydra.main(version_base=None, config_path=None)
def main(cfg):
    sys.stdin.readline()
    for step in range(200):
        logger.log_scalars({"run": cfg.run, f"a{cfg.run}/{step // 50}": step}, step)

main()
"""


HOLDER = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_who_comes_as_another_one_lets_go_has_the_directory(tmp_path, monkeypatch):
    path, pipe = tmp_path / LOG_LOCK, subprocess.PIPE
    path.parent.mkdir()
    path.touch()  # as it is when somebody has just ended
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "held\n"
        monkeypatch.setattr(run_lock.time, "sleep", lambda _: process.communicate())
        RunLock(tmp_path).release()


@pytest.mark.parametrize(
    "callback", [(), pytest.param(("hydra/callbacks=exptools",), marks=pytest.mark.hydra)]
)
def test_of_two_runs_in_one_directory_one_is_whole_and_one_says_why_not(tmp_path, callback):
    (tmp_path / "train.py").write_text(TWICE)
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(
            [sys.executable, "train.py", f"+run={run}", "hydra.run.dir=out", *callback],
            cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe, text=True,
        )
        for run in (1, 2)
    ]  # fmt: skip
    with ThreadPoolExecutor() as threads:  # both at once
        errors = [both[1] for both in threads.map(lambda p: p.communicate("go\n"), processes)]
    codes = [process.returncode for process in processes]
    table = pd.read_csv(tmp_path / "out" / "progress.csv")
    if sorted(codes) == [0, 0]:  # they have missed each other
        assert (tmp_path / "out" / "progress.1.csv").exists()
    else:
        assert sorted(codes) == [0, 1]
        assert "is being logged by process" in errors[codes.index(1)]
        assert table["run"].unique().tolist() == [codes.index(0) + 1]
    assert len(table) == 200
    if callback:
        assert read_status(tmp_path / "out").state is State.COMPLETED


def test_a_child_of_a_run_whose_directory_is_gone_says_so_and_makes_no_new_one(logger, tmp_path):
    logger.open(tmp_path / "run", console=None)
    shutil.rmtree(tmp_path / "run")
    child = os.fork()
    if child == 0:
        try:
            logger.log_scalar("a", 1)
        except LoggingError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert not (tmp_path / "run").exists()


def test_a_table_that_somebody_put_in_the_files_place_is_not_rewritten(logger, tmp_path):
    logger.open(tmp_path)
    logger.log_scalar("a", 1, 0)
    logger.dump()
    os.rename(tmp_path / "progress.csv", tmp_path / "mine.csv")
    (tmp_path / "progress.csv").write_text("step,wall_time\n")
    logger.log_scalar("late", 1, 1)
    with pytest.raises(LoggingError, match=r"progress\.csv: replaced by another file"):
        logger.dump()
    assert (tmp_path / "progress.csv").read_text() == "step,wall_time\n"
    assert pd.read_csv(tmp_path / "mine.csv")["a"].tolist() == [1]
