"""Files that stand for cores and GPUs: who has one locked uses what it stands for.

They lie in a directory that all users share, and are locked with ``flock``, so that the kernel
frees them when their process dies. Anybody may have put there what is found there: no link is
followed, nothing but a plain file is opened, and what it says is good for a message only.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from dataclasses import asdict, dataclass

from exptools.locks import (
    DEFAULT_HOST_DIRECTORY,
    HAS_LOCKS,
    HOST_DIRECTORY,
    lock,
    open_host_directory,
    open_plain_file,
    unlock,
)

_LONGEST = 2000  # bytes of a file that are read
_SHOWN = 100  # characters of a command


@dataclass(frozen=True)
class Holder:
    """Who holds a lease, as that process says itself."""

    user: str
    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.user}, pid {self.pid} ({self.command})"


class Held(Exception):
    """Another process has the lease."""

    def __init__(self, holder: Holder | None) -> None:
        self.holder = holder  # None: it has not said


class LeaseFiles:
    """The shared directory; where it cannot be used there are no leases, and ``note`` says why."""

    def __init__(self) -> None:
        self.note: str | None = None
        self._directory: int | None = None
        if not HAS_LOCKS:
            self.note = "this system has no file locks: two sweeps at once may take the same cores"
            return
        named = os.environ.get(HOST_DIRECTORY) or DEFAULT_HOST_DIRECTORY
        try:
            path, self._directory = open_host_directory()
        except OSError as error:
            self.note = (
                f"{named} cannot hold the sweeps' leases ({error.strerror}): two sweeps at once "
                f"may take the same cores and GPUs; name another directory in {HOST_DIRECTORY}"
            )
            return
        if path != named:
            self.note = f"{named} has no file locks: the sweeps' leases lie in {path} instead"

    @property
    def works(self) -> bool:
        """Whether there are leases at all."""
        return self._directory is not None

    def acquire(self, name: str) -> int:
        """Lock a file; its descriptor, which ``release`` takes.

        Raises:
            Held: by another process, or by this one through another descriptor.
            OSError: the file cannot be used.
        """
        while True:
            descriptor = self._open(name)
            try:
                if not lock(descriptor):
                    raise Held(_read_holder(descriptor))
                if os.fstat(descriptor).st_nlink == 1:
                    _write_holder(descriptor)
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # somebody removed it before we had it

    def holders(self) -> dict[str, Holder | None]:
        """Who holds which file, those of this process left out."""
        found: dict[str, Holder | None] = {}
        for name in os.listdir(self._directory) if self.works else ():
            try:
                descriptor = self._open(name, create=False)
            except OSError:
                continue  # no lease of ours, or removed since
            # Who gives a lease back empties its file, so that few have to be tried.
            holder = _read_holder(descriptor)
            mine = holder is not None and holder.pid == os.getpid()
            if os.fstat(descriptor).st_size and not mine and not lock(descriptor, shared=True):
                found[name] = holder
            os.close(descriptor)
        return found

    def close(self) -> None:
        """Close the directory; leases that are held stay held."""
        if self._directory is not None:
            os.close(self._directory)
            self._directory = None

    def _open(self, name: str, *, create: bool = True) -> int:
        if self._directory is None:
            raise OSError(errno.ENOENT, "there is no directory for leases")
        return open_plain_file(self._directory, name, create=create)


def release(descriptor: int) -> None:
    """Give a lease back."""
    with contextlib.suppress(OSError):  # the holder's name is not worth a failure
        os.ftruncate(descriptor, 0)
    # Closing is not enough while a process that is being started has a copy of the descriptor.
    unlock(descriptor)
    os.close(descriptor)


def _write_holder(descriptor: int) -> None:
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    holder = Holder(_user(), os.getpid(), " ".join([name, *sys.argv[1:]])[:_SHOWN])
    with contextlib.suppress(OSError):  # a full disk: the lease counts, not the holder's name
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)


def _read_holder(descriptor: int) -> Holder | None:
    try:
        record = json.loads(os.pread(descriptor, _LONGEST, 0))
        return Holder(_plain(record["user"]), int(record["pid"]), _plain(record["command"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _plain(text: object) -> str:
    # Another user wrote it, and it goes to our user's terminal.
    return "".join(char if char.isprintable() else "?" for char in str(text))[:_SHOWN]


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        return f"uid {os.getuid()}"
