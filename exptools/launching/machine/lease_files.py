"""Files that stand for cores, GPUs and waiting sweeps: who has one locked is what it says.

They lie in a directory that all users share, and are locked with ``flock``, so that the kernel
frees them when their process dies. Anybody may have put there what is found there: no link is
followed, nothing but a plain file is opened, nobody's leave is waited for, and what it says is good
for a message only, in which the kernel is believed where it says something else.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from exptools.launching.machine.lock_owners import (
    command_of,
    file_id,
    lock_owner,
    lock_owners,
    uid_of,
)
from exptools.locks import (
    DEFAULT_HOST_DIRECTORY,
    HAS_LOCKS,
    HOST_DIRECTORY,
    lock,
    open_host_directory,
    open_plain_file,
    unlock,
)
from exptools.visible import visible

_LONGEST = 64 * 1024  # bytes of a file that are read
_MOST_READ = 2 * 2**20  # bytes of all files together
_MOST_FILES = 10_000  # that are looked at
_SHOWN = 100  # characters of a command
_NEWS = "news"  # the file that changes whenever somebody gives something back


@dataclass(frozen=True)
class Holder:
    """Who holds a lease, as that process says itself."""

    user: str
    pid: int
    command: str
    since: float | None = None  # Unix seconds; None: it has not said

    def __str__(self) -> str:
        return f"{self.user}, pid {self.pid} ({self.command})"


class Held(Exception):
    """Another process has the lease."""

    def __init__(self, holder: Holder | None) -> None:
        self.holder = holder  # None: it has not said, or was not asked


class LeaseFiles:
    """The shared directory; where it cannot be used there are no leases, and ``note`` says why."""

    def __init__(self) -> None:
        self.note: str | None = None
        self._directory: int | None = None
        self._news: int | None = None  # the descriptor of that file
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

    def acquire(self, name: str, *, ask_holder: bool = True) -> int:
        """Lock a file; its descriptor, which ``release`` takes.

        Args:
            name: the file's.
            ask_holder: whether anybody wants to know who has it, which takes the kernel a while.

        Raises:
            Held: by another process, or by this one through another descriptor.
            OSError: the file cannot be used.
        """
        while True:
            try:
                descriptor = self._open(name)
            except BlockingIOError:  # its owner has a lease on the file itself (F_SETLEASE)
                raise Held(None) from None
            try:
                if not lock(descriptor):
                    raise Held(_read_holder(descriptor) if ask_holder else None)
                if os.fstat(descriptor).st_nlink == 1:
                    write_record(descriptor)
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # somebody removed it before we had it

    def records(
        self, is_wanted: Callable[[str], bool], but: Collection[str] = ()
    ) -> dict[str, Any]:
        """What the holders of the files with such names wrote there; None where that is no JSON.

        The caller's own are to be named in ``but``: it would take them for another's. Of more files
        than there can be in earnest the rest is not looked at, and of more text none is read.
        """
        there = os.listdir(self._directory) if self.works else []
        names = [name for name in there if is_wanted(name) and name not in but]
        found: dict[str, Any] = {}
        files: dict[str, str] = {}  # by name, what the kernel calls those that are held
        left = _MOST_READ
        for name in sorted(names, key=lambda name: (len(name), name))[:_MOST_FILES]:
            try:
                descriptor = self._open(name, create=False)
            except BlockingIOError:
                found[name] = None
                continue
            except OSError:
                continue  # no file of ours, or removed since
            status = os.fstat(descriptor)
            # Who gives a file back empties it, so that few have to be tried.
            if status.st_size:
                size = min(status.st_size, _LONGEST)
                record = _read_record(descriptor) if size <= left else None
                left -= size
                if not lock(descriptor, shared=True):
                    found[name], files[name] = record, file_id(status)
            os.close(descriptor)
        owners = lock_owners() if files else {}
        return found | {name: _corrected(found[name], owners.get(files[name])) for name in files}

    def announce(self) -> None:
        """Tell those who wait that it is worthwhile to look again."""
        if self.works:
            with contextlib.suppress(OSError):  # they look every now and then in any case
                os.pwrite(self._news_file(), b"\n", 0)

    def last_news(self) -> int:
        """Differs from the last answer when somebody has given something back since."""
        with contextlib.suppress(OSError):
            return os.fstat(self._news_file()).st_mtime_ns if self.works else 0
        return 0

    def close(self) -> None:
        """Close the directory; files that are held stay held."""
        for descriptor in (self._directory, self._news):
            if descriptor is not None:
                os.close(descriptor)
        self._directory = self._news = None

    def _news_file(self) -> int:
        if self._news is None:
            self._news = self._open(_NEWS)
        return self._news

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


def write_record(descriptor: int, more: Mapping[str, object] | None = None) -> None:
    """Write into a file that we hold who we are, and what else others should know."""
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    command = " ".join([name, *sys.argv[1:]])[:_SHOWN]
    holder = Holder(_user(os.getuid()), os.getpid(), command, time.time())
    text = json.dumps({**asdict(holder), **(more or {})}).encode()
    with contextlib.suppress(OSError):  # a full disk: the lease counts, not the holder's name
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))


def holder_of(record: Any) -> Holder | None:
    """Who wrote a record; None if it does not say."""
    try:
        since = float(record.get("since", -1))
        return Holder(
            _plain(record["user"]),
            int(record["pid"]),
            _plain(record["command"]),
            since if 0 <= since <= time.time() else None,
        )
    except (AttributeError, ValueError, TypeError, KeyError, OverflowError):
        return None


def _read_holder(descriptor: int) -> Holder | None:
    return holder_of(_corrected(_read_record(descriptor), lock_owner(descriptor)))


def _corrected(record: Any, owner: int | None) -> Any:
    """A record with the process that holds the lock and its user, where it names others."""
    if owner is None or owner == os.getpid():
        return record
    uid = uid_of(owner)
    others = record if isinstance(record, dict) else {}
    if others.get("pid") == owner:
        return others if uid is None else {**others, "user": _user(uid)}
    user = "unknown user" if uid is None else _user(uid)
    return {**others, "user": user, "pid": owner, "command": command_of(owner) or "?", "since": -1}


def _read_record(descriptor: int) -> Any:
    try:
        text = os.pread(descriptor, _LONGEST, 0).decode()
        # Behind a record that is being replaced there may still be the end of a longer one.
        return json.JSONDecoder().raw_decode(text)[0]
    except (OSError, ValueError, RecursionError):
        return None


def _plain(text: object) -> str:
    # Another user wrote it, and it goes to our user's terminal.
    return visible(str(text)[:_SHOWN])[:_SHOWN]


@lru_cache(maxsize=64)
def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user without a name
        return f"uid {uid}"
