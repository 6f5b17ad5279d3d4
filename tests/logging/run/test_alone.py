"""The only process of a run locks nothing for a row, until another one joins, however it does."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from exptools.locks import FileLock
from exptools.logging.run import alone
from exptools.logging.run.row_lock import RowLock
from exptools.logging.run_logger import Logger
from exptools.rundir import LOG_LOCK, MEMBERS, ROW_LOCK


@pytest.fixture
def run_dir(tmp_path):
    """A run's directory, on a file system where its processes share memory."""
    (tmp_path / MEMBERS).parent.mkdir()
    if alone.hold_alone(tmp_path / MEMBERS) is None:
        pytest.skip("this file system has no pages that processes may share")
    return tmp_path


HOLDER = """
import sys
from pathlib import Path
from exptools.logging.run.row_lock import RowLock
from exptools.logging.run.run_lock import RunLock

held = RunLock(Path(sys.argv[1]))
turn = RowLock(Path(sys.argv[1]) / ".exptools/rows.lock")
for line in sys.stdin:
    with turn:
        print("in a row", flush=True)
        sys.stdin.readline()
    print("out of it", flush=True)
"""


@pytest.fixture
def holder(run_dir):
    """Another process that holds the run, and begins and ends a row when it is sent a line."""
    command, pipe = [sys.executable, "-c", HOLDER, str(run_dir)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
        process.stdin.write("begin\n")
        assert process.stdout.readline() == "in a row\n"
        yield process
        process.kill()


@pytest.fixture
def member(run_dir):
    """A thread that joins the run and has its turn."""

    def join():
        with RowLock(run_dir / ROW_LOCK, member=True):
            pass

    return threading.Thread(target=join, daemon=True)


def ends(thread, within=20.0):
    thread.join(within)
    return not thread.is_alive()


def test_who_joins_waits_for_the_row_that_the_holder_writes(holder, member):
    holder.send_signal(signal.SIGSTOP)
    member.start()
    assert not ends(member, within=0.1)
    holder.send_signal(signal.SIGCONT)
    holder.stdin.write("end\n")
    assert ends(member)


def test_a_holder_that_is_stopped_between_two_rows_keeps_nobody_waiting(holder, member):
    holder.stdin.write("end\n")
    assert holder.stdout.readline() == "out of it\n"
    holder.send_signal(signal.SIGSTOP)
    member.start()
    assert ends(member)


def test_nor_does_one_that_was_killed_in_a_row(holder, member, monkeypatch):
    monkeypatch.setattr(alone, "_PATIENCE", 0.05)
    member.start()
    assert not ends(member, within=0.1)
    holder.kill()
    assert ends(member)


def test_after_somebody_has_joined_the_holder_and_those_after_it_take_the_lock(run_dir):
    turn = RowLock(run_dir / ROW_LOCK)
    with RowLock(run_dir / ROW_LOCK, member=True) as _:
        pass
    for lock in (turn, RowLock(run_dir / ROW_LOCK)):
        other = FileLock(run_dir / ROW_LOCK)
        with lock:
            assert not other.try_acquire()
        assert other.try_acquire()
        other.close()


def test_a_backup_of_links_has_no_holder_that_is_alone(run_dir):
    os.link(run_dir / MEMBERS, run_dir / "backup")
    assert alone.hold_alone(run_dir / "backup") is None


@pytest.mark.slow
def test_a_holder_and_who_joins_it_at_any_moment_never_write_at_once(run_dir):
    for number in range(25):
        run = run_dir / str(number)
        (run / LOG_LOCK).parent.mkdir(parents=True)
        (run / "count").write_text("0")
        holder = os.fork()
        if holder == 0:
            count(run, RowLock(run / ROW_LOCK), times=2000)
            os._exit(0)
        time.sleep(random.uniform(0, 0.02))
        count(run, RowLock(run / ROW_LOCK, member=True), times=200)
        os.waitpid(holder, 0)
        assert (run / "count").read_text() == "2200"


def count(run, turn, times):
    descriptor = os.open(run / "count", os.O_RDWR)
    for _ in range(times):
        with turn:
            number = int(os.pread(descriptor, 20, 0))
            os.pwrite(descriptor, str(number + 1).encode(), 0)


LOOP = """
import os, sys
from exptools import logger

logger.open(sys.argv[1], console=None)
step = 0
while step < 10**6:
    logger.log_scalars({"holder": step, f"of the holder/{step // 200}": 1})
    logger.dump()
    os.write(1, b"dumped\\n")
    step += 1
"""
JOINS = """
import os, sys
from exptools import logger

name = sys.argv[1]
for step in range(30):
    logger.log_scalars({name: step, f"of {name}/{step // 5}": 1})
    logger.dump()
    os.write(1, b"dumped\\n")
"""


@pytest.mark.slow
def test_programs_that_join_widen_and_are_killed_lose_tear_and_double_no_row(
    run_dir, tmp_path, read_events
):
    run, pipe = tmp_path / "run", subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", LOOP, str(run)], stdout=pipe) as holder:
        holder.stdout.readline()
        drained = []
        reader = threading.Thread(target=lambda: drained.extend(holder.stdout))
        reader.start()
        environment = os.environ | {"EXPTOOLS_RUN_DIR": str(run)}
        members = [
            subprocess.Popen(
                [sys.executable, "-c", JOINS, f"member {number}"], stdout=pipe, env=environment
            )
            for number in range(3)
        ]
        members[2].stdout.readline()
        members[2].kill()
        said = [len(process.communicate()[0].splitlines()) for process in members]
        holder.kill()
        reader.join()
    table = pd.read_csv(run / "progress.csv")
    said = {"holder": 1 + len(drained), "member 0": 30, "member 1": 30, "member 2": 1 + said[2]}
    events = read_events(run)
    for name, dumped in said.items():
        rows = table[name].dropna().tolist()
        assert rows == list(range(len(rows)))
        assert dumped <= len(rows) <= dumped + 1
        assert sorted(value for _, value in events[name])[:dumped] == list(range(dumped))


@pytest.mark.parametrize("is_old", [False, True])
def test_who_may_only_read_the_run_cannot_lock_what_its_processes_wait_for(tmp_path, is_old):
    before = os.umask(0o022)
    try:
        for name in ("held", "joined"):
            (tmp_path / name / MEMBERS).parent.mkdir(parents=True)
            if is_old:  # as earlier versions have made it
                (tmp_path / name / MEMBERS).touch()
        alone.hold_alone(tmp_path / "held" / MEMBERS)
        alone.join(tmp_path / "joined" / MEMBERS, lambda: False)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob(f"*/{MEMBERS}")} == {0o600}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_another_user_holds_up_no_process_that_joins():
    with tempfile.TemporaryDirectory() as directory:
        run, before = Path(directory), os.umask(0o022)
        try:
            run.chmod(0o755)
            logger = Logger()
            logger.open(run, console=None)
            logger.close()
        finally:
            os.umask(before)
        locks = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        for name in (MEMBERS, ROW_LOCK):
            command = ["/usr/bin/env", "python3", "-c", locks, str(run / name)]
            done = subprocess.run(
                command, user=65534, group=65534, capture_output=True, text=True, check=False
            )
            assert "PermissionError" in done.stderr, name
