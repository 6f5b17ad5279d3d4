"""How a file of a run is opened: through no link, waiting for nobody, and only if it is a file.

Run directories are copied, synced and shared. A link in one of them leads wherever its maker wants:
what is written through it lands there, and what is read through it is somebody else's.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_LINK = "it is a link, through which this is not read or written"
_HIDDEN = ".exptools"  # the directory beside a run's files that only we write


def open_plain(path: str | os.PathLike[str], flags: int, mode: int = 0o666) -> int:
    """The descriptor of a file of a run; usable as an opener of ``open``.

    The directories above it may be links, but for ``.exptools``. Windows follows links.

    Raises:
        OSError: it is a link or no file (a pipe, a directory), or cannot be opened.
    """
    path = os.fspath(path)
    directory = os.path.dirname(path)
    if os.path.basename(directory) == _HIDDEN and os.path.islink(directory):
        raise OSError(errno.ELOOP, _LINK, directory)
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags | careful | getattr(os, "O_CLOEXEC", 0), mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, _LINK, path) from None
        raise
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind) or stat.S_ISCHR(kind):  # only root makes devices, such as /dev/null
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no regular file", path)


def is_own(descriptor: int) -> bool:
    """Whether an open file is this user's, and nobody else can have written it."""
    status = os.fstat(descriptor)
    mine = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return mine and not status.st_mode & stat.S_IWOTH  # a group is often the user's own


def read_own(path: Path) -> bytes:
    """The content of a file that only this user can have written: it may be unpickled.

    Raises:
        PermissionError: others can have written it.
        OSError: as `open_plain`.
    """
    with open(path, "rb", opener=open_plain) as file:
        if not is_own(file.fileno()):
            words = "it is not this user's alone, and so nothing of it is run"
            raise PermissionError(errno.EPERM, words, str(path))
        return file.read()


def read_plain(path: Path) -> bytes:
    """The content of a file of a run, however large.

    Raises:
        FileNotFoundError: there is none.
        OSError: as `open_plain`.
    """
    with open(path, "rb", opener=open_plain) as file:
        return file.read()
