"""Read what Ray Tune reports of a trial: ``result.json``, an object a line, or ``progress.csv``.

Both have the same numbers. Nested names are joined by ``/``, as Ray's ``progress.csv`` has them; a
boolean is 1 or 0; texts, lists and the repeated config are no metrics.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from exptools.plain_json import parse_json
from exptools.rundir import STEP, WALL_TIME
from exptools.viewing.lazy_polars import pl
from exptools.viewing.metrics.csv_numbers import MAX_FAULTS, as_logged_by_others
from exptools.viewing.metrics.csv_reader import parse_csv
from exptools.viewing.metrics.logged_rows import (
    UNFINISHED,
    LoggedRows,
    NestedNames,
    read_content,
    rows_of,
    step_column,
)
from exptools.viewing.run import Fault

CONFIG, UNIX_SECONDS = "config", "timestamp"
MAX_DEPTH = 100  # of nested names


def read_results(file: Path) -> LoggedRows:
    """The rows of a trial."""
    faults: list[Fault] = []
    content = read_content(file, faults)
    if file.suffix == ".csv":
        rows = parse_csv(content, file, numbers=as_logged_by_others)
        return LoggedRows(_with_wall_time(rows.frame), (*rows.faults, *faults), rows.step_from)
    results, wrong = _results(content, file)
    faults += wrong
    frame = rows_of(results)
    step_from = step_column(frame.columns)
    if step_from is None:
        steps = pl.Series(STEP, np.arange(frame.height), pl.Float64)
        frame = frame.insert_column(0, steps)
    elif step_from != STEP:
        frame = frame.insert_column(0, frame[step_from].alias(STEP))
    return LoggedRows(_with_wall_time(frame), tuple(faults), step_from)


def _with_wall_time(frame: pl.DataFrame) -> pl.DataFrame:
    if UNIX_SECONDS not in frame.columns or WALL_TIME in frame.columns:
        return frame
    return frame.rename({UNIX_SECONDS: WALL_TIME})


def _results(content: bytes, file: Path) -> tuple[list[dict[str, float]], list[Fault]]:
    """The numbers of each line."""
    whole, _, torn = content.rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    results, names = list[dict[str, float]](), NestedNames()
    faults: list[Fault] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            result = parse_json(line)
            if not isinstance(result, Mapping):
                raise ValueError(f"{type(result).__name__} where a result should be an object")
            result = {name: value for name, value in result.items() if name != CONFIG}
            results.append(dict(_numbers(result, names)))
        except ValueError as error:
            faults.append(Fault(file, number, f"left out: {error}"))
    if len(faults) > MAX_FAULTS:
        faults[MAX_FAULTS:] = [Fault(file, None, "more lines like these are not listed")]
    return results, [*faults, *([Fault(file, len(lines) + 1, UNFINISHED)] if torn else [])]


def _numbers(
    values: Mapping[str, Any], names: NestedNames, above: str = "", depth: int = 1
) -> Iterator[tuple[str, float]]:
    if depth > MAX_DEPTH:
        raise ValueError(f"names nested more than {MAX_DEPTH} deep are not read")
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, names, names.once(f"{above}{name}/"), depth + 1)
        elif isinstance(value, (bool, int, float)):
            yield names.once(f"{above}{name}"), _as_float(value)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)
