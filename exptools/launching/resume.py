"""What a sweep directory holds already: its lock, and the runs that need not be run again."""

from __future__ import annotations

import contextlib
import difflib
import errno
import json
import os
import re
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from exptools.launching.jobs.outcomes import Job, Outcome, save_status
from exptools.launching.jobs.results import Ending, ResultError, read_ending
from exptools.launching.jobs.worker import Result
from exptools.locks import FileLock, at_fork_in_child
from exptools.plain_files import open_plain, walk
from exptools.plain_json import parse_json
from exptools.provenance import Provenance, command_line
from exptools.rundir import (
    EXPTOOLS_DIR,
    HYDRA_DIR,
    RETURN_FILE,
    SNAPSHOTS_DIR,
    State,
    Status,
    StatusError,
    read_regular,
    read_status,
)
from exptools.visible import visible

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_CONFIG = 64 * 2**20  # bytes of a saved config
MAX_PARSED = 2**20  # characters of what is looked at as YAML: what Hydra saves has thousands
MAX_DEPTH = 100  # values inside values
_MOST_VALUES = 50_000
_MOST_DIRECTIVES = 100
_LONG_NUMBER = 1000  # characters
_DIGITS = re.compile(r"[-+0-9_:.eE]+")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_MOST_COMPARED = 10_000  # lines of a config, for which that takes a moment
_MOST_LINES = 200  # of a difference that is shown
_LONGEST_LINE = 1000  # characters of one that is shown
_LONGEST = 2**20  # bytes of what a lock's holder says of itself
LOCK_FILE = f"{EXPTOOLS_DIR}/lock"
# Of the files in which the libraries save a training.
_CHECKPOINTS = frozenset(
    (".ckpt", ".pt", ".pth", ".safetensors", ".npz", ".h5", ".keras", ".zip", ".msgpack", ".joblib")
)


class SweepBusy(Exception):
    """Another process runs a sweep in this directory; the message says which."""


class SweepLock:
    """Holds a sweep directory until this process ends or the lock is dropped.

    The kernel frees it when the process dies, however it dies.

    Raises:
        SweepBusy: another process holds it.
        OSError: the directory cannot be written.
    """

    _lock: FileLock | None = None

    def __init__(self, sweep_dir: Path) -> None:
        path = sweep_dir / LOCK_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path, private=True)
        if not self._lock.try_acquire():
            raise SweepBusy(f"{sweep_dir} is in use by {_holder(path)}")
        at_fork_in_child(self.drop)
        us = {"host": socket.gethostname(), "pid": os.getpid(), "command": command_line()}
        os.ftruncate(self._lock.descriptor, 0)
        os.write(self._lock.descriptor, json.dumps(us).encode())

    def drop(self) -> None:
        """Leave the lock to the process that this one was forked from; a fork does so itself."""
        if self._lock is not None:
            self._lock.drop()
            self._lock = None

    def __del__(self) -> None:
        if self._lock is not None:
            self._lock.close()


def _holder(path: Path) -> str:
    try:
        with open(path, "rb", opener=open_plain) as file:  # it may claim anything
            holder = parse_json(file.read(_LONGEST))
        command = " ".join(holder["command"])
        told = visible(f"process {holder['pid']} on {holder['host']} ({command})")
        return told[:_LONGEST_LINE]
    except (OSError, ValueError, KeyError, TypeError):  # not yet written, or none of ours
        return "another process"


