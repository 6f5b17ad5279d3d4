"""How a run is logged."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real
from pathlib import Path
from typing import Any

from exptools.hints import did_you_mean
from exptools.logging.snapshots.policy import Mode, SnapshotPolicy
from exptools.plain_json import parse_json
from exptools.rundir import RUN_DIR, RUN_OPTIONS

ON_ERROR = ("raise", "warn")


def _is_duration(seconds: object) -> bool:
    if isinstance(seconds, bool) or not isinstance(seconds, Real):
        return False
    return float(seconds) >= 0  # which NaN is not


@dataclass(frozen=True)
class LogOptions:
    """How a run is logged; the options of ``hydra/callbacks=exptools`` are the same.

    Raises:
        ValueError: an option has a value that it cannot have.
    """

    on_error: str = "raise"  # or "warn", once, when something cannot be written
    console: float | None = 5.0  # show a row every so many seconds; None: never
    snapshot_mode: Mode = "last"  # which snapshots are kept: all, last, gap, last+gap or none
    snapshot_gap: int = 1  # in the modes with a gap: each so many-th
    snapshot_keep: int | None = None  # how many of those stay, the newest; None: all
    all_ranks: bool = False  # whether ranks above 0 log, too, each to a directory of its own

    def __post_init__(self) -> None:
        if self.on_error not in ON_ERROR:
            hint = did_you_mean(str(self.on_error), ON_ERROR)
            raise ValueError(
                f"on_error should be one of {', '.join(ON_ERROR)}, not {self.on_error!r}{hint}"
            )
        if self.console is not None and not _is_duration(self.console):
            raise ValueError(f"console should be seconds or None, not {self.console!r}")
        if not isinstance(self.all_ranks, bool):
            raise ValueError(f"all_ranks should be True or False, not {self.all_ranks!r}")
        _ = self.snapshots  # which refuses what cannot be

    @property
    def snapshots(self) -> SnapshotPolicy:
        """The three options of snapshots together."""
        return SnapshotPolicy(self.snapshot_mode, self.snapshot_gap, self.snapshot_keep)

    def changed(self, changes: Mapping[str, Any]) -> LogOptions:
        """These options with some of them changed.

        Raises:
            TypeError: there is no option of that name.
            ValueError: it cannot have that value.
        """
        names = [field.name for field in fields(self)]
        for name in changes:
            if name not in names:
                hint = did_you_mean(name, names) or f"; there are {', '.join(names)}"
                raise TypeError(f"there is no option {name!r}{hint}")
        return replace(self, **changes)


DEFAULTS = LogOptions()


def as_options(options: object) -> LogOptions:
    """What :meth:`Logger.open` was given for options.

    Raises:
        TypeError: they are none.
    """
    if options is None:
        return DEFAULTS
    if not isinstance(options, LogOptions):
        raise TypeError(
            f"options should be a LogOptions, not {options!r:.60}; single ones are given by their "
            'names, as in logger.open(directory, on_error="warn")'
        )
    return options


def inherited_options(directory: Path | None) -> LogOptions:
    """How the process that has started this one logs in the directory, if it does that."""
    text = os.environ.get(RUN_OPTIONS)
    if text is None or directory is None or os.environ.get(RUN_DIR) != str(directory):
        return DEFAULTS
    try:
        return DEFAULTS.changed(parse_json(text))
    except (TypeError, ValueError, AttributeError):  # of another version of ours
        return DEFAULTS


def leave_options(options: LogOptions) -> None:
    """Let the processes that this one starts log in the same way."""
    os.environ[RUN_OPTIONS] = json.dumps(asdict(options), default=float)
