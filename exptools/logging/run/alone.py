"""Whether the process that holds a run is its only one: then it writes rows without a system lock.

A lock that is taken and given back costs a sixth of a row. Most runs have one process, which others
may join at any moment: forked and started ones, and those of other programs. Who joins says so in
``.exptools/members``, of which the holder has the page in its memory:

- the holder says that it is writing, and only then looks whether anybody has joined;
- who joins says so, and only then looks whether the holder is writing, and waits until it is not.

Whoever speaks second sees the first, so they never write at once; from then on both take the row
lock. A holder that is stopped, or waits for its workers, does so with no row begun: it keeps nobody
waiting. That others have joined is never taken back, for they may outlive the holder.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from exptools.locks import (
    HAS_LOCKS,
    HELD,
    NoLocks,
    lock,
    open_private,
    told_if_it_takes_long,
    unlock,
)
from exptools.plain_files import is_own
from exptools.visible import visible

# Bytes of the file, as far apart as it is long: a file system could keep a shorter one in its inode
# and have no room for the page later, which would end the process.
JOINED, WRITING = 0, 4095
# Where all processes share one page, which can be written for ever once it is there. Copies of
# files on others share their blocks, and a full disk has none to part them; on network file systems
# hosts have pages of their own.
_FILE_SYSTEMS = {"ext2", "ext3", "ext4", "tmpfs"}
_PAUSE = 0.001  # seconds; a processor keeps what it has written to itself for far shorter
_PATIENCE = 1.0  # seconds of waiting for the holder, until we look whether it is alive


def hold_alone(path: Path) -> mmap.mmap | None:
    """The page of the process that holds the run; None where it has to take the row lock."""
    if not HAS_LOCKS:
        return None
    try:
        descriptor = open_private(path)
    except OSError:
        return None
    try:
        if _file_system(descriptor) not in _FILE_SYSTEMS or os.fstat(descriptor).st_nlink != 1:
            return None  # with several names it is a backup's, too, in which others may log
        if not is_own(descriptor):
            return None  # who cuts off what is mapped ends the process that has mapped it
        os.pwrite(descriptor, b"\0", WRITING)
        page = mmap.mmap(descriptor, WRITING + 1)
    except OSError:  # a full disk, for example
        return None
    finally:
        os.close(descriptor)
    return None if page[JOINED] else page


def join(path: Path, is_held: Callable[[], bool]) -> None:
    """Tell the holder that we write, too; when this returns it takes the row lock.

    Args:
        path: the file.
        is_held: whether the run still has a holder, which may have been killed in a row.

    Raises:
        OSError: it cannot be told.
    """
    if not HAS_LOCKS:
        return
    descriptor = open_private(path)
    if os.fstat(descriptor).st_mode & stat.S_IWOTH:
        os.close(descriptor)
        return  # a holder has no page of a file that everybody may write
    try:
        with told_if_it_takes_long(HELD.format(visible(str(path)))):
            os.pwrite(descriptor, b"\1", JOINED)
            _wait_for_the_holder(descriptor, is_held)
    finally:
        os.close(descriptor)


def _wait_for_the_holder(descriptor: int, is_held: Callable[[], bool]) -> None:
    """Return when it is writing no row, or is no more."""
    waited = 0.0
    while True:
        time.sleep(_PAUSE)
        with contextlib.suppress(NoLocks):  # a host that has the disk by NFS reads it anew
            lock(descriptor, wait=True)
            unlock(descriptor)
        if os.pread(descriptor, 1, WRITING) != b"\1":
            return
        waited += _PAUSE
        if waited > _PATIENCE:
            if not is_held():
                return
            waited = 0.0


def _file_system(descriptor: int) -> str | None:
    """Its name, where the system tells by the device."""
    device = os.fstat(descriptor).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:  # no Linux
        return None
    for fields in map(str.split, mounts):
        if fields[2] == number:
            return fields[fields.index("-") + 1]
    return None
