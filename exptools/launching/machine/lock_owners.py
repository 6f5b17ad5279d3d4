"""Which process has a file locked, as the kernel says, whatever is written in the file."""

from __future__ import annotations

import os

_MOST_LISTED = 2**20  # bytes of all locks of the machine: the kernel takes ever longer for more
_LONGEST_COMMAND = 400  # bytes that are read


def lock_owner(descriptor: int) -> int | None:
    """The process that has locked an open file; None where the kernel does not tell.

    It does not on other systems than Linux, nor of processes in another container.
    """
    return lock_owners().get(file_id(os.fstat(descriptor)))


def lock_owners() -> dict[str, int]:
    """The processes that have files locked, by what `file_id` says of the files."""
    try:
        with open("/proc/locks", "rb") as file:
            *lines, _ = file.read(_MOST_LISTED).decode().split("\n")  # the last may be cut
    except OSError:
        return {}
    owners: dict[str, int] = {}
    for line in lines:  # "1: FLOCK  ADVISORY  WRITE 12345 fe:00:678 0 EOF"; who waits has "->"
        fields = line.split()
        if fields[1:2] == ["FLOCK"] and int(fields[4]) > 0:
            owners.setdefault(fields[5], int(fields[4]))
    return owners


def file_id(status: os.stat_result) -> str:
    """What the kernel calls a file where it lists the locks."""
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"


def uid_of(pid: int) -> int | None:
    """The user id of a process; None where it has ended."""
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def command_of(pid: int) -> str:
    """How what a process was started with begins, as it says itself; "" where nobody may see it."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            content = file.read(_LONGEST_COMMAND)
    except OSError:
        return ""
    return content.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
