"""What the viewer knows of a run, whichever format it was read from."""

from __future__ import annotations

import copyreg
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from exptools.error_line import error_line
from exptools.rundir import State, Status
from exptools.viewing.wording import shortened
from exptools.visible import visible

USAGE = "usage/"  # before the names of what was sampled of a job's use: metrics, too


def is_usage(metric: str) -> bool:
    """Whether a metric's name may stand for what a job used."""
    return metric.startswith(USAGE)


MOST_SAID = 1000  # characters of a fault's reason, which may quote what the file says


@dataclass(frozen=True)
class Fault:
    """Something in a run's files that could not be read as it stands."""

    file: Path
    line: int | None  # the first line is 1; None where the fault is not in one line
    reason: str

    @classmethod
    def of(cls, file: Path, error: Exception) -> Fault:
        """The fault of a file whose reader did not foresee this error."""
        return cls(file, None, f"cannot be read: {error_line(error)}")

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return visible(f"{place}: {shortened(self.reason, MOST_SAID)}")


@dataclass(frozen=True)
class TrackedStatus(Status):
    """What a tracker says of a run. One that died without a word is "running" there for ever."""

    seen: float | None = None  # Unix seconds: its last sign of life
    patience: float = math.inf  # seconds without a sign after which a running run counts as killed

    @property
    def observed(self) -> State:
        """The state as a reader should show it: a run that has long been silent was killed."""
        silent = self.seen is not None and time.time() - self.seen > self.patience
        return State.KILLED if self.state is State.RUNNING and silent else super().observed


def duration(status: Status | None, now: float) -> float | None:
    """How long a job ran, or has been running, in seconds; None where nobody knows."""
    if status is None or status.started is None:
        return None
    end = status.ended
    if end is None and not status.observed.ended:
        end = now
    elif end is None and isinstance(status, TrackedStatus):
        end = status.seen  # nobody wrote when it was killed
    return None if end is None else max(0.0, end - status.started)


_Table = Literal["csv", "tsv", "table", "monitor", "ray"]
SourceKind = Literal[_Table, "events", "mlflow", "sacred", "sacred_info", "trainer", "wandb"]


class Source(NamedTuple):
    """Files that a run's metrics stand in, and how these are written."""

    kind: SourceKind
    files: tuple[str, ...]  # paths, in the order in which they were begun
    prefix: str = ""  # what its metrics' names begin with: "train/", where two places have them


@dataclass(frozen=True)
class EarlierAttempt:
    """A try at a run which a later one replaces; its metrics are not the run's."""

    directory: Path
    sources: tuple[Source, ...]
    updated: float | None  # Unix seconds: when a file of these was last written to


@dataclass(frozen=True)
class Run:
    """One run, without its curves, which are read when they are drawn."""

    path: str  # of its directory
    name: str  # relative to the root that it was found in; unique in an index
    sweep: str | None  # the multirun directory's name, None outside a sweep
    # Dotted key → value; read-only throughout: lists are tuples. ``${…}`` is resolved where the
    # config itself says what it stands for, and kept as written elsewhere.
    config: Mapping[str, Any]
    status: Status | None  # None where nothing wrote a status
    state: State | None  # as observed when it was read: a vanished process is "killed"
    faults: tuple[Fault, ...] = ()  # of its config and status; Index.faults adds its metrics'
    format: str = "hydra"  # which reader took it
    # Where its metrics stand, the best first: of each metric the first that has it counts.
    sources: tuple[Source, ...] = ()
    unread: tuple[str, ...] = ()  # names of tables and logs in its directory that nobody reads
    updated: float | None = None  # Unix seconds: when a file of these was last written to
    earlier: tuple[EarlierAttempt, ...] = ()  # in the natural order of their directories
    # What was said of the run as a whole, by name: numbers, booleans and texts.
    summary: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    derived: frozenset[str] = frozenset()  # keys of the config made of other ones: ``${seed}``
    # None, or Hydra has not composed its config yet: a key that this lacks may be in it all the
    # same. Then: the overrides that choose configs of groups, of which nobody knows what they hold.
    incomplete: frozenset[str] | None = None

    @cached_property
    def directory(self) -> Path:
        """Its directory; made when it is asked for, as there may be ten thousand."""
        return Path(self.path)


def _read_only(items: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(items)


def _pickled(view: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    return _read_only, (dict(view),)


# Configs are read-only to the last, which Python itself can neither copy nor send to a process.
copyreg.pickle(MappingProxyType, _pickled)


_NUMBERS = re.compile("([0-9]+)")


def natural_key(text: str) -> tuple[tuple[str | int, ...], str]:
    """Sort by this to have numbers in texts in the order of their values: "run 2", "run 10"."""
    parts = _NUMBERS.split(text)  # texts and digits in turns
    # In the order of their values, without int(), which takes thousands of digits for an attack:
    # of two numbers the one with more digits is the larger. Of equal ones that with more zeros
    # before it is the first, so that all "lr0.01" stand together, before "lr0.1".
    if len(parts) == 3:  # as most names of runs are: soon said, for there are many
        digits = parts[1].lstrip("0")
        zeros = len(digits) - len(parts[1])  # below 0
        return (parts[0], len(digits), digits, zeros, parts[2]), text
    key: list[str | int] = [parts[0]]
    for at in range(1, len(parts), 2):
        digits = parts[at].lstrip("0")
        key += (len(digits), digits, len(digits) - len(parts[at]), parts[at + 1])
    return tuple(key), text
