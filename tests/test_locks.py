"""Locks, also on a file system that has none: there ``flock`` fails with ENOLCK, as on Lustre."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from exptools.locks import FileLock, NoLocks, _warn_once, open_host_directory
from tests.conftest import ROOT

# In a child: flock is refused for what lies below "lustre", as the kernel would.
REFUSING = """
import errno, fcntl, os, sys
flock = fcntl.flock
def refusing(fd, how):
    fd = fd if isinstance(fd, int) else fd.fileno()
    if "/lustre" in os.readlink(f"/proc/self/fd/{fd}"):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    return flock(fd, how)
fcntl.flock = refusing
from pathlib import Path
from exptools.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.try_acquire(), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("umask", "mode"), [(0o022, 0o600), (0o002, 0o660), (0o077, 0o600), (0o000, 0o666)]
)
def test_who_may_not_write_a_private_lock_cannot_read_it_either(
    tmp_path: Path, umask: int, mode: int
) -> None:
    before = os.umask(umask)
    try:
        FileLock(tmp_path / "new", private=True).close()
        (tmp_path / "old").touch()
        FileLock(tmp_path / "old", private=True).close()
    finally:
        os.umask(before)
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("new", "old")} == {mode}


@pytest.mark.parametrize("umask", [0o022, 0o002])
def test_there_is_no_moment_in_which_they_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    modes: list[int] = []
    opened = os.open

    def looked_at(*arguments: Any) -> int:
        descriptor = opened(*arguments)
        modes.append(os.fstat(descriptor).st_mode & 0o777)
        return descriptor

    before = os.umask(umask)
    monkeypatch.setattr(os, "open", looked_at)
    try:
        FileLock(tmp_path / "new", private=True).close()
    finally:
        os.umask(before)
    assert modes == [0o622 & ~umask]


@pytest.fixture
def lustre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file on a file system without locks."""
    flock = fcntl.flock

    def refusing(descriptor: int, how: int) -> None:
        if "/lustre" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", refusing)
    monkeypatch.setenv("EXPTOOLS_LEASES", str(tmp_path / "leases"))
    _warn_once.cache_clear()
    (tmp_path / "lustre").mkdir()
    return tmp_path / "lustre" / "lock"


def other_process(path: Path, code: str = REFUSING) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_a_lock_is_held_by_one_and_then_by_the_next(tmp_path: Path) -> None:
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert [one.try_acquire(), other.try_acquire()] == [True, False]
    one.release()
    assert other.try_acquire()
    one.close()
    other.close()


@pytest.mark.filterwarnings("ignore:.*no file locks")
@pytest.mark.parametrize("end", ["close", "kill"])
def test_without_locks_processes_of_a_host_keep_each_other_off(lustre: Path, end: str) -> None:
    with other_process(lustre) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "True\n"
        lock = FileLock(lustre)
        assert not lock.try_acquire()
        if end == "kill":
            holder.kill()
        holder.communicate("")
    assert lock.try_acquire()
    lock.close()


@pytest.mark.filterwarnings("ignore:.*no file locks")
def test_what_stood_in_for_a_lock_is_removed_and_who_waited_for_it_locks_the_next(
    lustre: Path, tmp_path: Path
) -> None:
    first, second, third = (FileLock(lustre) for _ in range(3))
    assert [first.try_acquire(), second.try_acquire()] == [True, False]
    first.close()
    assert not list((tmp_path / "leases").iterdir())
    assert [second.try_acquire(), third.try_acquire()] == [True, False]
    second.close()
    third.close()


def test_where_nothing_can_be_locked_it_is_said_and_work_goes_on(
    lustre: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exptools.locks.DEFAULT_HOST_DIRECTORY", str(lustre.parent))
    monkeypatch.setenv("EXPTOOLS_LEASES", str(lustre.parent))
    with pytest.warns(RuntimeWarning, match="let only one process write there"):
        assert FileLock(lustre).try_acquire()


def test_a_named_directory_without_locks_gives_way_to_the_default_one(
    lustre: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPTOOLS_LEASES", str(lustre.parent))
    monkeypatch.setattr("exptools.locks.DEFAULT_HOST_DIRECTORY", str(tmp_path / "default"))
    path, descriptor = open_host_directory()
    os.close(descriptor)
    assert path == str(tmp_path / "default")


def test_a_directory_that_cannot_be_locked_at_all_is_refused(
    lustre: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exptools.locks.DEFAULT_HOST_DIRECTORY", str(lustre.parent))
    monkeypatch.delenv("EXPTOOLS_LEASES")
    with pytest.raises(NoLocks):
        open_host_directory()


def test_who_waits_for_a_lock_server_that_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()
    monkeypatch.setattr("exptools.locks._LONG", 0.01)
    monkeypatch.setattr("exptools.locks._warn_once", lambda text: (said.append(text), told.set()))
    monkeypatch.setattr(fcntl, "flock", lambda *_: told.wait(30))
    said: list[str] = []
    assert FileLock(tmp_path / "lock").try_acquire()
    assert "has not answered for" in said[0]


def test_who_waits_for_a_lock_that_another_process_holds_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exptools.locks._LONG", 0.01)
    monkeypatch.setattr("exptools.locks._warn_once", lambda text: (said.append(text), one.close()))
    said: list[str] = []
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert one.try_acquire()
    other.acquire()
    assert "another process has held this lock for" in said[0]


def test_a_lock_that_has_worked_is_not_replaced_by_one_that_others_do_not_know(
    lustre: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = FileLock(lustre)
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lambda *_: None)
        assert lock.try_acquire()
    with pytest.raises(NoLocks):
        lock.acquire()
