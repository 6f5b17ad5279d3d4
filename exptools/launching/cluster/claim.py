"""Whose a chunk is: of one agent at a time, on whichever machine.

A claim is a file that only one process can make. File locks are not used: some file systems have
none between hosts, and say nothing of it. Each agent of a chunk makes the next of its claims; it
may do so once the last one's agent is gone. On the same machine the kernel says whether it is; of
another's, its claim tells, which is touched as long as it lives.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from exptools.plain_files import open_plain
from exptools.plain_json import parse_json
from exptools.provenance import command_line
from exptools.rundir import process_start, read_regular
from exptools.visible import visible

BEAT = 5.0  # seconds between two signs of life
PATIENCE = 4 * BEAT  # seconds without one after which an agent of another machine is taken for dead
_LONGEST = 2**20  # bytes of a claim
_MOST_NAMED = 500  # characters of what is said of who has it


class ChunkBusy(Exception):
    """Another agent has the chunk; the message says which."""


class Claim:
    """Holds a chunk until it is released or this process dies."""

    def __init__(
        self,
        stem: Path,
        *,
        leave: Path | None = None,
        beat: float = BEAT,
        patience: float = PATIENCE,
    ) -> None:
        """Take the chunk.

        Args:
            stem: the path of the chunk's files, without what follows the dot.
            leave: once this file is there, the chunk is others', and this process ends.
            beat: seconds between two signs of life.
            patience: seconds without one after which another machine's agent is taken for dead.

        Raises:
            ChunkBusy: another agent has it.
            OSError: the claim cannot be written.
        """
        self._stem = stem
        self._leave = leave
        self._beat = beat
        while True:
            newest = self._newest()
            if newest:
                _wait_for_death(self._path(newest), patience)
            self.number = newest + 1  # counts the chunk's agents
            self._file = self._path(self.number)
            with contextlib.suppress(FileExistsError):  # another agent was faster: judge that one
                self._make()
                break
        if self.number > 1:
            self._path(self.number - 1).unlink(missing_ok=True)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Let others have the chunk; the claim stays, as a dead one's."""
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, json.dumps({"released": True}).encode())
        os.close(self._descriptor)

    def _newest(self) -> int:
        paths = self._stem.parent.glob(f"{self._stem.name}.claim.*")
        numbers = (path.name.rpartition(".")[2] for path in paths)
        return max((int(n) for n in numbers if n.isascii() and n.isdecimal()), default=0)

    def _path(self, number: int) -> Path:
        return self._stem.with_name(f"{self._stem.name}.claim.{number}")

    def _make(self) -> None:
        # It stays open: by its path one would write to whatever is put in its place.
        self._descriptor = open_plain(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(self._descriptor, json.dumps(_this_process()).encode(errors="replace"))

    def _live(self) -> None:
        """Give signs of life; end the agent if it was taken for dead (its machine stood still)."""
        while not self._ended.wait(self._beat):
            was_taken = self._leave is not None and self._leave.exists()
            if was_taken or self._path(self.number + 1).exists():
                os.kill(os.getpid(), signal.SIGTERM)
                return
            with contextlib.suppress(OSError):  # the file server is away for a moment
                os.utime(self._descriptor)


def find_agent(stem: Path) -> str | None:
    """Who has a chunk now, in words; None: nobody seems to.

    Of another machine's agent its claim's age tells, by the clock of the file system.

    Args:
        stem: see `Claim`.
    """
    for path in stem.parent.glob(f"{stem.name}.claim.*"):
        holder, touched = _read(path), _touched(path)
        if holder.get("released") or touched is None:
            continue
        lives = _is_alive_here(holder)
        if lives is None:
            lives = abs(_clock(stem.parent) - touched / 1e9) < PATIENCE
        if lives:
            return _named(holder)
    return None


def _wait_for_death(path: Path, patience: float) -> None:
    """Return once whoever made a claim is gone.

    Raises:
        ChunkBusy: it lives.
    """
    # Another machine's clock is not ours: what counts is that nothing changes while we look.
    before, deadline = _touched(path), time.monotonic() + patience
    while True:
        holder = _read(path)  # it may have been made a moment ago, and not be written yet
        if holder.get("released"):
            return
        lives = _is_alive_here(holder)
        if lives is None:
            touched = _touched(path)
            lives = touched not in (None, before)
            if not lives and touched is not None and time.monotonic() < deadline:
                time.sleep(min(1.0, patience / 10))
                continue
        if lives:
            raise ChunkBusy(_named(holder))
        return


def _is_alive_here(holder: dict[str, Any]) -> bool | None:
    """Whether an agent of this machine lives; None: it is of another one, or nobody can say."""
    if not holder.get("start") or holder.get("place") != _place():
        return None
    start: str = holder["start"]
    return process_start(holder["pid"]) == start


def _this_process() -> dict[str, Any]:
    pid = os.getpid()
    return {
        "host": socket.gethostname(),
        "place": _place(),
        "pid": pid,
        "start": process_start(pid),
        "element": os.environ.get("SLURM_JOB_ID"),
        "command": command_line(),
    }


def _place() -> list[str] | None:
    """Where process ids mean the same: a host and, in it, a container."""
    try:
        return [socket.gethostname(), os.readlink("/proc/self/ns/pid")]
    except OSError:
        return None


def _clock(directory: Path) -> float:
    """What time it is where the files are; ours, where nothing can be written."""
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"now")
            file.flush()
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


def _touched(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _read(path: Path) -> dict[str, Any]:
    """Who made a claim; nothing where it is not written yet, or gone."""
    try:
        holder = parse_json(read_regular(path, _LONGEST))
        if isinstance(holder, dict) and (holder.get("released") or isinstance(holder["pid"], int)):
            return holder
    except (OSError, ValueError, KeyError):
        pass
    return {}


def _named(holder: dict[str, Any]) -> str:
    if not holder:
        return "another agent"
    return visible(f"process {holder['pid']} on {holder.get('host')}"[:_MOST_NAMED])
