"""Read the ``metrics.json`` of sacred's FileStorageObserver."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from exptools.rundir import read_regular
from exptools.viewing.metrics.logged_rows import MAX_BYTES, LoggedRows
from exptools.viewing.metrics.points import Points, as_rows
from exptools.viewing.run import Fault


def read_sacred_metrics(file: Path) -> LoggedRows:
    """A run's metrics as rows by step; what is none is a fault.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        record = json.loads(read_regular(file, MAX_BYTES))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        return LoggedRows(faults=(Fault(file, line, f"no valid JSON: {error}"),))
    if not isinstance(record, Mapping):
        return LoggedRows(faults=(Fault(file, None, "should hold an object"),))
    metrics, faults = {}, []
    for tag, points in record.items():
        try:
            metrics[tag] = _points(points)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            faults.append(Fault(file, None, f"{tag}: no steps and values of a metric: {error}"))
    return as_rows(metrics, faults)


def _points(points: Any) -> Points:
    steps = np.array(points["steps"], np.float64)
    values = np.array([_number(value) for value in points["values"]], np.float64)
    walls = np.array([_unix(time) for time in points["timestamps"]], np.float64)
    if not len(steps) == len(values) == len(walls):
        raise ValueError(f"{len(steps)} steps, {len(values)} values, {len(walls)} times")
    return Points(steps, walls, values)


def _number(value: Any) -> float:
    if isinstance(value, Mapping):  # a NumPy scalar, as jsonpickle writes it
        value = value["value"]
    if not isinstance(value, (int, float)):
        raise TypeError(f"{value!r:.50} is no number")
    return float(value)


def _unix(time: str) -> float:
    # UTC, though the text does not say so.
    return datetime.fromisoformat(time).replace(tzinfo=timezone.utc).timestamp()
