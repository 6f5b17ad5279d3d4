"""Files that grow by whole records and never keep half of one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from exptools.asides import written_aside
from exptools.logging.errors import LoggingError, as_logging_error, replaced_error
from exptools.plain_files import open_plain


def first_free(path_number: Callable[[int], Path], start: int) -> Path:
    """The first of the numbered paths that does not exist yet, where numbers are taken in turn."""
    return path_number(first_free_number(path_number, start))


def first_free_number(path_number: Callable[[int], Path], start: int) -> int:
    """The number of that path.

    It looks at few of them, as there may be many: at 1, 2, 4, … from the start on, then between.
    """

    def is_free(number: int) -> bool:
        return not os.path.lexists(path_number(number))

    stride = 1
    while not is_free(start + stride - 1):
        stride *= 2
    first, last = start + stride // 2, start + stride - 1  # all before the first are taken
    while first < last:  # not bisect's, whose numbers end where names can still go on
        middle = (first + last) // 2
        first, last = (first, middle) if is_free(middle) else (middle + 1, last)
    return first


LOOK_EVERY = 1e-4  # seconds, for a look whether the file is still there: it costs as much as a row


class Place(Enum):
    """What stands where a file was opened."""

    OURS = "the file, and nowhere else"
    LINKED = "the file, which has another name, too: a backup that should stay as it is"
    REPLACED = "another file"


class AppendFile:
    """A file that grows by whole records.

    Nothing is buffered: when :meth:`append` returns, the operating system has the record, and
    the death of the process loses nothing. Other processes may append, too, one at a time.

    Args:
        path: the file.
        keep: whether records that stand there stay; else the file is made empty.

    Raises:
        LoggingError: the file cannot be opened.
    """

    def __init__(self, path: Path, *, keep: bool = False) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        # Without O_BINARY Windows would end lines in its own way.
        flags |= getattr(os, "O_BINARY", 0)
        with as_logging_error(path):
            self._fd = open_plain(path, flags if keep else flags | os.O_TRUNC)
        self.path = path
        status = os.fstat(self._fd)
        self._identity = status.st_ino, status.st_dev
        self._name = str(path)

    def append(self, record: bytes) -> None:
        """Add one record, or leave the file as it was and raise.

        Raises:
            LoggingError: the disk is full, or the like.
        """
        written = 0
        try:
            written = os.write(self._fd, record)
            while written < len(record):
                # A disk that fills up takes a part first; only the next write says what is wrong.
                written += os.write(self._fd, record[written:])
        except OSError as error:
            if written:
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise LoggingError(error.errno, error.strerror, str(self.path)) from error

    def size(self) -> int:
        """How many bytes the file has now, other processes' included."""
        return os.lseek(self._fd, 0, os.SEEK_END)

    def look(self) -> Place:
        """What the path leads to by now.

        Raises:
            LoggingError: it leads nowhere: the file or its directory was deleted.
        """
        try:
            found = os.stat(self._name)
        except OSError as error:
            raise LoggingError(error.errno, error.strerror, str(self.path)) from error
        # Not whether ours has a name still: a backup of hard links may keep that.
        if (found.st_ino, found.st_dev) != self._identity:
            return Place.REPLACED
        return Place.OURS if found.st_nlink <= 1 else Place.LINKED

    @contextmanager
    def reading(self) -> Iterator[BinaryIO]:
        """The file for reading, from its beginning.

        Raises:
            LoggingError: the file cannot be read, or another one is in its place.
        """
        with as_logging_error(self.path), open(self.path, "rb", opener=open_plain) as file:
            if not os.path.samestat(os.fstat(file.fileno()), os.fstat(self._fd)):
                raise replaced_error(self.path)
            yield file

    def move_to(self, path: Path) -> None:
        """Rename the file over whatever has that name, in one step; later records follow it."""
        with as_logging_error(path):
            os.replace(self.path, path)
        self.path, self._name = path, str(path)

    def close(self) -> None:
        """Give the file back to the system."""
        os.close(self._fd)


def replace_file(path: Path, content: bytes) -> AppendFile:
    """Write a file aside and rename it into place, ready to be appended to.

    Raises:
        LoggingError: it cannot be written; what stood at the path still does.
    """
    with as_logging_error(path), written_aside(path) as aside:
        file = AppendFile(aside)
        try:
            file.append(content)
            file.move_to(path)
        except BaseException:
            file.close()
            raise
        return file
