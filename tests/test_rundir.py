import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from exptools.rundir import (
    MAX_STATUS,
    STATUS_FILE,
    State,
    Status,
    StatusError,
    format_cpus,
    parse_cpus,
    process_start,
    read_status,
    update_status,
    write_atomic,
    write_status,
)


def test_a_status_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    status = Status(
        State.RUNNING, job=3, overrides=("lr=1e-3", "x='é'"), pid=7, cpus="0-3", gpus=("GPU-1",)
    )
    write_status(tmp_path, status)
    assert read_status(tmp_path) == status


def test_a_run_without_a_status_has_none(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None


def test_keys_of_a_later_version_survive_an_update(tmp_path: Path) -> None:
    write_atomic(tmp_path / STATUS_FILE, b'{"state": "running", "from_the_future": [1]}')
    update_status(tmp_path, state=State.COMPLETED)
    raw = json.loads((tmp_path / STATUS_FILE).read_text())
    assert raw["from_the_future"] == [1]
    assert raw["state"] == "completed"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"state": "runn', "cannot be read"),
        (b"[]", "should hold a JSON object, not list"),
        (b'{"state": "done"}', "state is 'done'; it should be one of queued, running"),
        (b"{}", "state is None"),
    ],
)
def test_a_broken_status_is_told_with_its_file(tmp_path: Path, content: bytes, told: str) -> None:
    write_atomic(tmp_path / STATUS_FILE, content)
    with pytest.raises(StatusError, match=told) as caught:
        read_status(tmp_path)
    assert str(tmp_path / STATUS_FILE) in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("pid", "12", "an integer from 1 to 2147483647 or null"),
        ("pid", 10**30, "an integer from 1"),
        ("pid", 0, "an integer from 1"),
        ("pid", True, "an integer from 1"),
        ("pid_start", [1], "a text or null"),
        ("host", None, "a text"),
        ("job", 1.5, "an integer from 0"),
        ("attempt", "1", "an integer from 1"),
        ("started", "noon", "a finite number"),
        ("ended", float("nan"), "a finite number"),
        ("cpu_seconds", 10**400, "a finite number"),
        ("overrides", "lr=1", "a list of texts or null"),
        ("command", [1, None], "a list of texts"),
        ("gpus", 3, "a list of texts"),
        ("git", ["x"], "an object"),
        ("error", "half a \ud83d", "a text"),
    ],
)
def test_a_field_of_another_kind_is_named_with_what_it_is_and_should_be(
    tmp_path: Path, field: str, value: object, allowed: str
) -> None:
    content = {"state": "running", "host": socket.gethostname(), field: value}
    write_atomic(tmp_path / STATUS_FILE, json.dumps(content).encode())
    with pytest.raises(StatusError, match=f": {field} is .*; it should be {allowed}") as caught:
        read_status(tmp_path)
    assert str(tmp_path / STATUS_FILE) in str(caught.value)
    assert len(str(caught.value)) < len(str(tmp_path)) + 200


@pytest.mark.parametrize("shape", ["[", '{"state": "running", "a": ['])
def test_a_status_nested_too_deeply_is_told_with_its_file(tmp_path: Path, shape: str) -> None:
    write_atomic(tmp_path / STATUS_FILE, (shape + "[" * 100_000).encode())
    with pytest.raises(StatusError, match=r"status\.json cannot be read: it is nested too deeply"):
        read_status(tmp_path)


def test_a_status_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / STATUS_FILE).parent.mkdir()
    os.mkfifo(tmp_path / STATUS_FILE)
    with pytest.raises(StatusError, match="no regular file"):
        read_status(tmp_path)


def test_a_status_of_any_size_is_not_read(tmp_path: Path) -> None:
    write_atomic(tmp_path / STATUS_FILE, b" " * (MAX_STATUS + 1))
    with pytest.raises(StatusError, match=f"more than {MAX_STATUS} bytes"):
        read_status(tmp_path)


def test_an_argument_that_is_no_utf8_does_not_keep_a_status_from_being_written(
    tmp_path: Path,
) -> None:
    write_status(tmp_path, Status(State.RUNNING, overrides=(os.fsdecode(b"x=\xff"), "y=1")))
    status = read_status(tmp_path)
    assert status is not None
    assert status.overrides == ("x=?", "y=1")


def running(pid: int, **changes: str) -> Status:
    return Status(State.RUNNING, pid=pid, pid_start=process_start(pid), **changes)


def test_a_running_run_whose_process_is_gone_was_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    status = running(process.pid)
    process.communicate()
    assert status.observed is State.KILLED


def test_an_ended_process_that_waits_to_be_reaped_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    status = running(process.pid)
    assert process.stdin is not None
    process.stdin.close()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert status.observed is State.KILLED
    process.wait()


def test_a_later_process_with_the_same_pid_is_not_the_run() -> None:
    status = Status(State.RUNNING, pid=os.getpid(), pid_start="another boot/1")
    assert status.observed is State.KILLED


NAMELESS = r"""
import ctypes
ctypes.CDLL(None).prctl(15, b"\xff\xfe)\n")  # PR_SET_NAME
print(flush=True)
input()
"""


def test_a_process_with_a_name_that_is_no_text_is_seen_to_run() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", NAMELESS], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        status = running(process.pid)
        assert status.pid_start
        assert status.observed is State.RUNNING
        process.kill()


@pytest.mark.parametrize("pid", [10**30, -1, 2**22 + 1])
def test_a_number_that_is_no_process_can_be_asked_for(pid: int) -> None:
    assert Status(State.RUNNING, pid=pid).observed in (State.RUNNING, State.KILLED)


def test_nothing_is_concluded_about_a_process_on_another_host() -> None:
    assert running(2**22 + 1, host=f"not-{socket.gethostname()}").observed is State.RUNNING


def test_others_may_read_what_is_written_atomically(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomic(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_atomic(tmp_path / "file", b"x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("cpus", "text"), [((), ""), ((3,), "3"), ((0, 1, 2, 8), "0-2,8"), ((5, 4, 9, 8), "4-5,8-9")]
)
def test_cpu_lists_are_written_as_the_kernel_writes_them(cpus: tuple[int, ...], text: str) -> None:
    assert format_cpus(cpus) == text
    assert parse_cpus(text) == tuple(sorted(cpus))


def test_a_nul_byte_ends_some_machines_cpu_lists() -> None:
    assert parse_cpus("0-1,4\n\0") == (0, 1, 4)
