"""The order of the rows of ``exptools list``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from exptools.hints import suggestion
from exptools.viewing.api.runs import Runs
from exptools.viewing.configs.values import MISSING
from exptools.viewing.curves.summaries import parse_summary, summarize_runs, summary_of
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import Key, find_keys, known_keys
from exptools.viewing.groups.metric_names import find_metric, means_metric
from exptools.viewing.groups.names import KeyNames
from exptools.viewing.run import Run, natural_key


def sorted_runs(runs: Runs, by: Sequence[str], summary: str) -> Runs:
    """The runs in the order of their values of some keys and metrics; those without come last.

    "-" before a name: from the largest down.

    Raises:
        QueryError: a name is neither a key nor a metric, or several.
    """
    ordered: list[Run] = [*runs]
    for name in reversed(by):
        value = _value_of(runs, name.removeprefix("-"), summary)
        has = [run for run in ordered if value(run) is not None]
        has.sort(key=lambda run: _order(value(run)), reverse=name.startswith("-"))
        ordered = [*has, *(run for run in ordered if value(run) is None)]
    return runs[ordered] if by else runs


def _value_of(runs: Runs, name: str, summary: str) -> Callable[[Run], Any]:
    """What a run is ordered by; None where it has no such value."""
    keys = KeyNames(known_keys(runs))
    if name not in runs.metrics and keys.has(name):
        (key,) = find_keys(runs, [name])
        return lambda run: _comparable(key, run)
    if not means_metric(runs.metrics, name):
        near = suggestion(name, [*sorted(keys.keys), *runs.metrics])
        raise QueryError(f"there is no key or metric {name!r} to sort by; {near}")
    metric = find_metric(runs.metrics, runs, name)
    wanted = parse_summary(summary_of(metric, summary))
    numbers = summarize_runs(runs.origin, runs, metric, wanted)
    return lambda run: _number(numbers[run.name])


def _comparable(key: Key, run: Run) -> Any:
    value = key.value(run)
    if value is MISSING or value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return _number(value) if is_number else key.show(value)


def _number(value: float | None) -> float | None:
    is_nan = isinstance(value, float) and math.isnan(value)
    return None if is_nan else value


def _order(value: Any) -> tuple[Any, ...]:
    """Numbers before texts, each in their order."""
    return (1, natural_key(value)) if isinstance(value, str) else (0, value)
