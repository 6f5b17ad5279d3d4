"""What an agent tells of its chunk, a line of JSON an event, for the parent to read.

With it the parent looks at one file a chunk, not at one directory a job. Only the agent that has
the chunk's claim writes, whole lines at the end; a killed one may leave a torn line.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from exptools.plain_files import open_plain
from exptools.plain_json import parse_json
from exptools.rundir import State, Status, parse_status

_MOST = 4 * 2**20  # bytes that are read at once
# Of a status, what all jobs of a plan have in common: the plan says it.
_COMMON = ("command", "git", "script", "extra", "overrides")


@dataclass(frozen=True)
class Arrived:
    """An agent has begun with a chunk."""

    host: str
    pid: int
    element: str | None  # Slurm's name of its allocation
    slots: tuple[str, ...]  # in words
    time: float


@dataclass(frozen=True)
class Started:
    """A job runs."""

    job: int
    slot: int
    time: float


@dataclass(frozen=True)
class Ended:
    """A job has ended and its agent will not run it again."""

    job: int
    status: Status  # without what all jobs have in common
    has_result: bool  # whether it has left one
    in_vain: bool = False  # whether it had all of an allocation's time, and left nothing to go on


@dataclass(frozen=True)
class Left:
    """An agent has ended by itself."""

    reason: str  # "done", the name of a signal, or a sentence
    is_refusal: bool  # whether no agent can run the chunk, for that reason
    time: float


Event: TypeAlias = Arrived | Started | Ended | Left
_KINDS: dict[str, Any] = {kind.__name__.lower(): kind for kind in (Arrived, Started, Ended, Left)}


class Journal:
    """Writes what happens to a chunk."""

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        self._descriptor = open_plain(path, flags, 0o600)
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")  # an agent was killed amid a line

    def arrived(self, slots: list[str]) -> None:
        """This process begins with the chunk."""
        event = Arrived(
            socket.gethostname(), os.getpid(), element_name(), tuple(slots), time.time()
        )
        self._write(event)

    def started(self, job: int, slot: int) -> None:
        """A job runs."""
        self._write(Started(job, slot, time.time()))

    def ended(self, job: int, status: Status, *, has_result: bool, in_vain: bool = False) -> None:
        """A job has ended for good, or was interrupted."""
        self._write(Ended(job, status, has_result, in_vain))

    def left(self, reason: str, *, is_refusal: bool = False) -> None:
        """This process is done with the chunk."""
        self._write(Left(reason, is_refusal, time.time()))

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, event: Event) -> None:
        record = {one.name: getattr(event, one.name) for one in fields(event)}
        if isinstance(event, Ended):
            status = vars(event.status)
            record["status"] = {
                name: value
                for name, value in status.items()
                if name not in _COMMON and value is not None
            } | {"state": event.status.state.value}
        text = json.dumps({"event": type(event).__name__.lower(), **record}, ensure_ascii=False)
        os.write(self._descriptor, text.encode(errors="replace") + b"\n")


class JournalReader:
    """Follows a journal: each event is told once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> Iterator[Event]:
        """The events since the last call; lines that make no sense are left out."""
        try:
            descriptor = open_plain(self._path, os.O_RDONLY)
        except OSError:  # not there yet
            return
        try:
            while content := os.pread(descriptor, _MOST, self._offset):
                whole = content.rpartition(b"\n")[0]
                self._offset += len(whole) + 1 if whole or content[:1] == b"\n" else 0
                for line in whole.split(b"\n"):
                    event = _parse(line, self._path) if line else None
                    if event is not None:
                        yield event
                if len(content) < _MOST or not whole:
                    return
        finally:
            os.close(descriptor)


@dataclass
class History:
    """What earlier agents of a chunk have done."""

    ends: dict[int, Status] = field(default_factory=dict)  # by job number; for good
    running: set[int] = field(default_factory=set)  # numbers of jobs without an end
    lost: Counter[int] = field(default_factory=Counter)  # how often a job's agent died with it
    in_vain: Counter[int] = field(default_factory=Counter)  # by job number; see `Ended`


def read_history(journal: Path) -> History:
    """What a chunk's journal says by now."""
    history = History()
    for event in JournalReader(journal).read():
        if isinstance(event, Started):
            history.running.add(event.job)
        elif isinstance(event, Ended):
            history.running.discard(event.job)
            history.in_vain[event.job] += event.in_vain
            if event.status.state is not State.INTERRUPTED:
                history.ends[event.job] = event.status
        elif isinstance(event, Arrived):
            history.lost.update(history.running)
            history.running.clear()
    history.lost.update(history.running)
    return history


def element_name() -> str | None:
    """Slurm's name of the allocation in which this process runs."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def with_common(status: Status, like: Status) -> Status:
    """A status of a journal, with what all jobs of its plan have in common."""
    return replace(status, **{name: getattr(like, name) for name in _COMMON})


def _parse(line: bytes, path: Path) -> Event | None:
    try:
        record = parse_json(line)
        kind = _KINDS[record.pop("event")]
        if kind is Ended:
            record["status"] = parse_status(json.dumps(record["status"]), path)
        event: Event = kind(**record)
        _check(event)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return event


def _check(event: Event) -> None:
    """Refuse what cannot be of an agent.

    Raises:
        ValueError: it cannot.
    """
    if isinstance(event, Started | Ended) and not isinstance(event.job, int):
        raise ValueError("no job")
    if isinstance(event, Ended) and not isinstance(event.in_vain, bool):
        raise ValueError("in vain or not")
    if isinstance(event, Ended) and not event.status.state.ended:
        raise ValueError(f"{State.QUEUED.value} is no end")
    if isinstance(event, Left) and not isinstance(event.reason, str):
        raise ValueError("no reason")
