"""Warnings of what could not be read of runs, so that nobody takes its absence for a result."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

from exptools.viewing.index import Index
from exptools.viewing.run import Fault, Run


def warn_of_faults(index: Index, runs: Sequence[Run], *, stacklevel: int = 3) -> None:
    """Warn whoever called our caller of faults that an index has not warned of yet.

    So it is with directories that have gone. A row that a running run is just writing is none.

    Args:
        index: where the runs were found; it remembers what was said.
        runs: those whose faults count.
        stacklevel: as of ``warnings.warn``.
    """
    _warn_of_gone(index, runs, stacklevel + 1)
    _warn(index, index.faulty(runs), stacklevel + 1, again=False)


def warn_of_found(index: Index, *, stacklevel: int = 3) -> None:
    """Warn whoever called our caller of the faults of all runs, which have just been found."""
    _warn(index, index.faulty(index.snapshot.runs), stacklevel + 1, again=True)


def _warn(index: Index, faulty: Sequence[Run], stacklevel: int, *, again: bool) -> None:
    if not faulty:
        return
    from exptools.viewing.curves.endings import still_going
    from exptools.viewing.metrics.logged_rows import UNFINISHED

    new = dict.fromkeys(
        fault
        for run in faulty
        for fault in index.faults(run)
        if (again or fault not in index.told)
        and not (fault.reason == UNFINISHED and still_going([run]))
    )
    index.told.update(new)
    if new:
        warnings.warn(_sentence([*new]), stacklevel=stacklevel)


def _warn_of_gone(index: Index, runs: Sequence[Run], stacklevel: int) -> None:
    """Warn of runs whose directories have gone since they were found, of each once."""
    gone = [run for run in runs if run.path not in index.told and not os.path.isdir(run.path)]
    index.told.update(run.path for run in gone)
    if not gone:
        return
    said = f"the directory of the run {gone[0].name!r} is gone: refresh() leaves it out"
    if len(gone) > 1:
        which = f"{len(gone)} runs, {gone[0].name!r} for example,"
        said = f"the directories of {which} are gone: refresh() leaves them out"
    warnings.warn(said, stacklevel=stacklevel)


def _sentence(faults: Sequence[Fault]) -> str:
    if len(faults) == 1:
        return f"not all could be read: {faults[0]} (runs.faults has it, too)"
    return f"not all could be read: {faults[0]}; this and {len(faults) - 1} more are in runs.faults"
