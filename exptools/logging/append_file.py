"""Files that grow by whole records and never keep half of one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path


class LoggingError(OSError):
    """A file of the run cannot be written; it is named, and what it held stays readable."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn the system's errors inside the block into a LoggingError that names the file."""
    try:
        yield
    except LoggingError:
        raise
    except OSError as error:
        raise LoggingError(error.errno, error.strerror, str(path)) from error


def first_free(path_number: Callable[[int], Path], start: int) -> Path:
    """The first of the numbered paths that does not exist yet."""
    return next(path for path in map(path_number, count(start)) if not path.exists())


class AppendFile:
    """A file made empty, then grown by whole records.

    Nothing is buffered: when :meth:`append` returns, the operating system has the record, and
    the death of the process loses nothing.

    Raises:
        LoggingError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with naming(path):
            self._fd = os.open(path, flags, 0o666)
        self._path = path
        self._size = 0

    def append(self, record: bytes) -> None:
        """Add one record, or leave the file as it was and raise.

        Raises:
            LoggingError: the disk is full, or the file is no longer in its directory.
        """
        with naming(self._path):
            self._check_still_there()
            try:
                self._write_whole(record)
            except OSError:
                os.ftruncate(self._fd, self._size)
                raise
        self._size += len(record)

    def content(self) -> bytes:
        """All records so far.

        Raises:
            LoggingError: the file cannot be read, or is no longer in its directory.
        """
        with naming(self._path), open(self._path, "rb") as file:
            if not os.path.samestat(os.fstat(file.fileno()), os.fstat(self._fd)):
                raise self._replaced()
            return file.read()

    def move_to(self, path: Path) -> None:
        """Rename the file over whatever has that name, in one step; later records follow it."""
        with naming(path):
            os.replace(self._path, path)
        self._path = path

    def close(self) -> None:
        """Give the file back to the system."""
        os.close(self._fd)

    def _write_whole(self, record: bytes) -> None:
        written = os.write(self._fd, record)
        while written < len(record):
            # A disk that fills up takes a part first; only the next write says what is wrong.
            written += os.write(self._fd, record[written:])

    def _check_still_there(self) -> None:
        ours = os.fstat(self._fd)
        # Writing to a deleted file succeeds, so it would go unnoticed until the run is looked at.
        # Some network file systems count no links at all, hence the second look.
        if ours.st_nlink == 0 and not os.path.samestat(ours, os.stat(self._path)):
            raise self._replaced()

    def _replaced(self) -> LoggingError:
        return LoggingError(None, "replaced by another file during the run", str(self._path))
