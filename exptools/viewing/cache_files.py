"""Files in the user's cache and data directories: private, whole or not there.

Those of the cache are bounded all together.

Configs may hold what nobody else should see: files have the mode 0600, in directories of mode 0700.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from exptools.asides import remove_leftovers, written_aside
from exptools.plain_files import is_own, open_plain, refuse_links_of_others
from exptools.plain_json import parse_json
from exptools.viewing.signatures import file_signature

_PRIVATE_FILE, _PRIVATE_DIRECTORY = 0o600, 0o700


@contextmanager
def written_privately(path: Path) -> Iterator[Path]:
    """As ``written_aside``, in a directory that is made where it is missing, for our eyes only.

    Raises:
        OSError: it cannot be made, or is another user's.
    """
    directory = path.parent
    _make_directory(directory)
    expect_own(directory)
    with suppress(OSError):  # made by an earlier version for all to read
        directory.chmod(_PRIVATE_DIRECTORY)
    remove_leftovers(directory)
    with written_aside(path) as aside:
        aside.chmod(_PRIVATE_FILE)
        yield aside


def _make_directory(directory: Path) -> None:
    """Make a directory, and all above it that are missing, for our eyes only.

    Who may write into one of these could put another one in its place.
    """
    if not directory.parent.exists():
        _make_directory(directory.parent)
    directory.mkdir(mode=_PRIVATE_DIRECTORY, exist_ok=True)


def expect_own(directory: Path) -> None:
    """See that a directory is this user's, and that no link of another user's leads there.

    Raises:
        PermissionError: it is not.
        OSError: one does, or it is not there.
    """
    if not hasattr(os, "geteuid"):
        return
    refuse_links_of_others(directory.parent)
    if {directory.stat().st_uid, directory.lstat().st_uid} != {os.geteuid()}:
        raise PermissionError(
            errno.EPERM, "another user has made it, or a link of it", str(directory)
        )


def write_privately(path: Path, content: bytes) -> None:
    """Replace a file in one step, for our eyes only; makes its directory where it is missing.

    Raises:
        OSError: it cannot be written.
    """
    with written_privately(path) as aside:
        aside.write_bytes(content)
        aside.replace(path)


def make_private(directory: Path) -> None:
    """Take from others what an earlier version has let them read, as far as that is ours to do.

    Where the directory, or a file in it, is a link or has another name elsewhere, it is not.
    """
    if not hasattr(os, "fchmod"):
        return
    with suppress(OSError), _opened(directory, os.O_DIRECTORY) as place:
        expect_own(directory)
        if not is_own(place):
            return
        os.fchmod(place, _PRIVATE_DIRECTORY)
        for name in os.listdir(place):
            with suppress(OSError), _opened(name, 0, place) as file:
                status = os.fstat(file)
                is_plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
                if is_plain and is_own(file) and status.st_mode & 0o077:
                    os.fchmod(file, _PRIVATE_FILE)


@contextmanager
def _opened(path: str | Path, flags: int, within: int | None = None) -> Iterator[int]:
    """A descriptor of a file or directory of its own, without waiting for anybody."""
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_own(path: Path) -> BinaryIO:
    """A file of the cache, open for reading.

    Raises:
        PermissionError: another user may have put it there, whom nobody believes.
        OSError: it cannot be opened, is a link or no regular file.
    """
    file = open(path, "rb", opener=open_plain)  # noqa: SIM115 (the caller closes it)
    if is_own(file.fileno()):
        return file
    file.close()
    raise PermissionError(errno.EPERM, "it is not this user's alone", str(path))


def read_kept(path: Path, limit: int) -> bytes:
    """The content of a file that ``open_own`` opens, of so many bytes at most.

    Raises:
        OSError: as there, or it is larger.
    """
    with open_own(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes", str(path))
    return content


def parse_kept(content: bytes) -> Any:
    """What ``json.dumps`` has written, in a third of the time that ``json`` takes.

    Raises:
        ValueError: it is something else.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:  # names that are no UTF-8 have halves of characters
        return parse_json(content)


@dataclass(frozen=True)
class CacheFile:
    """A file that is read only as the same version of us has written it, to the last byte."""

    path: Path
    version: str  # what it holds, and in which form
    most: int  # bytes; what is larger is not kept

    def read(self) -> bytes | None:
        """What was kept; None where there is nothing, or anything else."""
        try:
            with open_own(self.path) as file:
                size = min(os.fstat(file.fileno()).st_size, self.most + 2**10)
                head, _, content = file.read(size).partition(b"\n")
        except OSError:
            return None
        if head != self._head(content):
            return None
        with suppress(OSError):
            os.utime(self.path)  # used: it goes last
        return content

    def write(self, content: bytes, most_of_all: int) -> None:
        """Keep this instead; where that cannot be done the next session is slower, no more.

        ``most_of_all``: bytes of all files of this name. The least recently used ones go first.
        """
        with suppress(OSError):
            if len(content) > self.most:
                self.path.unlink(missing_ok=True)  # it is of no use any more
            else:
                with written_privately(self.path) as aside:
                    aside.write_bytes(self._head(content) + b"\n" + content)
                    aside.replace(self.path)
            self._prune(most_of_all)

    def _head(self, content: bytes) -> bytes:
        return b"exptools %s %08x" % (self.version.encode(), zlib.crc32(content))

    def _prune(self, most_of_all: int) -> None:
        files = self.path.parent.parent.glob(f"*/{self.path.name}")
        looked = [(file_signature(file), file) for file in files]
        total = 0
        for _, size, file in sorted((s.mtime_ns, s.size, file) for s, file in looked if s)[::-1]:
            total += size
            if total > most_of_all:
                file.unlink(missing_ok=True)
