"""The history of a W&B run, from its transaction log: all that ``wandb.log`` was given.

A row is a step of W&B's. What is no number (media, tables, texts) is no metric; a boolean is 0 or
1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from exptools.plain_json import parse_json
from exptools.viewing.metrics.logged_rows import (
    LoggedRows,
    NestedNames,
    Points,
    as_rows,
    read_content,
)
from exptools.viewing.metrics.trackers.numbers import number
from exptools.viewing.run import Fault
from exptools.viewing.wandb_log import BrokenRecord, path_of, read_log

_STEP, _TIME, _RUNTIME = "_step", "_timestamp", "_runtime"  # W&B's own, in each row
_NO_NUMBERS = {  # as floats, what ``float`` does not read
    **{b"true": 1.0, b"false": 0.0},
    **{b'"NaN"': math.nan, b'"Infinity"': math.inf, b'"-Infinity"': -math.inf},
}

_Rows = dict[str, list[tuple[float, float, float]]]  # metric → steps, Unix seconds, values


def read_history(files: Sequence[Path]) -> LoggedRows:
    """What a W&B run has logged in its files, of which a later one is that of a resumed run.

    It goes on where its first row is, and replaces what an earlier one has from there on. A file is
    read up to its first broken record: that is a fault.
    """
    rows, names, faults = _Rows(), NestedNames(), list[Fault]()
    for file in files:
        more = _Rows()
        try:
            for record in read_log(read_content(file, faults)):
                if record.HasField("history"):
                    _add(more, record.history, names)
        except FileNotFoundError:
            continue
        except OSError as error:
            faults.append(Fault(file, None, f"cannot be read: {error.strerror}"))
        except BrokenRecord as error:
            faults.append(Fault(file, None, str(error)))
        rows = _continued(rows, more)
    metrics = {name: Points(*np.array(points, np.float64).T) for name, points in rows.items()}
    return as_rows(metrics, faults)


def _continued(rows: _Rows, more: _Rows) -> _Rows:
    begin = min((points[0][0] for points in more.values()), default=math.inf)
    before = ((name, [p for p in points if p[0] < begin]) for name, points in rows.items())
    kept = {name: points for name, points in before if points}
    return kept | {name: kept.get(name, []) + points for name, points in more.items()}


def _add(rows: _Rows, history: Any, names: NestedNames) -> None:
    values = dict(_numbers(history.item, names))
    step = values.pop(_STEP, None)
    if step is None:
        step = float(history.step.num)
    wall = values.pop(_TIME, math.nan)
    values.pop(_RUNTIME, None)
    if math.isfinite(step):
        for name, value in values.items():
            rows.setdefault(name, []).append((step, wall, value))


def _numbers(items: Any, names: NestedNames) -> Iterator[tuple[str, float]]:
    """The numbers of a row by name, those within dicts by dotted names; without those of media."""
    paths = [path_of(item) for item in items]
    media = {path[:-1] for path in paths if path[-1:] == ("_type",) and len(path) > 1}
    for path, item in zip(paths, items, strict=True):
        text = item.value_json
        if media and any(path[:end] in media for end in range(1, len(path))):
            continue
        if text[:1] == b"{":
            yield from _numbers_within(".".join(path), text, names)
            continue
        value = _number(text)
        if value is not None:
            yield ".".join(path), value


def _number(text: bytes) -> float | None:
    try:
        return float(text)
    except ValueError:
        return _NO_NUMBERS.get(text)


def _numbers_within(name: str, text: bytes, names: NestedNames) -> Iterator[tuple[str, float]]:
    """The numbers of a dict, which older versions of W&B write as one JSON text."""
    try:
        values = parse_json(text)
    except ValueError:
        return
    within: list[tuple[str, Mapping[str, Any]]] = [(name, values)]
    while within:
        name, values = within.pop()
        if "_type" in values:
            continue
        for key, value in values.items():
            if isinstance(value, Mapping):
                within.append((names.once(f"{name}.{key}"), value))
            elif (logged := number(value)) is not None:
                yield names.once(f"{name}.{key}"), logged
