"""The log of Hugging Face's Trainer: ``log_history`` in ``trainer_state.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exptools.rundir import STEP
from exptools.viewing.configs import safe_json
from exptools.viewing.lazy_polars import pl
from exptools.viewing.metrics.logged_rows import LoggedRows, read_content, rows_of
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
    numbers = [
        {name: value for name, of_entry in entry.items() if (value := number(of_entry)) is not None}
        for entry in log
    ]
    frame = rows_of(numbers)
    if not frame.width:
        return LoggedRows(faults=faults)
    if STEP in frame.columns:
        return LoggedRows(frame.select(STEP, pl.exclude(STEP)), faults)
    steps = pl.Series(STEP, range(len(log)), pl.Float64)
    return LoggedRows(frame.insert_column(0, steps), faults, None)
