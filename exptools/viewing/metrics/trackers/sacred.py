"""What sacred's FileStorageObserver has kept of a run's metrics.

``metrics.json`` holds what ``log_scalar`` was given. ``info.json`` is the user's own; PyMARL and
its kin keep metrics there: the values of ``return_mean``, and their steps in ``return_mean_T``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from exptools.viewing.configs import safe_json
from exptools.viewing.metrics.logged_rows import LoggedRows, Points, as_rows, read_content
from exptools.viewing.metrics.trackers.numbers import number
from exptools.viewing.run import Fault
from exptools.visible import whole

_OF_STEPS = "_T"


def read_metrics(files: Sequence[Path]) -> LoggedRows:
    """The ``metrics.json`` of a run; what is no metric is a fault."""
    (file,) = files
    metrics, faults = {}, list[Fault]()
    for tag, points in _record(file, faults).items():
        try:
            metrics[tag] = _points(points)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            faults.append(Fault(file, None, f"{tag}: no steps and values of a metric: {error}"))
    return as_rows(metrics, faults)


def read_info(files: Sequence[Path]) -> LoggedRows:
    """The metrics in the ``info.json`` of a run.

    A value that is no number is left out, and a fault. Nothing is unpickled: what
    jsonpickle wrote of a tensor, for example, is no number.
    """
    (file,) = files
    metrics, faults = {}, list[Fault]()
    record = _record(file, faults)
    for tag, values in record.items():
        steps = record.get(f"{tag}{_OF_STEPS}")
        if isinstance(values, list) and isinstance(steps, list):
            points, reason = _of_info(steps, values)
            if reason:
                faults.append(Fault(file, None, f"{tag}: {reason}; left out"))
            if len(points.values):
                metrics[tag] = points
    return as_rows(metrics, faults)


def _record(file: Path, faults: list[Fault]) -> Mapping[str, Any]:
    try:
        record = safe_json.load(read_content(file, faults))
    except ValueError as error:
        faults.append(Fault(file, getattr(error.__cause__, "lineno", None), str(error)))
        return {}
    if not isinstance(record, dict):
        faults.append(Fault(file, None, "should hold an object"))
        return {}
    return record


def _of_info(steps: Sequence[Any], values: Sequence[Any]) -> tuple[Points, str | None]:
    """The points of a metric, and what is wrong with others."""
    # Written while a value is added there may be one step more: the pairs count.
    pairs = list(zip(map(_logged, steps), map(_logged, values), strict=False))
    numbers = [(step, value) for step, value in pairs if step is not None and value is not None]
    reason = None
    if len(numbers) < len(pairs):
        first = next(value for pair, value in zip(pairs, values, strict=False) if None in pair)
        wrong = len(pairs) - len(numbers)
        reason = f"{wrong} of {len(pairs)} values are no numbers, as {whole(first)}"
    elif abs(len(steps) - len(values)) > 1:
        reason = f"{len(steps)} steps, {len(values)} values: those without their like"
    at, points = np.array(numbers, np.float64).reshape(-1, 2).T
    return Points(at, np.full(len(at), np.nan), points), reason


def _logged(value: Any) -> float | None:
    """A value that was logged; of what jsonpickle wrote, a NumPy scalar or an array of one."""
    if isinstance(value, Mapping):
        value = value.get("value", value.get("values"))
    return number(value)


def _points(points: Any) -> Points:
    steps = np.array(points["steps"], np.float64)
    values = np.array([_number(value) for value in points["values"]], np.float64)
    walls = np.array([_unix(time) for time in points["timestamps"]], np.float64)
    if not len(steps) == len(values) == len(walls):
        raise ValueError(f"{len(steps)} steps, {len(values)} values, {len(walls)} times")
    return Points(steps, walls, values)


def _number(value: Any) -> float:
    logged = _logged(value)
    if logged is None:
        raise TypeError(f"{value!r:.50} is no number")
    return logged


def _unix(time: str) -> float:
    # UTC, though the text does not say so.
    return datetime.fromisoformat(time).replace(tzinfo=timezone.utc).timestamp()
