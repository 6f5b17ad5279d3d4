"""Read a run's metrics with the reader of its format; what goes wrong is a fault of that run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from exptools.rundir import read_regular
from exptools.viewing.metrics.csv_reader import parse_csv
from exptools.viewing.metrics.event_reader import read_events, repeats_our_csv
from exptools.viewing.metrics.logged_rows import (
    MAX_BYTES,
    LoggedRows,
    Points,
    TooManyCells,
    as_rows,
)
from exptools.viewing.run import Fault, Source

SEPARATORS = {"csv": ",", "tsv": "\t"}


def read_logged_rows(source: Source) -> LoggedRows:
    """All that a run has logged; no file and an empty file are no rows and no fault.

    What is no regular file, or larger than ``MAX_BYTES``, is one fault and no rows.
    A file of someone else's that has no column ``step`` gets one, see ``step_column``.
    """
    path = Path(source.files[0])
    try:
        if source.kind == "events":
            files = map(Path, source.files)
            return read_events([file for file in files if not repeats_our_csv(file)])
        if source.kind == "sacred":
            return _read_sacred(path)
        return parse_csv(read_regular(path, MAX_BYTES), path, SEPARATORS[source.kind])
    except FileNotFoundError:
        return LoggedRows()
    except (OSError, TooManyCells) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return LoggedRows(faults=(Fault(path, None, f"cannot be read: {reason}"),))
    except Exception as error:  # noqa: BLE001 (one file must not keep the other runs' from being drawn)
        return LoggedRows(faults=(Fault.of(path, error),))


def _read_sacred(file: Path) -> LoggedRows:
    """The ``metrics.json`` of sacred's FileStorageObserver; what is no metric is a fault."""
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
