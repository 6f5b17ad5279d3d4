"""One value a run, to be put on an axis or into a colour: of a key, or of a metric's summary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exptools.viewing.arrays import Bools, Floats
from exptools.viewing.charts.chart import count, number, summary_words
from exptools.viewing.configs.values import MISSING, display
from exptools.viewing.curves.options import Option
from exptools.viewing.curves.statistics import parse_band, parse_center
from exptools.viewing.curves.summaries import parse_summary, summarize_runs, summary_of
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import find_keys, groups
from exptools.viewing.index import Index
from exptools.viewing.run import Run

KEY, METRIC = "key:", "metric:"  # before the name of a quantity, to tell which of both it is
WIDE = 100  # positive numbers whose largest is so many times their smallest get a log scale


@dataclass(frozen=True)
class Measure:
    """What a run is worth, and how the runs of a group are put together."""

    metric: str
    summary: str = "last"  # as for ``Runs.table``, or "best"
    center: str = "mean"  # as for ``Runs.curves``
    interval: str = "ci:95"  # likewise, its band

    def __post_init__(self) -> None:
        """Refuse what there is not."""
        parse_center(self.center)
        parse_band(self.interval)

    @property
    def words(self) -> str:
        """The number of a run in words: "last test/accuracy"."""
        return f"{summary_words(self._summary)} {self.metric}"

    def of_runs(self, index: Index, runs: Sequence[Run]) -> dict[str, float]:
        """The number of each run by its name; NaN where it has none, or it is not finite.

        Raises:
            QueryError: no run has logged the metric, or there is no such summary.
        """
        values = summarize_runs(index, runs, self.metric, self._summary)
        return {
            name: math.nan if value is None or not math.isfinite(value) else value
            for name, value in values.items()
        }

    @property
    def _summary(self) -> Option:
        return parse_summary(summary_of(self.metric, self.summary))


@dataclass(frozen=True)
class Quantity:
    """The values of some runs, in their order."""

    title: str
    places: Floats  # where a run is: at its number, or at its level's; NaN where it has none
    texts: tuple[str, ...]  # the values as a person reads them
    levels: tuple[str, ...]  # the values in their order where they are not all numbers; else ()
    log: bool  # whether the numbers range so widely that a log scale shows them better

    @property
    def has_value(self) -> Bools:
        """The runs that have a value."""
        return np.isfinite(self.places)

    def at(self, rows: NDArray[np.intp]) -> Quantity:
        """The same of some of the runs."""
        texts = tuple(self.texts[row] for row in rows)
        return Quantity(self.title, self.places[rows], texts, self.levels, self.log)


def quantity(index: Index, runs: Sequence[Run], name: str, summary: str = "last") -> Quantity:
    """Read ``key:lr`` or ``metric:loss`` of each run.

    Raises:
        QueryError: there is no such key or metric.
    """
    if name.startswith(KEY):
        return of_key(runs, name.removeprefix(KEY))
    if name.startswith(METRIC):
        measure = Measure(name.removeprefix(METRIC), summary)
        return of_numbers(measure.words, list(measure.of_runs(index, runs).values()))
    raise QueryError(f"there is no quantity {name!r}: say {KEY}{name} or {METRIC}{name}")


def of_key(runs: Sequence[Run], name: str) -> Quantity:
    """The values of a key; numbers stay numbers where all are, others stand in their order.

    To lack the key is to have no value among numbers, and a level of its own among others.
    """
    (key,) = find_keys(runs, [name])
    values = [key.value(run) for run in runs]
    if all(value is MISSING or _is_number(value) for value in values):
        return of_numbers(name, [math.nan if value is MISSING else value for value in values])
    by_value = groups(runs, [key])
    place = {run.name: at for at, group in enumerate(by_value) for run in group.runs}
    places = np.array([float(place[run.name]) for run in runs])
    levels = tuple(group.label for group in by_value)
    return Quantity(name, places, tuple(levels[place[run.name]] for run in runs), levels, log=False)


def of_numbers(title: str, values: Sequence[float]) -> Quantity:
    """Some numbers, NaN where a run has none."""
    places = np.array(values, float)
    texts = tuple(_text(value) for value in values)
    return Quantity(title, places, texts, (), _is_wide(places[np.isfinite(places)]))


def _text(value: float) -> str:
    if math.isnan(value):
        return display(MISSING)
    return number(value) if isinstance(value, float) else display(value)


def _is_number(value: Any) -> bool:
    # What a float cannot hold, as an integer of hundreds of digits, has no place on a scale.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 1e300


def _is_wide(values: Floats) -> bool:
    return bool(len(values) and values.min() > 0 and values.max() >= WIDE * values.min())


def without_value(values: Mapping[str, float]) -> list[str]:
    """The sentence that says how many runs have no number; none where all have."""
    missing = sum(map(math.isnan, values.values()))
    return [f"{count(missing)} without such a value: not in the numbers."] if missing else []
