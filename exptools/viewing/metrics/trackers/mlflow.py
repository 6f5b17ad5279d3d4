"""The metrics of MLflow's file store: a file a metric, a line a value: time, value, step."""

from __future__ import annotations

import math
import os
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


def read_metrics(files: Sequence[Path]) -> LoggedRows:
    """The metrics of a run: ``files`` are the directory that they stand in, then their files.

    A metric's name is its file's place in the directory, ``train/loss`` a file in another one.
    """
    directory, *of_metrics = files
    metrics, faults, left = dict[str, Points](), list[Fault](), MAX_BYTES
    for file in of_metrics:
        try:
            content = read_content(file, faults, left)
        except FileNotFoundError:
            continue
        except OSError as error:
            faults.append(Fault(file, None, f"cannot be read: {error.strerror}"))
            continue
        left -= len(content)
        points = _parse(content, file, faults)
        if len(points.values):
            metrics[os.path.relpath(file, directory).replace(os.sep, "/")] = points
    return as_rows(metrics, faults)


def _parse(content: bytes, file: Path, faults: list[Fault]) -> Points:
    *lines, rest = content.split(b"\n")
    rows, wrong = [], list[int]()
    for number, line in enumerate(lines, 1):
        try:
            rows.append(_row(line))
        except ValueError:
            if line.strip():
                wrong.append(number)
    faults += [
        Fault(file, number, "should be a time, a value and a step; left out")
        for number in wrong[:_MOST_FAULTS]
    ]
    if len(wrong) > _MOST_FAULTS:
        faults.append(Fault(file, None, f"{len(wrong) - _MOST_FAULTS:,} more such lines"))
    if rest.strip():
        faults.append(Fault(file, len(lines) + 1, UNFINISHED))
    steps, walls, values = np.array(rows, np.float64).reshape(-1, 3).T
    return Points(steps, walls, values)


def _row(line: bytes) -> tuple[float, float, float]:
    """Step, Unix seconds and value of a line."""
    time, value, *rest = line.split()
    wall, step = float(time), float(rest[0]) if rest else 0.0  # before MLflow 1.0: no step
    if not math.isfinite(step):
        raise ValueError
    return step, wall / 1000 if abs(wall) >= _MILLISECONDS else wall, float(value)
