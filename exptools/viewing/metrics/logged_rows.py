"""The rows that a run has logged, as the careful readers give them: all columns, all faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from exptools.rundir import STEP
from exptools.viewing.run import Fault

MAX_BYTES = 2**30  # of a file; read, it takes a few times its size in memory
UNFINISHED = "the last line is not finished; left out"

# What counts the steps, by the names that libraries give it; the finest count comes first.
STEP_NAMES = (
    STEP,
    "time/total_timesteps",  # Stable-Baselines3
    "TotalEnvInteracts",  # Spinning Up
    "Diagnostics/CumSteps",  # rlpyt
    "total_timesteps",  # baselines
    "timesteps_total",  # Ray Tune
    "global_step",
    *("iteration", "Iteration", "Itr", "itr", "Diagnostics/Iteration", "training_iteration"),
    *("epoch", "Epoch"),
)


@dataclass(frozen=True)
class LoggedRows:
    """A run's metrics, a row for each time that its row was written."""

    # All Float64; column "step" always, then what the file has; null where nothing was logged.
    frame: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={STEP: pl.Float64}))
    faults: tuple[Fault, ...] = ()
    step_from: str | None = STEP  # the column that "step" was taken from; None: the row's number


def step_column(names: Sequence[str]) -> str | None:
    """Which of a file's columns counts the steps, None where none does: then rows are counted.

    The first of ``STEP_NAMES`` that the file has.
    """
    return next((name for name in STEP_NAMES if name in names), None)
