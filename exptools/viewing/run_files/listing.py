"""What else is in a run's directory: its logs, its snapshots, and what it used of the machine."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from exptools.rundir import EXPTOOLS_DIR, OUTPUT_LOG
from exptools.viewing.run import natural_key

USAGE_FILE = f"{EXPTOOLS_DIR}/usage.csv"
MAX_USAGE = 64 * 2**20  # bytes: a month of samples
MAX_LOGS = 50

_LOGS = (".log", ".out", ".err")  # Hydra's, Slurm's
_SNAPSHOT = re.compile(r"(?:itr_(-?\d{1,15})|params)(?:\.(\d{1,9}))?\.pkl")
_COLUMNS = ("time", "cpu_percent", "rss", "gpu_percent", "gpu_memory")


@dataclass(frozen=True)
class Snapshot:
    """A file that the run could go on from. It is a pickle, so nobody here loads it."""

    name: str
    step: int | None  # None where its name does not say it
    replaced_by: int | None  # the attempt that did not continue it; None: it counts
    size: int  # bytes
    written: float  # Unix seconds


@dataclass(frozen=True)
class Usage:
    """What a job and its descendants used, sample by sample; NaN where it was not said."""

    time: NDArray[np.float64]  # Unix seconds
    cpu_percent: NDArray[np.float64]  # 100 is one core
    rss: NDArray[np.float64]  # bytes
    gpu_percent: NDArray[np.float64]  # mean over the slot's GPUs
    gpu_memory: NDArray[np.float64]  # bytes


def log_names(directory: Path) -> list[str]:
    """The logs in a run's directory: what it wrote on its terminal, then the others.

    Links are among them: whether one may be followed is for whoever opens it.

    Raises:
        OSError: the directory cannot be read.
    """
    with os.scandir(directory) as entries:
        found = [e.name for e in entries if e.name.endswith(_LOGS) and not e.is_dir()]
    names = sorted(found, key=natural_key)
    names.sort(key=lambda name: name != OUTPUT_LOG)
    return names[:MAX_LOGS]


def snapshots(directory: Path) -> list[Snapshot]:
    """The snapshots in a directory: the last one, then those of the latest steps first.

    Raises:
        OSError: the directory cannot be read. There being none is no error; a link is none.
    """
    if directory.is_symlink() or not directory.exists():
        return []
    found = [_snapshot(entry) for entry in _files(directory)]
    known = [snapshot for snapshot in found if snapshot is not None]
    known.sort(key=_importance)
    return known


def limited(file: BinaryIO, limit: int) -> bytes:
    """The content of a file.

    Raises:
        OSError: it has more than ``limit`` bytes.
    """
    content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"more than {limit} bytes are not read")
    return content


def read_usage(file: BinaryIO) -> Usage | None:
    """A job's ``usage.csv``; None where nothing stands in it yet.

    Raises:
        OSError: it has more than ``MAX_USAGE`` bytes.
        ValueError: it is no such table.
    """
    content = limited(file, MAX_USAGE)
    whole = content[: content.rfind(b"\n") + 1]
    if not whole:
        return None
    if whole.partition(b"\n")[0] != ",".join(_COLUMNS).encode():
        raise ValueError(f"its first line should be {','.join(_COLUMNS)}")
    try:
        table = pl.read_csv(
            BytesIO(whole), infer_schema=False, truncate_ragged_lines=True, encoding="utf8-lossy"
        )
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"no valid CSV: {str(error).partition(chr(10))[0]}") from error
    numbers = table.cast(pl.Float64, strict=False).fill_null(float("nan"))
    rows = numbers.filter(pl.col("time").is_finite()).sort("time")  # clocks are set back
    return Usage(*(rows[name].to_numpy() for name in _COLUMNS))


def _files(directory: Path) -> Iterator[os.DirEntry[str]]:
    """The regular files in a directory, links not among them."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield entry


def _snapshot(entry: os.DirEntry[str]) -> Snapshot | None:
    named = _SNAPSHOT.fullmatch(entry.name)
    if named is None:
        return None
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return None  # deleted meanwhile
    step, attempt = (int(text) if text else None for text in named.groups())
    return Snapshot(entry.name, step, attempt, found.st_size, found.st_mtime)


def _importance(snapshot: Snapshot) -> tuple[bool, float]:
    step = snapshot.step
    return snapshot.replaced_by is not None, float("-inf") if step is None else -step
