"""The log of Hugging Face's Trainer: ``log_history`` in ``trainer_state.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exptools.rundir import STEP
from exptools.viewing.configs import safe_json
from exptools.viewing.lazy_polars import pl
from exptools.viewing.metrics.logged_rows import MAX_CELLS, LoggedRows, TooManyCells, read_content
from exptools.viewing.metrics.trackers.numbers import number
from exptools.viewing.run import Fault


def read_log_history(files: Sequence[Path]) -> LoggedRows:
    """A row an entry of the log that got furthest: the run's own, or its newest checkpoint's.

    What is no number is no metric.
    """
    states, faults = list[Mapping[str, Any]](), list[Fault]()
    for file in files:
        try:
            states.append(_state(read_content(file, faults)))
        except FileNotFoundError:
            continue
        except ValueError as error:
            line = getattr(error.__cause__, "lineno", None)
            faults.append(Fault(file, line, str(error)))
    if not states:
        return LoggedRows(faults=tuple(faults))
    return _rows(max(states, key=_progress)["log_history"], tuple(faults))


def _state(content: bytes) -> Mapping[str, Any]:
    state = safe_json.load(content)
    log = state.get("log_history") if isinstance(state, dict) else None
    if not isinstance(log, list) or not all(isinstance(entry, dict) for entry in log):
        raise ValueError("log_history should be a list of objects")
    return dict(state)


def _progress(state: Mapping[str, Any]) -> float:
    return number(state.get("global_step")) or 0.0


def _rows(log: Sequence[Mapping[str, Any]], faults: tuple[Fault, ...]) -> LoggedRows:
    names = dict.fromkeys(
        name for entry in log for name, value in entry.items() if isinstance(value, (int, float))
    )
    if len(names) * len(log) > MAX_CELLS:
        raise TooManyCells(f"{len(names):,} metrics in {len(log):,} entries are not read")
    if not names:
        return LoggedRows(faults=faults)
    columns = {name: [number(entry.get(name)) for entry in log] for name in names}
    rows: list[float | None] = [float(row) for row in range(len(log))]
    counted = STEP in columns
    columns = {STEP: columns.pop(STEP, rows), **columns}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64))
    return LoggedRows(frame, faults, STEP if counted else None)
