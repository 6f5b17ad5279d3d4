"""Verbs for snapshots, as rlpyt and the original exptools have them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from exptools.logging.errors import warn_user
from exptools.logging.run_logger import Logger
from exptools.logging.snapshots.policy import LAST_NAME, Mode, SnapshotPolicy
from exptools.rundir import SNAPSHOTS_DIR


class SnapshotVerbs:
    """The part of :class:`CompatLogger` that saves snapshots, and says which are kept."""

    _engine: Logger
    # What was chosen for this run, or for the next one: rlpyt chooses before it opens a run.
    _snapshots: tuple[Mode | int, int, int | None] | None  # mode, gap, keep

    def open(self, directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """As :meth:`Logger.open`."""
        chosen = self._snapshots if self._engine.directory is None else None
        self._snapshots = None
        self._engine.open(directory, *args, **kwargs)
        if chosen is not None:
            self.set_snapshot_mode(*chosen)

    def save_itr_params(self, itr: int, params: object) -> None:
        """Save an object as a snapshot that holds nothing else, if the mode keeps this one.

        A link leads there from where rlpyt had the file, in the run directory itself.

        Raises:
            SnapshotError: it cannot be pickled.
            LoggingError: it cannot be written; the snapshots before are as they were.
        """
        if self._engine.save_raw_snapshot(params, itr) is not None and self._engine.directory:
            for name in (LAST_NAME, f"itr_{itr}.pkl"):
                _link(self._engine.directory, name)

    def set_snapshot_mode(self, mode: Mode | int, gap: int = 1, keep: int | None = None) -> None:
        """``all``, ``last``, ``gap``, ``last+gap`` or ``none``; a number is a gap.

        Where no run is open it holds for the next one.

        Raises:
            ValueError: there is no such mode, or the gap is less than 1.
        """
        name: Mode = "gap" if isinstance(mode, int) else mode
        steps = mode if isinstance(mode, int) else gap
        SnapshotPolicy(name, steps, keep)  # refuses what makes no sense
        self._snapshots = (mode, gap, keep)
        if self._engine.directory is not None:
            self._engine.set_snapshot_mode(name, steps, keep)

    def get_snapshot_mode(self) -> Mode | int:
        """The mode, as it was set."""
        return self._snapshots[0] if self._snapshots else SnapshotPolicy().mode

    def set_snapshot_gap(self, gap: int) -> None:
        """Keep each ``gap``-th snapshot in the modes with a gap.

        Raises:
            ValueError: it is less than 1.
        """
        mode, keep = self.get_snapshot_mode(), self._snapshots[2] if self._snapshots else None
        self.set_snapshot_mode(gap if isinstance(mode, int) else mode, gap, keep)

    def get_snapshot_gap(self) -> int:
        """The gap, 1 where none was set."""
        mode, gap, _ = self._snapshots or ("", 1, None)
        return mode if isinstance(mode, int) else gap

    def set_snapshot_dir(self, dir_name: str | os.PathLike[str]) -> None:
        """Open the run in a directory, as rlpyt's ``logger_context`` does before it logs there.

        Where a run is open its snapshots stay in its ``snapshots/``; a warning says so.
        """
        directory = self._engine.directory
        if directory is None:
            self.open(dir_name)
        elif Path(os.path.abspath(dir_name)) not in (directory, directory / SNAPSHOTS_DIR):
            warn_user(f"the run's snapshots are in {directory / SNAPSHOTS_DIR}, not in {dir_name}")

    def get_snapshot_dir(self) -> str | None:
        """Where snapshots are, None where no run is open."""
        directory = self._engine.directory
        return None if directory is None else str(directory / SNAPSHOTS_DIR)


def _link(directory: Path, name: str) -> None:
    """Have a link lead to a snapshot that is there; other files of that name stay."""
    if (directory / SNAPSHOTS_DIR / name).exists() and not os.path.lexists(directory / name):
        with contextlib.suppress(OSError):  # a file system without links, or another process's
            (directory / name).symlink_to(Path(SNAPSHOTS_DIR, name))
