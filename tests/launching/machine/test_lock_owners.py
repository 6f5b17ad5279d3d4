"""What the kernel and other processes say of who has a file locked: as little of it as needed."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from exptools.launching.machine import lease_files, lock_owners
from exptools.launching.machine.lock_owners import command_of, file_id

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[list[str]]:
    """Some files that this process has locked, by the kernel's names."""
    with ExitStack() as files:
        names = []
        for number in range(20):
            file = files.enter_context(open(tmp_path / str(number), "w"))
            fcntl.flock(file, fcntl.LOCK_EX)
            names.append(file_id(os.fstat(file.fileno())))
        yield names


def test_of_many_locks_of_the_machine_only_the_first_are_read(
    locked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {lock_owners.lock_owners().get(name) for name in locked} == {os.getpid()}
    monkeypatch.setattr(lock_owners, "_MOST_LISTED", 250)
    assert len(lock_owners.lock_owners()) < 10


def test_of_a_long_command_only_the_beginning_is_read_and_made_visible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = [sys.executable, "-c", "print(flush=True); input()", "\x01" * 100_000]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(long, **pipes) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has its command now
        try:
            command = command_of(process.pid)
        finally:
            process.communicate()
    assert command.startswith(sys.executable)
    assert len(command) < 1000
    shown = list[str]()
    monkeypatch.setattr(lease_files, "visible", lambda text: shown.append(text) or text)
    lease_files.holder_of({"user": "a", "pid": 1, "command": "\x01" * 10_000})
    assert max(map(len, shown)) <= 100
