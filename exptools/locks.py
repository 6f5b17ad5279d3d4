"""File locks that the kernel frees when their holder dies, however it dies.

Some file systems have none (Lustre without ``-o flock``, some FUSE). There a stand-in is locked, a
file in a directory of this host: processes of this host still keep each other off, and a warning
says once that those of other hosts do not.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from exptools.plain_files import open_plain
from exptools.visible import visible

if sys.platform != "win32":
    import fcntl

HOST_DIRECTORY = "EXPTOOLS_LEASES"  # the environment's name for another directory
# Neither the user's runtime directory nor TMPDIR: it must be the same for all users.
DEFAULT_HOST_DIRECTORY = "/tmp/exptools-leases"
HAS_LOCKS = sys.platform != "win32"  # elsewhere two writers go unnoticed
# Some say of flock itself that it is no valid argument.
_NOT_HERE = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_MAKE = os.O_RDWR | os.O_CREAT
_LONG = 10.0  # seconds, for an answer that should come at once
_SILENT = (
    f"{{}}: the file system has not answered for {_LONG:.0f} s whether the file can be locked; "
    "we wait for it: is its lock server (for NFS: lockd, statd) up?"
)
HELD = (
    f"{{}}: another process has held this lock for {_LONG:.0f} s; we wait for it: lsof or fuser "
    "tell which one"
)
_SHARED = 0o1777  # anybody may add a file; only its owner may remove it
_EVERYBODY = 0o666  # who holds a lock writes into a file that another user may have made


class NoLocks(OSError):
    """The file system has no locks."""


class Reach(Enum):
    """Whom a lock keeps off."""

    EVERYWHERE = "the processes of all hosts"
    HOST = "those of this host, for a file of the host stands in"
    NOWHERE = "none"


class FileLock:
    """An exclusive lock on a file, which is made if it is not there. It is not held at first.

    A forked child shares its parent's lock: it should :meth:`drop` what it inherits.

    Args:
        path: the file.
        quiet: whether not to warn where the lock keeps off fewer than it should.
        needed: whether to refuse, where it keeps off nobody, instead of going without.
        private: whether nobody may read the file who may not write it: to lock it, that is enough.

    Raises:
        OSError: the file cannot be made, or is a link.
    """

    def __init__(
        self, path: Path, *, quiet: bool = False, needed: bool = False, private: bool = False
    ) -> None:
        self.path = path
        self.descriptor = open_private(path) if private else open_plain(path, _MAKE)
        self._quiet, self._needed = quiet, needed
        self._stand_in: int | None = None
        self._works = HAS_LOCKS
        self._has_worked = False  # without a stand-in

    @property
    def reach(self) -> Reach:
        """Whom it keeps off, which is known when it was asked for once."""
        if not self._works:
            return Reach.NOWHERE
        return Reach.EVERYWHERE if self._stand_in is None else Reach.HOST

    def try_acquire(self) -> bool:
        """Take it now; False if another holder has it.

        Raises:
            NoLocks: there are none any more, or none at all and it is needed.
            OSError: the system refuses it for another reason.
        """
        if self._quiet:
            return self._lock(wait=False)
        with told_if_it_takes_long(_SILENT.format(self.path)):
            return self._lock(wait=False)

    def acquire(self) -> None:
        """Take it, however long it takes.

        Raises:
            NoLocks, OSError: as :meth:`try_acquire`.
        """
        # A thread for each wait would cost more than the row that is written meanwhile.
        if self._has_worked:
            self._lock(wait=True)
        elif not self._lock(wait=False):
            with told_if_it_takes_long(HELD.format(visible(str(self.path)))):
                self._lock(wait=True)

    def release(self) -> None:
        """Let others have it."""
        if self._works:
            unlock(self.descriptor if self._stand_in is None else self._stand_in)

    def close(self) -> None:
        """Give the lock and the file back to the system; the file stays behind."""
        if self._stand_in is not None and lock(self._stand_in):
            with contextlib.suppress(OSError):  # of another user, who will remove it
                self._remove_stand_in()
        self.drop()

    def drop(self) -> None:
        """Close our copy, in a forked child: the parent's lock stays."""
        os.close(self.descriptor)
        if self._stand_in is not None:
            os.close(self._stand_in)

    def _lock(self, *, wait: bool) -> bool:
        if not self._works:
            return True
        if self._stand_in is not None:
            return self._lock_stand_in(wait=wait)
        try:
            held = lock(self.descriptor, wait=wait)
        except NoLocks as error:
            if self._has_worked:  # others may hold the file itself, and not look at a stand-in
                raise
            return self._fall_back(error, wait=wait)
        self._has_worked = True
        return held

    def _fall_back(self, error: NoLocks, *, wait: bool) -> bool:
        try:
            held = self._lock_stand_in(wait=wait)
            others = "keep off only each other's: write there from one host at a time"
        except OSError:
            if self._needed:
                raise self._refusal(error) from error
            self._works, held = False, True
            others = "do not keep each other off: let only one process write there"
        if not self._quiet:
            _warn_once(
                f"{_mount_of(self.path)}: this file system has no file locks ({error.strerror}); "
                f"the processes of a host {others}"
            )
        return held

    def _refusal(self, error: NoLocks) -> NoLocks:
        directory = os.environ.get(HOST_DIRECTORY, DEFAULT_HOST_DIRECTORY)
        message = (
            f"no file locks here ({error.strerror}) nor in {directory}, so two processes would "
            f"spoil each other's files: let one of them write, or name a directory of this host "
            f"where files can be locked in {HOST_DIRECTORY}"
        )
        return NoLocks(error.errno, message, str(self.path))

    def _lock_stand_in(self, *, wait: bool) -> bool:
        while True:
            if self._stand_in is None:
                self._stand_in = self._open_stand_in()
            if not lock(self._stand_in, wait=wait):
                return False
            if os.fstat(self._stand_in).st_nlink:
                return True
            os.close(self._stand_in)  # its holder has removed it meanwhile
            self._stand_in = None

    def _open_stand_in(self) -> int:
        _, directory = open_host_directory()
        try:
            return open_plain_file(directory, self._stand_in_name())
        finally:
            os.close(directory)

    def _remove_stand_in(self) -> None:
        _, directory = open_host_directory()
        try:
            os.unlink(self._stand_in_name(), dir_fd=directory)
        finally:
            os.close(directory)

    def _stand_in_name(self) -> str:
        """Told by the file and not by its path, of which there may be several."""
        status = os.fstat(self.descriptor)
        return f"file-{status.st_dev}-{status.st_ino}"