@dataclass(frozen=True)
class EarlierRun:
    """A run that an earlier start of the sweep has left, whoever launched it."""

    directory: Path  # absolute
    overrides: tuple[str, ...]
    number: int | None  # in its sweep
    status: Status | None  # None: nobody who could tell its end has written one
    ending: Ending | None = None  # as its own process said
    is_spoilt: bool = False  # what should say so cannot be read

    @property
    def completed(self) -> bool:
        """Whether it returned, and not because it was asked to stop.

        Its own process tells, not its status: the scheduler may have died before it could write
        that. Under another launcher the callback writes the status and nobody an ending.
        """
        if self.ending is not None:
            return self.ending.error is None and not self.ending.stopped
        if self.is_spoilt:
            return False
        return self.status is not None and self.status.state is State.COMPLETED

    @property
    def unknown(self) -> bool:
        """Whether nobody here can say how it ended, or whether it has."""
        if self.status is None:
            return self.ending is None and not self.is_spoilt
        elsewhere = self.status.host != socket.gethostname()
        return self.foreign and elsewhere and self.status.state is State.RUNNING

    @property
    def running(self) -> bool:
        """Whether a process of another launcher works on it now; ours are kept off by the lock."""
        return (
            self.status is not None
            and self.foreign
            and not self.unknown
            and self.status.observed is State.RUNNING
        )

    @property
    def has_value(self) -> bool:
        """Whether somebody saved what it returned; not whether that can be loaded."""
        return (self.directory / RETURN_FILE).exists()

    @property
    def foreign(self) -> bool:
        """Whether another launcher ran it: only our scheduler lets runs wait."""
        return self.status is None or self.status.queued is None


def earlier_outcome(job: Job, run: EarlierRun, result: Result | None = None) -> Outcome:
    """The outcome of a job whose run on disk is taken as completed, with this result."""
    status = run.status
    if status is None or run.unknown:  # the user said so: nothing is written into the run
        taken = Status(State.COMPLETED, job=job.number, overrides=job.overrides)
        return Outcome(job, taken, result)
    if status.state is State.COMPLETED:
        return Outcome(job, status, result)
    # Whoever should have written it died between the job's end and the writing.
    status = replace(status, state=State.COMPLETED, error=None, exit_code=0, signal=None)
    return Outcome(job, save_status(job, status), result)


def config_diff(path: Path, config: str) -> str:
    """What differs between a saved config and another, line by line; empty if nothing does.

    Overrides in another order may give the same keys in another order: that is no difference.
    """
    try:
        before = read_regular(path, MAX_CONFIG).decode()
    except (OSError, UnicodeError) as error:
        return f"{path} cannot be read, so nobody knows whether it has changed: {error}"
    if before == config or _sorted(before) == _sorted(config):
        return ""
    if len(before) > MAX_PARSED:
        return f"{path} is another config, of {len(before):,} characters, and not compared"
    lines = before.splitlines(), config.splitlines()
    if max(map(len, lines)) > _MOST_COMPARED:
        return f"{path} is another config, and of too many lines to be compared"
    diff = list(difflib.unified_diff(*lines, str(path), "now", lineterm="", n=1))
    more = [f"… ({len(diff) - _MOST_LINES} lines more)"] if len(diff) > _MOST_LINES else []
    return "\n".join([*(line[:_LONGEST_LINE] for line in diff[:_MOST_LINES]), *more])


def code_changes(statuses: Sequence[Status], now: Provenance) -> list[str]:
    """A sentence for each way in which runs came from other code than there is now."""
    began = [status for status in statuses if status.started]
    changes = Counter(change for one in began if (change := _code_change(one, now)))
    return [
        f"{change}, and {count} of the {len(statuses)} runs that are there came from the old code"
        for change, count in changes.items()
    ]


def run_directories(root: Path, hydra_dir: str = HYDRA_DIR) -> Iterator[Path]:
    """The directories below one that hold a run, whoever wrote it.

    So may one that we are not allowed to look into: it is among them.
    """
    top = root.absolute()
    to_visit = [top]
    while to_visit:
        path = to_visit.pop()
        try:
            is_run = path != top and _holds_run(path, hydra_dir)
            below = [] if is_run else _below(path)
        except OSError as error:
            if path != top and error.errno in (errno.ENAMETOOLONG, errno.ENOENT):
                continue  # so deep nobody has run anything, or it is gone
            if path == top or not isinstance(error, PermissionError):
                raise
            is_run, below = True, []
        if is_run:
            yield path
        to_visit += below


def _below(directory: Path) -> list[Path]:
    with os.scandir(directory) as entries:
        return [Path(entry.path) for entry in entries if _may_hold_runs(entry)]


