"""What jobs used while they ran: their ``usage.csv``, and what several of them used together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from exptools.rundir import USAGE_FILE, read_regular
from exptools.viewing.arrays import Floats
from exptools.viewing.lazy_polars import pl
from exptools.viewing.run_files.directory import read_limited

MAX_USAGE = 64 * 2**20  # bytes: a month of samples
MAX_COLUMNS = 100


@dataclass(frozen=True)
class Usage:
    """What a job and its descendants used, in the order of time; all arrays are [samples]."""

    time: Floats  # Unix seconds
    cpu_percent: Floats  # since the sample before; 100 is one core
    rss: Floats  # bytes
    gpu_percent: Floats  # mean over the run's GPUs; NaN where there is none
    gpu_memory: Floats  # bytes; likewise


_NAMES = tuple(field.name for field in fields(Usage))


def usage_of(run_dir: Path) -> Usage | None:
    """What a run used, None where nothing was sampled."""
    try:
        return read_usage(BytesIO(read_regular(run_dir / USAGE_FILE, MAX_USAGE)))
    except FileNotFoundError:
        return None


def read_usage(file: BinaryIO) -> Usage | None:
    """The samples in a job's ``usage.csv``, None where there are none.

    Cells that hold no number are NaN; rows without a time, and a torn last line, are left out.
    """
    content = read_limited(file, MAX_USAGE)
    whole = content[: content.rfind(b"\n") + 1]
    if not whole:
        return None
    header = whole.partition(b"\n")[0].decode(errors="replace").split(",")
    if len(header) > MAX_COLUMNS:
        raise ValueError(f"a header of {len(header):,} columns is not read")
    if not set(_NAMES) <= set(header):
        raise ValueError(f"its first line should be {','.join(_NAMES)}")
    try:
        table = pl.read_csv(
            BytesIO(whole),
            columns=list(_NAMES),
            infer_schema=False,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
            quote_char=None,  # or an odd one takes all that follows for its cell
        )
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"no valid CSV: {str(error).partition(chr(10))[0]}") from error
    numbers = table.select(pl.col(_NAMES).cast(pl.Float64, strict=False).fill_null(np.nan))
    # Sorted, for clocks are set back.
    rows = numbers.filter(pl.col("time").is_finite()).sort("time", maintain_order=True)
    return Usage(*(rows[name].to_numpy() for name in _NAMES)) if len(rows) else None


@dataclass(frozen=True)
class StepFunction:
    """A level that was held over some time, in stretches that follow each other."""

    edges: Floats  # [stretches + 1], ascending, Unix seconds
    levels: Floats  # [stretches]


def as_steps(time: Floats, values: Floats, started: float, ended: float) -> StepFunction | None:
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
    """
    total, running = np.zeros((2, len(edges) - 1))
    width = np.diff(edges)
    for one in uses:
        used = np.concatenate([[0.0], np.cumsum(one.levels * np.diff(one.edges))])
        total += np.diff(np.interp(edges, one.edges, used)) / width
        inside = np.clip(edges, one.edges[0], one.edges[-1])
        running += np.diff(inside) / width
    return total, running