def at_fork_in_child(method: Callable[[], None]) -> None:
    """Call a bound method in each process that is forked from this one, while its object lives.

    What a fork has a copy of stays locked or open for as long as any of them lives.
    """
    reference: weakref.WeakMethod[Any] = weakref.WeakMethod(method)

    def call() -> None:
        alive = reference()
        if alive is not None:
            alive()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)


def lock(descriptor: int, *, wait: bool = False, shared: bool = False) -> bool:
    """Lock an open file; False if another holder has it. One that waits never answers so.

    Raises:
        NoLocks: the file system has no locks.
        OSError: it cannot be locked for another reason.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NOT_HERE:
            raise NoLocks(error.errno, error.strerror) from error
        raise
    return True


def unlock(descriptor: int) -> None:
    """Let others lock an open file."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def open_host_directory() -> tuple[str, int]:
    """The directory of this host in which files stand for what its processes share.

    It is the one that the environment names in ``EXPTOOLS_LEASES``, unless files in it cannot be
    locked; else ``/tmp/exptools-leases``. It is made for all users if it is not there.

    Returns:
        Its path and its descriptor.

    Raises:
        NoLocks: files in it cannot be locked.
        OSError: it cannot be used.
    """
    named = os.environ.get(HOST_DIRECTORY)
    if named and named != DEFAULT_HOST_DIRECTORY:
        with contextlib.suppress(NoLocks):
            return named, _open_shared(named)
    return DEFAULT_HOST_DIRECTORY, _open_shared(DEFAULT_HOST_DIRECTORY)


def _open_shared(path: str) -> int:
    try:
        os.mkdir(path, _SHARED)
        made = True
    except FileExistsError:
        made = False
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if made:
            os.fchmod(descriptor, _SHARED)  # whatever the umask is
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "no permission to write")
        lock(descriptor, shared=True)
        unlock(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_private(path: Path) -> int:
    """The descriptor of a file, made if need be, that nobody may read who may not write it.

    For to lock a file, reading it is enough. There is no moment in which a new one can be read.

    Raises:
        OSError: as `open_plain`.
    """
    descriptor = open_plain(path, _MAKE, 0o622)
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    readers = (mode & 0o022) << 1  # who may write it
    if mode & 0o044 != readers:
        with contextlib.suppress(OSError):  # it is another user's
            os.fchmod(descriptor, mode & ~0o044 | readers)
    return descriptor


def open_plain_file(directory: int, name: str, *, create: bool = True) -> int:
    """The descriptor of a file in an open directory into which anybody may have put anything.

    No link is followed, and what has several names or is no plain file is refused.

    Raises:
        BlockingIOError: another process has a lease on it.
        OSError: it cannot be opened, or is refused.
    """
    # O_CREAT only for new files: with it Linux refuses other users' files in such directories. And
    # not to wait: the owner of a file can have a lease on it, whose end takes 45 seconds.
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    while True:
        try:
            return _plain(os.open(name, flags, dir_fd=directory))
        except FileNotFoundError:
            if not create:
                raise
        with contextlib.suppress(FileExistsError):  # another process was faster: open that
            descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL, _EVERYBODY, dir_fd=directory)
            os.fchmod(descriptor, _EVERYBODY)  # whatever the umask is
            return descriptor


def _plain(descriptor: int) -> int:
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EPERM, "it is not a plain file")


@contextlib.contextmanager
def told_if_it_takes_long(message: str) -> Iterator[None]:
    """Say so if the block takes long: whoever waits sees why."""
    timer = threading.Timer(_LONG, _warn_once, [message])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # a fork should find no thread of ours


@cache
def _warn_once(text: str) -> None:
    """Python's own "once" starts anew whenever somebody touches the filters."""
    warnings.warn(visible(text), RuntimeWarning, stacklevel=2)


def _mount_of(path: Path) -> Path:
    path = Path(os.path.realpath(path))
    return next(folder for folder in (path, *path.parents) if os.path.ismount(folder))
