"""Which snapshots of a run are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from exptools.hints import did_you_mean

Mode: TypeAlias = Literal["all", "last", "gap", "last+gap", "none"]

LAST_NAME = "params.pkl"


@dataclass(frozen=True)
class SnapshotPolicy:
    """Which snapshots are kept: ``all``; ``last``, which replaces the one before; each ``gap``-th;
    ``last+gap`` both; or ``none``.

    Raises:
        ValueError: there is no such mode, or ``gap`` or ``keep`` is less than 1.
    """

    mode: Mode = "last"
    gap: int = 1  # iterations, in the modes with a gap
    keep: int | None = None  # how many itr_<n>.pkl of this attempt stay, the newest; None: all

    def __post_init__(self) -> None:
        modes = get_args(Mode)
        if self.mode not in modes:
            raise ValueError(
                f"snapshot_mode should be one of {', '.join(modes)}, "
                f"not {self.mode!r}{did_you_mean(str(self.mode), modes)}"
            )
        for name, value in (("gap", self.gap), ("keep", self.keep)):
            if value is None and name == "keep":
                continue
            if type(value) is not int or value < 1:
                raise ValueError(f"snapshot_{name} should be an integer from 1 on, not {value!r}")

    def names(self, itr: int, *, in_gap: bool) -> list[str]:
        """The files of an iteration, none to two; ``in_gap``: the modes with a gap keep it."""
        names = []
        if self.mode == "all" or (in_gap and "gap" in self.mode):
            names.append(f"itr_{itr}.pkl")
        if "last" in self.mode:
            names.append(LAST_NAME)
        return names
