"""The run directory: the names of its files, and ``status.json``, which tells a run's state.

Launching, logging and viewing meet here and nowhere else, so that a run launched by any Hydra
launcher can be logged, and a run logged by anything can be viewed. ``docs/run-directory.md`` is
the specification. This module needs the standard library only.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any

from exptools.asides import remove_leftovers, write_aside
from exptools.plain_files import LARGE, first_hole, open_file, refuse_linked_directory
from exptools.plain_json import parse_json
from exptools.status_fields import check_fields, refusal
from exptools.visible import visible_lines

HYDRA_DIR = ".hydra"
HYDRA_CONFIG = f"{HYDRA_DIR}/config.yaml"
HYDRA_OVERRIDES = f"{HYDRA_DIR}/overrides.yaml"
HYDRA_SETTINGS = f"{HYDRA_DIR}/hydra.yaml"
EXPTOOLS_DIR = ".exptools"
STATUS_FILE = f"{EXPTOOLS_DIR}/status.json"
RETURN_FILE = f"{EXPTOOLS_DIR}/return.pkl"
PROVENANCE_FILE = f"{EXPTOOLS_DIR}/provenance.json"
PATCH_FILE = f"{EXPTOOLS_DIR}/diff.patch"
USAGE_FILE = f"{EXPTOOLS_DIR}/usage.csv"
CONFIG_FILE = f"{EXPTOOLS_DIR}/config.json"
SUMMARY_FILE = "summary.json"
OTHER_SUMMARY_FILE = f"{EXPTOOLS_DIR}/{SUMMARY_FILE}"  # where another program has that name
OUTPUT_LOG = "output.log"
DEBUG_LOG = "debug.log"
LOG_LOCK = f"{EXPTOOLS_DIR}/log.lock"
ROW_LOCK = f"{EXPTOOLS_DIR}/rows.lock"
MEMBERS = f"{EXPTOOLS_DIR}/members"
PROGRESS_CSV = "progress.csv"
EVENT_FILE_SUFFIX = ".exptools"  # of event files with the scalars that progress.csv has
MEDIA_DIR = "media"
MEDIA_INDEX = f"{MEDIA_DIR}/index.jsonl"
SNAPSHOTS_DIR = "snapshots"
OUT_OF_ORDER_DIR = "out_of_order"  # event files of what goes back; no runs of their own
STEP = "step"
WALL_TIME = "wall_time"
SWEEP_FILE = "multirun.yaml"
# In the environment of a job: the run directory whose status.json the scheduler writes.
STATUS_WRITER = "EXPTOOLS_STATUS_WRITER"
# In the environment of a sweep's jobs: the directory that has their provenance in common.
PROVENANCE = "EXPTOOLS_PROVENANCE"
# In the environment of a process that logs: its run directory, for the processes that it starts.
RUN_DIR = "EXPTOOLS_RUN_DIR"
# In the same environment: which attempt at the run, and who logs there, a line each.
RUN_ATTEMPT = "EXPTOOLS_RUN_ATTEMPT"
# In the same environment: how that run is logged, as JSON.
RUN_OPTIONS = "EXPTOOLS_RUN_OPTIONS"

STATUS_VERSION = 1
MOST_ATTEMPTS = 10**9  # that count: a file may claim so many that the next is no number of ours
MAX_STATUS = 4 * 2**20  # bytes; all that a command line can hold fits in


class State(str, Enum):
    """Where a run stands: ``queued`` → ``running`` → one of the ends."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    KILLED = "killed"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the run."""
        return self not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True)
class Status:
    """What ``status.json`` says of a run. Times are Unix seconds; None is "not known" or "not yet".

    The file has one writer: the scheduler for the jobs that it started, the Hydra callback under
    any other launcher.
    """

    state: State
    job: int | None = None  # number in the sweep
    overrides: tuple[str, ...] = ()
    attempt: int = 1
    host: str = field(default_factory=socket.gethostname)
    element: str | None = None  # a cluster's name of the allocation: "123_4"
    pid: int | None = None
    pid_start: str | None = None  # see process_start(): tells our process from a later one
    slot: int | None = None
    cpus: str | None = None  # in the kernel's list format: "0-3,8"
    gpus: tuple[str, ...] = ()  # UUIDs, or indices where NVML gives none
    threads: int | None = None  # physical cores of its slot: what its thread pools were told
    queued: float | None = None
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    signal: str | None = None  # "SIGKILL"
    error: str | None = None  # the exception's last line
    max_rss: int | None = None  # bytes
    cpu_seconds: float | None = None
    git: Mapping[str, Any] | None = None  # {"commit": …, "dirty": …}; dirty, also {"diff": …}
    script: Mapping[str, Any] | None = None  # {"path": …, "sha256": …}
    command: tuple[str, ...] = ()
    version: int = STATUS_VERSION
    extra: Mapping[str, Any] = field(default_factory=dict)  # keys that this version does not know

    @property
    def observed(self) -> State:
        """The state as a reader should show it.

        A running run whose process is gone was killed; a queued one names the scheduler's
        process, and will never be started when that is gone.
        """
        if self.state is State.RUNNING and _is_gone(self):
            return State.KILLED
        if self.state is State.QUEUED and _is_gone(self):
            return State.INTERRUPTED
        return self.state


class StatusError(ValueError):
    """``status.json`` exists but does not say a run's state; the message names file and reason."""

    def __init__(self, message: str) -> None:
        super().__init__(visible_lines(message))


