"""How a file of a run is opened: through no link, waiting for nobody, and only if it is a file.

Run directories are copied, synced and shared. A link in one of them leads wherever its maker wants:
what is written through it lands there, and what is read through it is somebody else's.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

_LINK = "it is a link, and links in a run's directory are not followed"
_NO_FILE = "it is no regular file"
LARGE = 8 * 2**20  # bytes: in a file of so many holes are looked for
# Directories of a run that are never links, whatever those above them are.
_HIDDEN = tuple(f"{os.sep}{name}" for name in (".exptools", ".hydra"))
_CAREFUL = sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
)


def open_plain(path: str | os.PathLike[str], flags: int, mode: int = 0o666) -> int:
    """The descriptor of a file of a run; usable as an opener of ``open``.

    The directories above it may be links, but for ``.exptools`` and ``.hydra``. Windows follows
    links.

    Raises:
        OSError: it is a link or no file (a pipe, a directory), or cannot be opened.
    """
    path = os.fspath(path)
    refuse_linked_directory(path)
    descriptor, info = _open(path, flags, mode)
    if stat.S_ISREG(info.st_mode) or stat.S_ISCHR(info.st_mode):  # only root makes devices
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, _NO_FILE, path)


def open_file(path: str | os.PathLike[str]) -> tuple[int, os.stat_result]:
    """The descriptor of a regular file for reading, and what the system says of it.

    The directories above it may be links: it is for whoever knows that they are none.

    Raises:
        OSError: it is a link or no regular file, or cannot be opened.
    """
    descriptor, info = _open(os.fspath(path), os.O_RDONLY)
    if stat.S_ISREG(info.st_mode):
        return descriptor, info
    os.close(descriptor)
    raise OSError(errno.EINVAL, _NO_FILE, os.fspath(path))


def read_beginning(path: str, size: int, small: int = 0) -> tuple[bytes, os.stat_result]:
    """The first ``size`` bytes of a file of a run, and what the system says of it.

    A file of fewer than ``small`` bytes is read whole.

    Raises:
        OSError: as `open_plain`.
    """
    # Not open(): it asks the system more, and there may be ten thousand files.
    refuse_linked_directory(path)
    descriptor, info = open_file(path)
    try:
        there = info.st_size
        # Asked for more than there is, as much would be allocated.
        return os.read(descriptor, there if there < small else min(size, there)), info
    finally:
        os.close(descriptor)


def first_hole(descriptor: int) -> int | None:
    """Where the first hole of a file begins, None where it has none or nobody can tell."""
    size = os.fstat(descriptor).st_size
    if not hasattr(os, "SEEK_HOLE"):
        return None
    try:
        hole = os.lseek(descriptor, 0, os.SEEK_HOLE)
        # Some file systems take for a hole what has just been written.
        is_hole = hole < size and not any(os.pread(descriptor, 4096, hole))
    except OSError:
        return None
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
    return hole if is_hole else None


class Unwritten(OSError):
    """A file is sparse."""


def is_sparse(descriptor: int) -> bool:
    """Whether an open file is large, and parts of it were never written: read, they take memory."""
    return os.fstat(descriptor).st_size >= LARGE and first_hole(descriptor) is not None


def open_below(directory: str | os.PathLike[str], parts: Sequence[str]) -> int:
    """The descriptor, for reading, of a file below a directory, by the names on the way to it.

    They are followed one after the other, and none of them may be a link, also where somebody puts
    one there meanwhile. Windows follows links.

    Raises:
        OSError: one is a link, or cannot be opened, or the last is no regular file.
    """
    *directories, name = parts
    flags = os.O_RDONLY | _CAREFUL
    if os.open not in os.supports_dir_fd:
        return open_file(os.path.join(directory, *parts))[0]
    place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for one in directories:
            inner = os.open(one, flags | os.O_DIRECTORY, dir_fd=place)
            os.close(place)
            place = inner
        descriptor = os.open(name, flags, dir_fd=place)
    finally:
        os.close(place)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, _NO_FILE, name)
    return descriptor


def _open(path: str, flags: int, mode: int = 0o666) -> tuple[int, os.stat_result]:
    try:
        descriptor = os.open(path, flags | _CAREFUL, mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, _LINK, path) from None
        raise
    return descriptor, os.fstat(descriptor)


def refuse_linked_directory(path: str) -> None:
    """Raise an OSError where a file's directory is a link that should be a run's own part."""
    directory = path.rpartition(os.sep)[0]
    if directory.endswith(_HIDDEN) and os.path.islink(directory):
        raise OSError(errno.ELOOP, _LINK, directory)


def refuse_other(path: Path) -> None:
    """Raise an OSError where something other than a regular file or a directory stands, or a link.

    For what others will write, who look at nothing.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, _LINK, str(path))
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, _NO_FILE, str(path))


def refuse_links_of_others(path: Path) -> None:
    """Raise an OSError where a path, or a directory above it, is a link that another user has made.

    For a path that nobody gave. The system's own links, as those of root, are none of these.
    """
    if not hasattr(os, "geteuid"):
        return
    for place in (path, *path.parents):
        if place.is_symlink() and place.lstat().st_uid not in (os.geteuid(), 0):
            raise OSError(errno.ELOOP, "another user has made this link", str(place))


def refuse_others_below(directory: Path, path: Path) -> None:
    """`refuse_other` of a path and of what stands on the way to it from a directory.

    The directory itself may be a link; of what is not below it nothing is said.
    """
    below = path.relative_to(directory).parts if directory in path.parents else ()
    for depth in range(1, len(below) + 1):
        refuse_other(directory.joinpath(*below[:depth]))


def is_own(descriptor: int) -> bool:
    """Whether an open file is this user's, and nobody else can have written it."""
    if not hasattr(os, "geteuid"):  # Windows has neither users nor modes that say so
        return True
    status = os.fstat(descriptor)
    # A group is often the user's own.
    return status.st_uid == os.geteuid() and not status.st_mode & stat.S_IWOTH


def read_own(path: Path, most: int | None = None) -> bytes:
    """The content of a file that only this user can have written: it may be unpickled.

    Raises:
        PermissionError: others can have written it.
        OSError: as `open_plain`, or it has more than ``most`` bytes.
    """
    with open(path, "rb", opener=open_plain) as file:
        if not is_own(file.fileno()):
            words = "it is not this user's alone, and so nothing of it is run"
            raise PermissionError(errno.EPERM, words, str(path))
        if most is not None and os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"more than {most} bytes are not read", str(path))
        return file.read()


def read_plain(path: Path) -> bytes:
    """The content of a file of a run, however large.

    Raises:
        FileNotFoundError: there is none.
        Unwritten: it is sparse.
        OSError: as `open_plain`.
    """
    with open(path, "rb", opener=open_plain) as file:
        if is_sparse(file.fileno()):
            raise Unwritten(errno.EINVAL, "parts of it were never written", str(path))
        return file.read()


def walk(directory: str | os.PathLike[str]) -> Iterator[tuple[str, list[str]]]:
    """The directories from one on, however deep, each with the names of what is in it besides.

    No link is followed. What cannot be looked into, as what is too deep to have a path, is left
    out. Before Python 3.12 ``os.walk`` ends with a RecursionError where directories are deep.
    """
    left = [os.fspath(directory)]
    while left:
        here = left.pop()
        try:
            with os.scandir(here) as entries:
                inside = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        except OSError:
            continue
        yield here, [name for name, is_directory in inside.items() if not is_directory]
        left += [os.path.join(here, name) for name, is_directory in inside.items() if is_directory]
