"""What a reader must know of an analysis, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from exptools.viewing.analysis.factors import (
    OVERLAP,
    Factor,
    Factors,
    by_section,
    follows,
    overlap,
    within,
)
from exptools.viewing.analysis.variance import Analysis
from exptools.viewing.analysis.words import listed, named, percent
from exptools.viewing.arrays import Floats
from exptools.viewing.charts.chart import count
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.curves.endings import still_going
from exptools.viewing.groups.grouping import Key
from exptools.viewing.groups.variation import decides
from exptools.viewing.run import Run

CLEARLY = 0.05  # of the variance
FEW = 10  # degrees of freedom
NOTHING = 1e-9  # of the largest
MANY = 10  # keys


def without_value(
    runs: Sequence[Run], there: Sequence[Run], keys: Sequence[Key], measure: Measure
) -> Iterator[str]:
    """Which runs have no number, and whether that is of a setting."""
    names = {run.name for run in there}
    missing = [run for run in runs if run.name not in names]
    pending = {run.name for run in still_going(missing)}
    ended = [run for run in missing if run.name not in pending]
    if pending:
        have = "has" if len(pending) == 1 else "have"
        yield f"{count(len(pending))} of {len(runs)} {have} no {measure.words} yet."
    if not ended:
        return
    shared = [key for key in keys if _in_common(key, ended, runs)]
    sections = by_section(shared)
    common = listed(
        [
            f"{key.short}={key.show(key.value(ended[0]))}"
            for key in shared
            if not any(_decides(outer, key, runs) for outer in within(key, sections))
        ]
    )
    where = f", all with {common}: what that does is not in these numbers" if common else ""
    are = "is" if len(ended) == 1 else "are"
    yield f"{count(len(ended))} of {len(runs)} {are} without a finite {measure.words}{where}."


def _in_common(key: Key, missing: Sequence[Run], runs: Sequence[Run]) -> bool:
    """Whether several runs share a value that others do not all have."""
    values = {comparison_key(key.value(run)) for run in missing}
    every = {comparison_key(key.value(run)) for run in runs}
    return len(missing) > 1 and len(values) == 1 and len(every) > 1


def _decides(outer: Key, key: Key, runs: Sequence[Run]) -> bool:
    return decides(*([comparison_key(one.value(run)) for run in runs] for one in (outer, key)))


def on_keys(factors: Factors, analysis: Analysis, left: int) -> Iterator[str]:
    """Which keys cannot be told apart, which are in ranges, and which are left out."""
    for factor in factors.factors:
        names = [key.short for key in factor.keys]
        if len(names) > 1:
            yield f"{listed(names)} vary together: one cannot be told from the other."
        if factor.seed and factor.seed not in {key.name for key in factor.keys}:
            yield f"{listed([names[0], factor.seed])} vary together: it may be the seed."
    if factors.names:
        yield f"Left out, because it only names what other keys are: {listed(factors.names)}."
    for name, other in factors.followers:
        one, more = named(other), named(name)
        yield f"{one} decides {more}: what {more} does counts for {one}."
    if len(factors.factors) >= MANY:
        yield (
            f"Each interval is of one key: of {len(factors.factors)} keys that do nothing one or "
            "more may seem to matter."
        )
    if analysis.each_alone:
        yield (
            "These are too few runs to hold all other keys fixed: each key is taken by itself, "
            "with what varies along with it."
        )
    else:
        yield from _overlaps(factors.factors, analysis)
    ranged = [factor for factor in factors.factors if factor.in_ranges]
    if ranged:
        names = [factor.keys[0].short for factor in ranged]
        yield (
            f"{listed(names)}: nearly each run has its own value, so the values are taken in "
            f"ranges of equally many runs ({ranged[0].count})."
        )
    if factors.own:
        yield f"Left out, because nearly each run has its own value: {listed(factors.own)}."
    if left:
        yield (
            f"{left} keys are left out that explain less by themselves than the other "
            f"{len(factors.factors)}."
        )


def _overlaps(factors: Sequence[Factor], analysis: Analysis) -> Iterator[str]:
    """Pairs of keys that were not varied independently, where that matters."""
    told = set[frozenset[int]]()
    for at, one in enumerate(factors):
        share, alone = analysis.factors[at].share, analysis.alone[at]
        unknown = math.isnan(share)
        if len(factors) < 2 or not (unknown or alone - share > CLEARLY):
            continue
        others = [
            (overlap(one, other), place) for place, other in enumerate(factors) if other is not one
        ]
        strength, place = max(others, key=lambda pair: pair[0])
        other = factors[place]
        a, b = named(one.keys[0].short), named(other.keys[0].short)
        if unknown:
            source = b if follows(one, other) else "the other keys"
            yield f"{a} follows from {source}: what it does cannot be told from that."
        elif strength > OVERLAP and frozenset((at, place)) not in told:
            told.add(frozenset((at, place)))
            yield (
                f"{a} and {b} overlap (Cramér's V {strength:.2f}): runs with one value of {a} "
                f"mostly have certain values of {b}. What either could explain counts for "
                f"neither: by itself {a} explains {percent(alone)}, beyond the other keys "
                f"{percent(share)}."
            )


def _differ(numbers: Floats) -> bool:
    """Whether some numbers differ by more than the arithmetic of a program that adds them up."""
    return bool(np.ptp(numbers) > NOTHING * np.max(np.abs(numbers)))


def on_runs(factors: Factors, analysis: Analysis, numbers: Floats, *, whole: bool) -> Iterator[str]:
    """Whether there are repetitions, and which combinations have no run.

    ``whole``: all runs have a number.
    """
    settings = int(factors.settings.max()) + 1
    if not analysis.each_alone and not analysis.repeated:
        yield (
            "Hardly any setting has several runs, so what seeds do cannot be told from what "
            "combinations of keys do: a second seed of each setting would."
        )
    cells = (numbers[factors.settings == setting] for setting in range(settings))
    if analysis.repeated and not any(map(_differ, cells)):
        yield "Runs of one setting do not differ at all: does the seed reach them?"
    elif analysis.freedom < FEW and not analysis.each_alone:
        few = f"{analysis.freedom} degree{'s' if analysis.freedom > 1 else ''} of freedom"
        yield f"Few runs: the noise is known from {few}, and the intervals are as wide as that."
    grid = math.prod(factor.count for factor in factors.factors)
    if not any(factor.in_ranges for factor in factors.factors) and settings < grid <= 10 * settings:
        have = "has" if grid - settings == 1 else "have"
        what = "run" if whole else "number"
        yield f"{grid - settings} of {grid} combinations of values {have} no {what}."
