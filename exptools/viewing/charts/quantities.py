"""One value a run, of a key or of a metric's summary; how it is put on a scale or into a colour."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exptools.viewing.arrays import Bools, Floats
from exptools.viewing.charts.chart import colorbar, colorscale, count, number, summary_words
from exptools.viewing.configs.values import MISSING, display
from exptools.viewing.curves.statistics.aggregation import Method, fitting, parse_method
from exptools.viewing.curves.statistics.options import Option
from exptools.viewing.curves.summaries import (
    parse_summary,
    said_of_runs,
    summarize_runs,
    summary_of,
)
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.theme import Theme
from exptools.viewing.groups.grouping import find_keys, groups
from exptools.viewing.groups.names import SUMMARY
from exptools.viewing.index import Index
from exptools.viewing.run import Run

KEY, METRIC = "key:", "metric:"  # before the name of a quantity, to tell which of both it is
WIDE = 100  # positive numbers whose largest is so many times their smallest get a log scale
SYMBOLS = ("circle", "square", "diamond", "triangle-up")  # each time the colours have run out
FEW = 6  # values of which each has its tick beside the scale


@dataclass(frozen=True)
class Measure:
    """What a run is worth, and how the runs of a group are put together."""

    metric: str  # or summary.<name>, for a value of the runs' summaries
    summary: str = "last"  # as for ``Runs.table``, or "best"
    center: str = "mean"  # as for ``Runs.curves``
    interval: str = "interval:95"  # likewise, its band

    def __post_init__(self) -> None:
        """Refuse what there is not."""
        self.method(())

    @classmethod
    def found(cls, tags: Collection[str], runs: Sequence[Run], name: str, summary: str) -> Measure:
        """The measure of what ``find_metric`` has found: of a value of the summaries that value."""
        said = said_of_runs(tags, runs, name) is not None
        return cls(f"{SUMMARY}{name.removeprefix(SUMMARY)}" if said else name, summary)

    def method(self, counts: Iterable[int]) -> Method:
        """The centre with its interval: of one left open the one that fits so many runs each."""
        return fitting(parse_method(self.center, self.interval), counts)

    @property
    def words(self) -> str:
        """The number of a run in words: "last test/accuracy"."""
        if self.metric.startswith(SUMMARY):
            return self.metric.removeprefix(SUMMARY)
        return f"{summary_words(self._summary)} {self.metric}"

    def of_runs(self, index: Index, runs: Sequence[Run]) -> dict[str, float]:
        """The number of each run by its name; NaN where it has none, or it is not finite."""
        values = summarize_runs(index, runs, self.metric, self._summary)
        return {
            name: math.nan if value is None or not math.isfinite(value) else value
            for name, value in values.items()
        }

    @property
    def _summary(self) -> Option:
        if self.metric.startswith(SUMMARY):  # one value, whatever is asked of a curve
            return parse_summary("last")
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
    """Read ``key:lr`` or ``metric:loss`` of each run."""
    if name.startswith(KEY):
        return of_key(runs, name.removeprefix(KEY), index.snapshot.runs)
    if name.startswith(METRIC):
        measure = Measure(name.removeprefix(METRIC), summary)
        return of_numbers(measure.words, list(measure.of_runs(index, runs).values()))
    raise QueryError(f"there is no quantity {name!r}: say {KEY}{name} or {METRIC}{name}")


def of_key(runs: Sequence[Run], name: str, others: Sequence[Run] = ()) -> Quantity:
    """The values of a key; numbers stay numbers where all are, others stand in their order.

    To lack the key is to have no value among numbers, and a level of its own among others.
    ``others`` are the runs from which these were chosen, which may be all that have it.
    """
    (key,) = find_keys(runs, [name], others)
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


def scaled(values: Floats, *, log: bool) -> Floats:
    """Numbers as their scale takes them: themselves or their logarithms."""
    return np.asarray(np.log10(values) if log else values, np.float64)


def scale_marker(values: Quantity, theme: Theme) -> dict[str, Any]:
    """The part of Plotly's marker that colours each number by its place on a scale."""
    numbers = scaled(values.places, log=values.log)
    bar = colorbar(theme, values.title)
    different = np.unique(values.places[values.has_value])
    if len(different) <= FEW or values.log:
        ticks = different if len(different) <= FEW else decades(different)
        bar |= {
            "tickvals": scaled(ticks, log=values.log).tolist(),
            "ticktext": [number(tick) for tick in ticks],
        }
    return {"color": typed_array(numbers), "colorscale": colorscale(theme.marks), "colorbar": bar}


def decades(values: Floats) -> Floats:
    """The powers of ten among some positive numbers, and their ends where they are none."""
    low, high = float(values.min()), float(values.max())
    first, last = int(np.ceil(np.log10(low))), int(np.floor(np.log10(high)))
    step = max(1, (last - first) // 6 + 1)
    powers: Floats = np.power(10.0, np.arange(first, last + 1, step), dtype=np.float64)
    if len(powers) > 1:
        return powers
    return np.array([low, high])


def level_style(level: int, theme: Theme) -> dict[str, str] | None:
    """Colour and shape of one of several values; None where there are too many to tell apart."""
    cycle, place = divmod(level, len(theme.lines))
    if cycle >= len(SYMBOLS):
        return None
    return {"color": theme.lines[place], "symbol": SYMBOLS[cycle]}


def between(colors: Sequence[str], part: float) -> str:
    """The colour at a part (0 to 1) of the way from the first to the last."""
    at = part * (len(colors) - 1)
    place = min(int(at), len(colors) - 2)
    low, high = (_channels(color) for color in colors[place : place + 2])
    mixed = (1 - (at - place)) * low + (at - place) * high
    return "#" + "".join(f"{round(channel):02x}" for channel in mixed)


def _channels(color: str) -> Floats:
    return np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)], float)
