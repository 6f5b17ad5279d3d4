"""The metrics of MLflow's file store: a file a metric, a line a value: time, value, step."""

from __future__ import annotations

import io
import math
import os
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from exptools.viewing.metrics.logged_rows import (
    MAX_BYTES,
    UNFINISHED,
    LoggedRows,
    Points,
    as_rows,
    read_content,
)
from exptools.viewing.run import Fault

_MILLISECONDS = 1e11  # times from here on are in them, those of MLflow before 1.0 in seconds
_MOST_FAULTS = 20  # of a file
MOST_LINES = 2**24  # of all files of a run


def read_metrics(files: Sequence[Path]) -> LoggedRows:
    """The metrics of a run: ``files`` are the directory that they stand in, then their files.

    A metric's name is its file's place in the directory, ``train/loss`` a file in another one.
    """
    directory, *of_metrics = files
    metrics, faults, left, lines = dict[str, Points](), list[Fault](), MAX_BYTES, MOST_LINES
    for file in of_metrics:
        try:
            content = read_content(file, faults, left)
        except FileNotFoundError:
            continue
        except OSError as error:
            faults.append(Fault(file, None, f"cannot be read: {error.strerror}"))
            continue
        left -= len(content)
        points, read = _parse(content, file, faults, lines)
        lines -= min(lines, read)
        if len(points.values):
            metrics[os.path.relpath(file, directory).replace(os.sep, "/")] = points
    return as_rows(metrics, faults)


def _parse(content: bytes, file: Path, faults: list[Fault], most: int) -> tuple[Points, int]:
    """The values of a file's lines, and how many lines these are, at most so many."""
    # Not all lines at once, and numbers side by side: a line of four bytes would take two hundred.
    numbers, wrong, number = array("d"), 0, 0
    for number, line in enumerate(io.BytesIO(content), 1):
        if not line.endswith(b"\n"):
            faults += [Fault(file, number, UNFINISHED)] if line.strip() else []
            break
        if number > most:
            faults.append(Fault(file, number, f"more than {MOST_LINES:,} lines are not read"))
            break
        try:
            numbers.extend(_row(line))
        except ValueError:
            if not line.strip():
                continue
            wrong += 1
            if wrong <= _MOST_FAULTS:
                reason = "should be a time, a value and a step; left out"
                faults.append(Fault(file, number, reason))
    if wrong > _MOST_FAULTS:
        faults.append(Fault(file, None, f"{wrong - _MOST_FAULTS:,} more such lines"))
    steps, walls, values = np.frombuffer(numbers, np.float64).reshape(-1, 3).T
    return Points(steps, walls, values), number


def _row(line: bytes) -> tuple[float, float, float]:
    """Step, Unix seconds and value of a line."""
    time, value, *rest = line.split()
    wall, step = float(time), float(rest[0]) if rest else 0.0  # before MLflow 1.0: no step
    if not math.isfinite(step):
        raise ValueError
    return step, wall / 1000 if abs(wall) >= _MILLISECONDS else wall, float(value)
