"""How a run is logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from exptools.logging.snapshots.policy import Mode

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
        _check("on_error", self.on_error, ON_ERROR)
        _check("snapshot_mode", self.snapshot_mode, get_args(Mode))
        for name in ("snapshot_gap", "snapshot_keep"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise ValueError(f"{name} should be an integer from 1 on, not {value!r}")
        if self.console is not None and not self.console >= 0:
            raise ValueError(f"console should be seconds or None, not {self.console!r}")

    def changed(self, changes: Mapping[str, Any]) -> LogOptions:
        """These options with some of them changed.

        Raises:
            TypeError: there is no option of that name.
            ValueError: it cannot have that value.
        """
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                hint = _nearest(name, known) or f"; there are {', '.join(known)}"
                raise TypeError(f"there is no option {name!r}{hint}")
        return replace(self, **changes)


def _check(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        hint = _nearest(str(value), allowed)
        raise ValueError(f"{name} should be one of {', '.join(allowed)}, not {value!r}{hint}")


def _nearest(given: str, known: Sequence[str]) -> str:
    import difflib

    close = difflib.get_close_matches(given, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


DEFAULTS = LogOptions()
