"""Whether one group of runs is better than another, by how much, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from exptools.rundir import STEP
from exptools.viewing.analysis.factors import by_section, within
from exptools.viewing.analysis.notes import without_value
from exptools.viewing.analysis.strata import Side, cells_of, keys_of, on_one_side
from exptools.viewing.analysis.two_samples import (
    Estimate,
    Stratum,
    bootstrapped_difference,
    bootstrapped_probability,
    newcombe,
    probability,
    runs_needed,
    welch,
)
from exptools.viewing.analysis.verdict import Improvement
from exptools.viewing.analysis.words import listed
from exptools.viewing.arrays import Floats
from exptools.viewing.charts.chart import count
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.curves.endings import ALL, counted, endings, left_out
from exptools.viewing.curves.statistics.centers import FEW
from exptools.viewing.curves.statistics.options import Choice, Option, parse
from exptools.viewing.curves.summaries import direction, in_numbers, members_of
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import Key
from exptools.viewing.groups.metric_names import find_metric
from exptools.viewing.groups.variation import swept_keys
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.tables.results import directions_of

MANY = 300  # runs: of more both intervals are the same, and a bootstrap takes seconds
_LEVEL = (95.0,), 1, 99.9
INTERVALS = {
    "interval": Choice(*_LEVEL, "its level in percent, as in interval:95,"),
    "t": Choice(*_LEVEL, "its level in percent, as in t:95,"),
    "ci": Choice(*_LEVEL, "its level in percent, as in ci:95,"),
}


@dataclass(frozen=True)
class ImprovementQuery:
    """What is asked for; ``Runs.improvement`` tells more of each part."""

    metric: str
    summary: str = "last"
    strata: tuple[str, ...] | None = None  # None: the keys that vary in both groups alike
    interval: str = "interval:95"
    better: Mapping[str, str] = field(default_factory=dict)
    states: str = ALL


def improvement(index: Index, of: Side, over: Side, query: ImprovementQuery) -> Improvement:
    """Compare two groups of runs by one number a run.

    Raises:
        QueryError: a group has no run with such a number, or a run is in both.
    """
    interval = parse("interval", query.interval, INTERVALS)
    _check_apart(of, over)
    everyone = [*of.runs, *over.runs]
    kept = counted(everyone, query.states)
    tags = index.tags(everyone)
    metric = find_metric(tags, everyone, query.metric)
    measure = Measure.found(tags, everyone, metric, query.summary)
    mode = direction(metric, directions_of([metric], query.better))
    values = measure.of_runs(index, kept)
    there = in_numbers(kept, values)
    sides: Sequence[Side] = [_with_values(side, there, measure) for side in (of, over)]
    common, apart, one_sided = keys_of(index, sides, query.strata)
    cells, keys, sides, matching = cells_of(sides, common, by_themselves=query.strata is None)
    scale = _scale(values[run.name] for run in there)
    strata = [Stratum(*(_numbers(part, values) / scale for part in cell)) for cell in cells]
    chosen = _fitting(interval, strata)
    level = chosen.numbers[0]
    both = [Stratum(part.other, part.one) for part in strata] if mode == "min" else strata
    boot = chosen.name == "ci"
    members = list(members_of(index, there, metric, values).values())
    return Improvement(
        metric=metric,
        summary=query.summary,
        words=measure.words,
        better=mode,
        labels=(of.label, over.label),
        values=(_numbers(sides[0].runs, values), _numbers(sides[1].runs, values)),
        runs=(sides[0].runs, sides[1].runs),
        means=(
            scale * _mean([part.one for part in strata]),
            scale * _mean([part.other for part in strata]),
        ),
        strata=tuple(key.short for key in keys) if len(strata) > 1 else (),
        parts=len(strata),
        difference=_times(scale, (bootstrapped_difference if boot else welch)(strata, level)),
        probability=_probability(both, level, boot=boot),
        interval=chosen,
        needed=runs_needed(strata, level),
        notes=(
            *left_out(everyone, kept),
            *endings([members], STEP, given=len(kept)),
            *without_value(kept, there, [*apart, *common], measure),
            *matching,
            *on_one_side(sides, one_sided),
            *_differ_in(_chosen(apart, kept)),
            *_of_few(chosen, strata),
        ),
    )


def _check_apart(of: Side, over: Side) -> None:
    for side in (of, over):
        if not side.runs:
            raise QueryError(f"there is no run such that {side.label}")
    both = {run.name for run in of.runs} & {run.name for run in over.runs}
    if both:
        raise QueryError(
            f"{count(len(both))} would be on both sides, {min(both)} for example: "
            "the two conditions should have no run in common"
        )


def _with_values(side: Side, there: Sequence[Run], measure: Measure) -> Side:
    names = {run.name for run in there}
    runs = tuple(run for run in side.runs if run.name in names)
    if not runs:
        raise QueryError(f"no run of {side.label} has a finite {measure.words}")
    return replace(side, runs=runs)


def _numbers(runs: Sequence[Run], values: Mapping[str, float]) -> Floats:
    return np.array([values[run.name] for run in runs])


def _scale(values: Iterable[float]) -> float:
    """What to divide by so that squares stay numbers: a power of two, which loses no digit."""
    largest = max(map(abs, values))
    return 2.0 ** max(-1000, math.frexp(largest)[1] - 1) if largest else 1.0


def _times(scale: float, of: Estimate) -> Estimate:
    return Estimate(scale * of.value, scale * of.low, scale * of.high)


def _mean(parts: Sequence[Floats]) -> float:
    return float(np.mean([part.mean() for part in parts]))


def _fitting(interval: Option, strata: Sequence[Stratum]) -> Option:
    """Of an interval that is left open the one that fits so many runs."""
    if interval.name != "interval":
        return interval
    sizes = [len(values) for part in strata for values in (part.one, part.other)]
    return Option("t" if min(sizes) < FEW or sum(sizes) > MANY else "ci", interval.numbers)


def _probability(strata: Sequence[Stratum], level: float, *, boot: bool) -> Estimate:
    if boot:
        return bootstrapped_probability(strata, level)
    if any(len(values) < 2 for part in strata for values in (part.one, part.other)):
        return Estimate(probability(strata))
    return newcombe(strata, level)


def _chosen(apart: Sequence[Key], runs: Sequence[Run]) -> list[Key]:
    """The keys in which two sides differ, without what a choice of one of them brings along."""
    swept, sections = swept_keys(runs), by_section(apart)
    return [key for key in apart if key.whole in swept or not within(key, sections)]


def _differ_in(apart: Sequence[Key]) -> Iterator[str]:
    if len(apart) > 1:
        names = listed([key.short for key in apart])
        yield f"They differ in {names}: whichever of these it is, the difference does not tell."


def _of_few(interval: Option, strata: Sequence[Stratum]) -> Iterator[str]:
    samples = [values for part in strata for values in (part.one, part.other) if len(values) > 1]
    if samples and not any(np.ptp(values) for values in samples):
        yield "Runs of one setting do not differ at all: does the seed reach them?"
    sizes = [len(values) for part in strata for values in (part.one, part.other)]
    if interval.name == "ci" and 1 < min(sizes) < FEW:
        yield (
            "Fewer than ten runs: the intervals by bootstrap are too narrow; those of "
            f"t:{interval.numbers[0]:g} are not."
        )
