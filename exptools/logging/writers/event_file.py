"""An event file, and those that go on from it when it should not be written to any more."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from exptools.logging.errors import LoggingError
from exptools.logging.writers.append_file import AppendFile, Place


class EventFile:
    """A file that grows by whole records, in turns with other processes.

    Where a backup has linked it, or another file stands in its place, a new one is begun that sorts
    behind it: readers keep the old one open, so nothing may be put in its place.

    Args:
        path: the first file.
        head: the record that each file begins with, made when it is.
        keep: whether another process has begun it.

    Raises:
        LoggingError: it cannot be written.
    """

    append: Callable[[bytes], None]
    """Add one record, or leave the file as it was and raise a LoggingError."""

    def __init__(self, path: Path, head: Callable[[], bytes], *, keep: bool = False) -> None:
        self._first = path
        self._head = head
        self._counts_links = True  # else the file system gives a new file several names
        self._number = 0
        while keep and os.path.lexists(self._path(self._number + 1)):
            self._number += 1
        self._use(self._open(self._number))

    @property
    def path(self) -> Path:
        """The file that is written to now."""
        return self._file.path

    def look(self) -> None:
        """Go on in another file if that is due, or another process has done so.

        Raises:
            LoggingError: the file or its directory was deleted, which writing would not tell.
        """
        while not self._is_right(self._file.look()):
            try:
                following = self._open(self._number + 1)
            except LoggingError:  # no room: records are better in a linked file than nowhere
                return
            former = self._file
            self._number += 1
            self._use(following)
            former.close()

    def close(self) -> None:
        """Give the file back to the system."""
        self._file.close()

    def _is_right(self, place: Place) -> bool:
        if place is Place.REPLACED or (place is Place.LINKED and self._counts_links):
            return False
        return not self._is_followed()

    def _is_followed(self) -> bool:
        return os.path.lexists(self._following)

    def _use(self, file: AppendFile) -> None:
        self._file = file
        self.append = file.append  # which is called for each row
        self._following = str(self._path(self._number + 1))

    def _open(self, number: int) -> AppendFile:
        file = AppendFile(self._path(number), keep=True)
        try:
            if not file.size:
                file.append(self._head())
                self._counts_links = file.look() is not Place.LINKED
        except BaseException:
            file.close()
            raise
        return file

    def _path(self, number: int) -> Path:
        return self._first.with_name(f"{self._first.name}.{number:06d}") if number else self._first