def read_status(run_dir: Path) -> Status | None:
    """Read a run's status, None where it has none.

    Raises:
        StatusError: the file is unreadable, larger than ``MAX_STATUS``, no JSON object, or has a
            field of another type or range than docs/run-directory.md says; it names the field.
    """
    path = run_dir / STATUS_FILE
    try:
        content = read_regular(path, MAX_STATUS)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StatusError(f"{path} cannot be read: {error.strerror}") from error
    return parse_status(content, path)


def parse_status(content: bytes | str, path: Path) -> Status:
    """The status that the content of a ``status.json`` says; ``path`` is named in errors.

    Raises:
        StatusError: as ``read_status``.
    """
    try:
        raw = parse_json(content)
    except ValueError as error:
        raise StatusError(f"{path} cannot be read: {error}") from error
    if not isinstance(raw, dict):
        raise StatusError(f"{path} should hold a JSON object, not {type(raw).__name__}")
    try:
        return _from_json(raw)
    except ValueError as error:
        raise StatusError(f"{path}: {error}") from error


def write_status(run_dir: Path, status: Status) -> None:
    """Replace a run's ``status.json`` in one step; a reader never sees half of it."""
    record = {**vars(status), "state": status.state.value}
    record |= record.pop("extra")
    text = json.dumps(record, ensure_ascii=False)
    refuse_linked_directory(str(run_dir / STATUS_FILE))
    remove_leftovers(run_dir / EXPTOOLS_DIR)
    # What stands for bytes that are no UTF-8 cannot be written; the rest of it can.
    write_atomic(run_dir / STATUS_FILE, text.encode(errors="replace"))


def update_status(run_dir: Path, **changes: Any) -> None:
    """Write the status that stands on disk with some fields changed; unknown keys are kept."""
    status = read_status(run_dir)
    if status is None:
        raise StatusError(f"{run_dir / STATUS_FILE} is missing: write a whole status first")
    write_status(run_dir, replace(status, **changes))


def write_atomic(path: Path, content: bytes, *, own: bool = False) -> None:
    """Write a file aside and rename it into place; makes its directory where it is missing.

    What is to be read by `read_own` is the user's ``own``, also where the umask is 000.
    """
    refuse_linked_directory(str(path))
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path, content, own=own)


def read_regular(path: Path | str, limit: int) -> bytes:
    """The content of a file of a run that is one: no link, nor a pipe or a device to wait for.

    Args:
        path: the file.
        limit: how many bytes are read at most.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read, is a link or no regular file, has more than ``limit`` bytes, or
            is a large one with holes, which claims what nobody has written.
    """
    refuse_linked_directory(os.fspath(path))
    return read_listed(path, limit)


def read_listed(path: Path | str, limit: int) -> bytes:
    """The same of a file whose directory was just listed, and is known to be no link."""
    # Not open(): it asks the system more, and there may be ten thousand small files.
    descriptor, info = open_file(path)
    try:
        if info.st_size >= LARGE and first_hole(descriptor) is not None:
            raise OSError(errno.EINVAL, "parts of it were never written", str(path))
        # Asked for at once, all that may be read would be allocated.
        content = os.read(descriptor, min(info.st_size, limit) + 1)
        more = b"?" if len(content) != info.st_size else b""  # it has grown, or this was not all
        while more and len(content) <= limit:
            more = os.read(descriptor, limit + 1 - len(content))
            content += more
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"more than {limit} bytes are not read", str(path))
    return content


def process_start(pid: int) -> str | None:
    """A text that no other process on this host has had or will have, or None where unknown.

    None, too, for a process that has ended and only waits to be reaped.
    On Linux it is the boot's id and the start in clock ticks since that boot. A pid alone is used
    again by later processes, and a start in seconds moves when the clock is set.
    """
    try:
        boot = _boot_id()
        # A process may call itself anything, also what is no UTF-8.
        after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    is_zombie = after_name[0] == b"Z"
    return None if is_zombie else f"{boot}/{after_name[19].decode()}"


@functools.cache
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def format_cpus(cpus: tuple[int, ...]) -> str:
    """CPU numbers in the kernel's list format: (0, 1, 2, 8) is "0-2,8"."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


def parse_cpus(text: str) -> tuple[int, ...]:
    """The CPU numbers of a list in the kernel's format: "0-2,8" is (0, 1, 2, 8)."""
    cpus: set[int] = set()
    for part in text.strip("\0\n ").split(","):
        low, _, high = part.partition("-")
        if low:
            cpus.update(range(int(low), int(high or low) + 1))
    return tuple(sorted(cpus))


def _from_json(raw: dict[str, Any]) -> Status:
    states = [state.value for state in State]
    if raw.get("state") not in states:
        raise ValueError(refusal("state", raw.get("state"), f"one of {', '.join(states)}"))
    check_fields(raw)
    names = {f.name for f in fields(Status)} - {"extra"}
    values = {key: value for key, value in raw.items() if key in names}
    values["state"] = State(raw["state"])
    for name in ("overrides", "gpus", "command"):
        values[name] = tuple(values.get(name) or ())
    values["extra"] = {key: value for key, value in raw.items() if key not in names}
    values.setdefault("host", "")
    return Status(**values)


def _is_gone(status: Status) -> bool:
    if status.pid is None or status.host != socket.gethostname():
        return False
    if status.pid_start is not None:
        return process_start(status.pid) != status.pid_start
    if sys.platform == "win32":
        return False  # not known: the signal 0 is Ctrl-C there
    try:
        os.kill(status.pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # another user's, or no process's number at all
        return False
    return False
