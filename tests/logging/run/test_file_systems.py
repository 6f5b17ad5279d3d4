"""File systems without locks, and backups that are made of hard links."""

import errno
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from exptools.logging.errors import LoggingError
from exptools.logging.run import run_lock
from exptools.logging.run_logger import Logger
from exptools.rundir import LOG_LOCK
from tests.conftest import ROOT

# As Lustre without ``-o flock`` answers, or some FUSE: below a path; elsewhere the real call.
NO_FLOCK = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int flock(int descriptor, int how) {
    char link[64], path[4096] = {0};
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, getenv("NO_FLOCK_BELOW"))) {
        errno = atoi(getenv("NO_FLOCK_ERRNO"));
        return -1;
    }
    return syscall(SYS_flock, descriptor, how);
}
"""


@pytest.fixture(scope="session")
def no_flock(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library for LD_PRELOAD."""
    directory = tmp_path_factory.mktemp("no_flock")
    (directory / "flock.c").write_text(NO_FLOCK)
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "the stand-in for flock needs a C compiler: apt-get install gcc libc6-dev"
    library = directory / "flock.so"
    source = directory / "flock.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return str(library)


PROGRAM = """
import multiprocessing, subprocess, sys
from exptools import logger

def work(number):
    for step in range(50):
        logger.log_scalars({f"worker {number}": step, f"late/{number}/{step // 25}": 1}, step)
        logger.dump()

logger.open("lustre", console=None)
if len(sys.argv) == 1:
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=work, args=(n,)) for n in range(4)]
    for child in children: child.start()
    second = subprocess.run([sys.executable, sys.argv[0], "second"], stderr=-1, text=True)
    print(second.stderr.splitlines()[-1])
    for child in children: child.join()
    print([child.exitcode for child in children])
    logger.log_scalar("parent", 1, 50)
    logger.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_files_cannot_be_locked_workers_lose_no_row_and_other_programs_are_refused(
    run_python, no_flock, code
):
    done = run_python(
        PROGRAM, LD_PRELOAD=no_flock, NO_FLOCK_BELOW="/lustre", NO_FLOCK_ERRNO=str(code)
    )
    refusal, exit_codes = done.stdout.splitlines()
    assert "this directory is being logged by process" in refusal
    assert exit_codes == "[0, 0, 0, 0]"
    lines = (run_python.home / "lustre" / "progress.csv").read_text().splitlines()
    assert {line.count(",") for line in lines} == {lines[0].count(",")}
    table = pd.read_csv(run_python.home / "lustre" / "progress.csv")
    for number in range(4):
        assert table[f"worker {number}"].dropna().tolist() == list(range(50))
    (line,) = (line for line in done.stderr.splitlines() if "RuntimeWarning" in line)
    assert f"this file system has no file locks ({os.strerror(code)})" in line
    assert "write there from one host at a time" in line


def test_where_nothing_can_be_locked_one_process_logs_and_the_others_are_told(run_python, no_flock):
    done = run_python(
        PROGRAM, LD_PRELOAD=no_flock, NO_FLOCK_BELOW="/", NO_FLOCK_ERRNO=str(errno.ENOLCK)
    )
    refusal, exit_codes = done.stdout.splitlines()
    assert "this directory is being logged by process" in refusal
    assert exit_codes == "[1, 1, 1, 1]"
    assert "rows.lock: no file locks here (No locks available) nor in " in done.stderr
    table = pd.read_csv(run_python.home / "lustre" / "progress.csv")
    assert table.columns.tolist() == ["step", "wall_time", "parent"]
    assert table["parent"].tolist() == [1]


@pytest.fixture
def locks_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system whose locks do not reach other hosts."""
    monkeypatch.setattr(run_lock.FileLock, "reach", run_lock.Reach.HOST)


@pytest.mark.parametrize("time", [0, 2**33])
def test_who_logs_on_another_host_is_respected_until_its_rows_have_ceased(
    logger: Logger, tmp_path: Path, locks_of_this_host: None, time: int
) -> None:
    logger.open(tmp_path, console=None)
    logger.log_scalar("a", 1, 0)
    logger.close()
    (tmp_path / LOG_LOCK).write_text("process 12 on host far\n34")
    with pytest.raises(LoggingError, match="process 12 on host far logged here 0 s ago, and no"):
        logger.open(tmp_path)
    for file in (tmp_path / LOG_LOCK, *tmp_path.glob("*.*")):
        os.utime(file, (time, time))  # long ago, or nobody's clock
    logger.open(tmp_path)
    assert (tmp_path / LOG_LOCK).read_text().startswith(f"process {os.getpid()} on host ")


def test_who_was_killed_on_this_host_is_not_waited_for(
    logger: Logger, tmp_path: Path, locks_of_this_host: None
) -> None:
    (tmp_path / LOG_LOCK).parent.mkdir()
    (tmp_path / LOG_LOCK).write_text(f"process 12 on host {socket.gethostname()}\n34")
    logger.open(tmp_path)


