"""Files that are written aside and renamed into place; what killed processes leave of them goes.

Whoever writes one holds a lock on it until it has its place. So one that nobody holds is of a
process that was killed, on whatever host, and may be removed.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from exptools.locks import FileLock, Reach

_ENDING = ".aside"
_LONGEST = 40  # characters of a name within ours, which has 255 bytes at most


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A new empty file beside a path, for the block to fill and to rename over it.

    It is removed at the end of the block if it is still there.

    Raises:
        OSError: it cannot be made.
    """
    aside, lock = _new(path)
    try:
        yield aside
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()
        lock.close()


def write_aside(path: Path, content: bytes, *, own: bool = False) -> None:
    """Write a file aside and rename it into place; a reader sees the old one or all of the new.

    Args:
        path: the file.
        content: all of it.
        own: whether others may not write it, whatever the umask says.

    Raises:
        OSError: it cannot be written; what stood at the path still does.
    """
    aside, lock = _new(path)
    try:
        if own:
            os.fchmod(lock.descriptor, os.fstat(lock.descriptor).st_mode & ~stat.S_IWOTH)
        left = memoryview(content)
        while left:
            left = left[os.write(lock.descriptor, left) :]
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise
    finally:
        lock.close()


def remove_leftovers(directory: Path) -> None:
    """Remove what killed processes were writing aside in a directory, as far as that can be told.

    What a living process writes stays, and so does what cannot be removed.
    """
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith(_ENDING):
                _remove_leftover(Path(entry.path))


def _new(path: Path) -> tuple[Path, FileLock]:
    while True:
        name = f".{path.name[:_LONGEST]}.{_host()}-{os.urandom(8).hex()}{_ENDING}"
        aside = path.with_name(name)
        lock = FileLock(aside, quiet=True)
        # Until it is locked it may be taken for a leftover.
        if lock.try_acquire() and os.fstat(lock.descriptor).st_nlink:
            return aside, lock
        lock.close()


def _remove_leftover(aside: Path) -> None:
    with contextlib.suppress(OSError):
        if not aside.is_file() or aside.is_symlink():
            return
        lock = FileLock(aside, quiet=True)
        try:
            # Where no lock reaches other hosts, what they write cannot be told from leftovers.
            if lock.try_acquire() and (
                lock.reach is Reach.EVERYWHERE
                or (lock.reach is Reach.HOST and f".{_host()}-" in aside.name)
            ):
                aside.unlink()
        finally:
            lock.close()


def _host() -> str:
    return socket.gethostname()[:_LONGEST]
