"""What a job used, as metrics of its run: the columns of its ``usage.csv``, called ``usage/…``.

A sample has a time and no step. Its step is read off the rows that the run has logged: on the line
between the row before and the one after. What was used before the first row or after the last has
none, and is only seen over time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from exptools.rundir import STEP, USAGE_FILE, WALL_TIME
from exptools.viewing.metrics.columns import ABSENT, Values, is_absent
from exptools.viewing.metrics.disk_cache import Table
from exptools.viewing.run import USAGE, Run, Source

TIME = "time"  # what the file calls it
UNITS = {  # of the columns that are metrics, for the title of an axis
    "usage/cpu_percent": "100 is one core",
    "usage/rss": "bytes",
    "usage/gpu_percent": "mean of the job's GPUs",
    "usage/gpu_memory": "bytes",
}
_OF_GPUS = ("usage/gpu_percent", "usage/gpu_memory")


def usage_source(run: Run) -> Source:
    """Where a run's samples stand, if there are any."""
    return Source("csv", (os.path.join(run.path, USAGE_FILE),), USAGE)


def resources_of(runs: Iterable[Run]) -> tuple[str, ...]:
    """What was sampled of some runs: nothing where nobody did, and of GPUs where one had any."""
    sampled = [run for run in runs if run.status is not None]
    if not any(os.path.exists(usage_source(run).files[0]) for run in sampled):
        return ()
    has_gpus = any(run.status and run.status.gpus for run in sampled)
    return tuple(name for name in UNITS if has_gpus or name not in _OF_GPUS)


def placed(table: Table, wall: Values, steps: Values) -> Table:
    """The samples with the steps at which they were taken, given those of the logged rows."""
    time = table.columns.get(TIME)
    if time is None:
        return replace(table, columns={})
    known = np.isfinite(wall) & np.isfinite(steps) & ~is_absent(wall)
    order = np.argsort(wall[known], kind="stable")
    wall, steps = wall[known][order], steps[known][order]
    at = np.full(len(time), ABSENT)
    if len(wall):
        inside = (time >= wall[0]) & (time <= wall[-1])
        at[inside] = np.interp(time[inside], wall, steps)
    columns = {name: column for name, column in table.columns.items() if name != TIME}
    return replace(table, columns=columns | {WALL_TIME: time, STEP: at}, step_from=STEP)