def back_up(run: Path) -> dict[str, bytes]:
    """Make a backup of hard links; what it holds."""
    backup = run.with_name("backup")
    shutil.rmtree(backup, ignore_errors=True)
    subprocess.run(["cp", "-al", run, backup], check=True)
    return contents(backup)


def contents(directory: Path) -> dict[str, bytes]:
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def log_everything(logger: Logger, step: int) -> None:
    logger.log_scalar("a", step, step)
    logger.log_text("t", str(step), step)
    logger.info(f"step {step}")
    logger.dump()
    logger.save_snapshot([step], step)


@pytest.mark.slow
def test_what_is_logged_later_stays_out_of_a_backup_of_hard_links(
    logger: Logger, tmp_path: Path, read_events, read_index
) -> None:
    run = tmp_path / "run"
    logger.open(run, console=None)
    log_everything(logger, 0)
    for step in (1, 2):
        before = back_up(run)
        log_everything(logger, step)
        assert contents(tmp_path / "backup") == before
    before = back_up(run)
    logger.close()
    logger.open(run, console=None)  # another attempt
    logger.load_snapshot()
    log_everything(logger, 3)
    logger.close()
    assert contents(tmp_path / "backup") == before
    assert pd.read_csv(run / "progress.csv")["a"].tolist() == [0, 1, 2, 3]
    assert read_events(run)["a"] == [(step, step) for step in range(4)]
    assert [record.step for record in read_index(run)] == [0, 1, 2, 3]


WORKERS = """
import os, sys
from exptools import logger

logger.open("run", console=None)
def told(number):  # in turns, as our parent says
    for line in os.fdopen(pipes[number][0]):
        logger.log_scalar(f"worker {number}", int(line), int(line))
        logger.dump()
        print("logged", flush=True)
    os._exit(0)

pipes = [os.pipe() for _ in range(2)]
for number in range(2):
    if os.fork() == 0:
        for _, end in pipes: os.close(end)
        told(number)
for line in sys.stdin:
    number, step = line.split()
    os.write(pipes[int(number)][1], f"{step}\\n".encode())
"""


@pytest.mark.slow
def test_all_processes_of_a_run_leave_a_backup_alone_whoever_sees_it_first(
    tmp_path: Path, read_events
) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", WORKERS], cwd=tmp_path, stdin=pipe, stdout=pipe, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        before: dict[str, bytes] = {}
        for step, number in enumerate([0, 1, 1, 0, 0, 1]):
            if step in (2, 4):
                before = back_up(tmp_path / "run")
            if step == 5:  # the second one has not seen the backup, and goes on with the first
                shutil.rmtree(tmp_path / "backup")
            sizes = [file.stat().st_size for file in sorted((tmp_path / "run").glob("events*"))]
            print(number, step, file=process.stdin, flush=True)
            assert process.stdout.readline() == "logged\n"
            assert step not in (2, 3, 4) or contents(tmp_path / "backup") == before
            files = sorted((tmp_path / "run").glob("events*"))
            assert [file.stat().st_size for file in files[:-1]] == sizes[: len(files) - 1]
        process.stdin.close()
        process.wait()
    rows = pd.read_csv(tmp_path / "run" / "progress.csv")
    events = read_events(tmp_path / "run")
    for tag, steps in (("worker 0", [0, 3, 4]), ("worker 1", [1, 2, 5])):
        assert rows[tag].dropna().tolist() == steps
        assert events[tag] == [(step, step) for step in steps]


def test_the_backup_of_a_run_that_goes_on_is_a_run_of_its_own(
    logger: Logger, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    logger.open(run, console=None)
    log_everything(logger, 0)
    back_up(run)
    with pytest.raises(LoggingError, match="being logged by"):
        Logger().open(run)
    other = Logger()
    other.open(tmp_path / "backup", console=None)
    with pytest.raises(LoggingError, match="being logged by"):
        Logger().open(tmp_path / "backup")
    other.load_snapshot()
    log_everything(other, 10)
    log_everything(logger, 1)
    other.close()
    logger.close()
    assert pd.read_csv(tmp_path / "backup" / "progress.csv")["a"].tolist() == [0, 10]
    assert pd.read_csv(run / "progress.csv")["a"].tolist() == [0, 1]


def test_where_there_is_no_room_for_a_copy_rows_are_not_lost(
    logger: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    logger.open(run, console=None)
    logger.log_scalar("a", 0, 0)
    logger.dump()
    back_up(run)

    def refuse(*_: object) -> None:
        raise LoggingError(errno.ENOSPC, "No space left on device", "a file")

    monkeypatch.setattr("exptools.logging.writers.csv.replace_file", refuse)
    logger.log_scalar("a", 1, 1)
    logger.close()
    assert pd.read_csv(run / "progress.csv")["a"].tolist() == [0, 1]
