"""How a run is logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from exptools.hints import did_you_mean
from exptools.logging.snapshots.policy import Mode, SnapshotPolicy

ON_ERROR = ("raise", "warn")


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

    def __post_init__(self) -> None:
        if self.on_error not in ON_ERROR:
            hint = did_you_mean(str(self.on_error), ON_ERROR)
            raise ValueError(
                f"on_error should be one of {', '.join(ON_ERROR)}, not {self.on_error!r}{hint}"
            )
        if self.console is not None and not self.console >= 0:
            raise ValueError(f"console should be seconds or None, not {self.console!r}")
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