def _may_hold_runs(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and entry.name not in (EXPTOOLS_DIR, HYDRA_DIR)


def read_earlier_run(directory: Path) -> EarlierRun | None:
    """The run in a directory; None where there is none, or nobody can read its status."""
    try:
        status = read_status(directory)
    except StatusError:
        return None
    if status is None:
        return None
    return EarlierRun(directory, status.overrides, status.job, status, *saved_ending(directory))


def has_checkpoint(directory: Path, since: float) -> bool:
    """Whether a run has saved something since then (Unix seconds) that the next can go on from."""
    for above, names in walk(directory):
        ours = SNAPSHOTS_DIR in Path(above).relative_to(directory).parts
        for name in names:
            if ours or Path(name).suffix in _CHECKPOINTS:
                with contextlib.suppress(OSError):
                    if os.stat(os.path.join(above, name)).st_mtime >= since:
                        return True
    return False


def saved_ending(directory: Path) -> tuple[Ending | None, bool]:
    """How the run in a directory ended, and whether what should say so cannot be read."""
    try:
        return read_ending(directory), False
    except ResultError:
        return None, True


def _holds_run(path: Path, hydra_dir: str) -> bool:
    if (path / hydra_dir).is_dir() or (path / HYDRA_DIR).is_dir():
        return True
    # Who was killed while making a run's directory may have left one without a status in it.
    ours = path / EXPTOOLS_DIR
    return ours.is_dir() and any(not entry.name.startswith(".") for entry in os.scandir(ours))


def parse_saved(text: str) -> Any:
    """What Hydra has saved as YAML. It may be anybody's: nothing large or deep is read, no aliases.

    Raises:
        ValueError, yaml.YAMLError: it is none of Hydra's.
    """
    if len(text) > MAX_PARSED:
        raise ValueError(f"more than {MAX_PARSED} characters are not read")
    if text.count("%TAG") > _MOST_DIRECTIVES:  # libyaml compares each with all before it
        raise ValueError(f"more than {_MOST_DIRECTIVES} %TAG directives are not read")
    _look_through(text)
    try:
        return yaml.load(text, _LOADER)
    except (TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise ValueError("a value is not of the type that its tag says") from error


def _look_through(text: str) -> None:
    """Raise ValueError where a text stands for more than is read."""
    depth = values = 0
    # One event at a time: of a few bytes of aliases of aliases libyaml makes more than fits into
    # memory, and of a deep text it overflows its stack.
    for event in yaml.parse(text, _LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases are not read")
        # PyYAML takes minutes for a long number of base 60, as in 1:59:59.
        if isinstance(event, yaml.ScalarEvent) and _is_long_number(event):
            raise ValueError("numbers of more than a thousand characters are not read")
        values += isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"values nested more than {MAX_DEPTH} deep are not read")
        if values > _MOST_VALUES:
            raise ValueError(f"more than {_MOST_VALUES} values are not read")


def _is_long_number(event: yaml.ScalarEvent) -> bool:
    """Whether a value is a number of many digits, or a tag makes one of it, whatever is in it."""
    if len(event.value) < _LONG_NUMBER:
        return False
    return event.tag in _NUMBERS or _DIGITS.fullmatch(event.value) is not None


def _sorted(config: str) -> str:
    """A config with its keys in order; as it is, where it cannot be read."""
    try:
        return str(yaml.dump(parse_saved(config), sort_keys=True))
    except (ValueError, yaml.YAMLError, RecursionError):
        return config


def _code_change(then: Status, now: Provenance) -> str:
    """How the code of a run differs from ours, by what both know; empty where it does not."""
    before, script = then.git or {}, then.script or {}
    after, ours = now.git or {}, now.script or {}
    # Whoever could write there may have written anything: it is said in a line.
    was, is_now = (Path(str(one.get("path", ""))).name[:255] for one in (script, ours))
    if was and is_now and was != is_now:
        return f"the script is {is_now} now, not {was}"
    if before and after and before.get("commit") != after.get("commit"):
        commits = [str(one.get("commit"))[:10] for one in (after, before)]
        return f"the code is at commit {commits[0]} now, not {commits[1]}"
    if before and after and before.get("diff") != after.get("diff"):
        return f"the code's uncommitted changes at commit {str(after.get('commit'))[:10]} differ"
    if was and is_now and script.get("sha256") != ours.get("sha256"):
        return f"{is_now} has changed"
    return ""
