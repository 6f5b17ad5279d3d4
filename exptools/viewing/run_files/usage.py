"""What jobs used while they ran: their ``usage.csv``, and what several of them used together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl

from exptools.rundir import USAGE_FILE, read_regular
from exptools.viewing.arrays import Floats

MAX_USAGE = 64 * 2**20  # bytes: a sample every two seconds for two months


@dataclass(frozen=True)
class Usage:
    """The samples of one run in the order of their times; all arrays are [samples]."""

    time: Floats  # Unix seconds
    cpu_percent: Floats  # since the sample before; 100 is one core
    rss: Floats  # bytes
    gpu_percent: Floats  # mean over the run's GPUs; NaN where there is none
    gpu_memory: Floats  # bytes; likewise


_NAMES = tuple(Usage.__dataclass_fields__)


def read_usage(run_dir: Path) -> Usage | None:
    """The samples of a run, None where it has none.

    Cells that hold no number are NaN, rows without a time are left out.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no CSV, or not one of these.
    """
    try:
        content = read_regular(run_dir / USAGE_FILE, MAX_USAGE)
    except FileNotFoundError:
        return None
    try:
        frame = pl.read_csv(
            BytesIO(content), infer_schema=False, truncate_ragged_lines=True, encoding="utf8-lossy"
        )
        known = frame.select(pl.col(_NAMES).cast(pl.Float64, strict=False))
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error)) from error
    known = known.filter(pl.col("time").is_finite()).sort("time", maintain_order=True)
    return Usage(*(column.fill_null(np.nan).to_numpy() for column in known)) if len(known) else None


@dataclass(frozen=True)
class StepFunction:
    """A level that was held over some time, in stretches that follow each other."""

    edges: Floats  # [stretches + 1], ascending, Unix seconds
    levels: Floats  # [stretches]


def use_of_run(time: Floats, values: Floats, started: float, ended: float) -> StepFunction | None:
    """What a run used from its start to its end; None where it was never sampled in between.

    A sample tells of the time since the one before; the last one stands until the end.
    """
    inside = np.isfinite(values) & (time > started) & (time <= ended)
    if not inside.any():
        return None
    time, values = time[inside], values[inside]
    return StepFunction(np.concatenate([[started], time, [ended]]), np.append(values, values[-1]))


def sum_in_bins(uses: Iterable[StepFunction], edges: Floats) -> tuple[Floats, Floats]:
    """The mean over each bin of the sum of some uses, and of how many were under way.

    Means over time, not of samples: a bin has what was really used in it.

    Args:
        uses: one a run.
        edges: of the bins, ascending.
    """
    total, running = np.zeros((2, len(edges) - 1))
    width = np.diff(edges)
    for one in uses:
        used = np.concatenate([[0.0], np.cumsum(one.levels * np.diff(one.edges))])
        total += np.diff(np.interp(edges, one.edges, used)) / width
        inside = np.clip(edges, one.edges[0], one.edges[-1])
        running += np.diff(inside) / width
    return total, running
