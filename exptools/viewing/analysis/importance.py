"""How much each key that varies explains of what the runs came to, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exptools.rundir import STEP
from exptools.viewing.analysis.factors import (
    OVERLAP,
    Factor,
    Factors,
    factors_of,
    follows,
    overlap,
    setting_keys,
)
from exptools.viewing.analysis.variance import UNKNOWN, Analysis, Share, analyse
from exptools.viewing.analysis.words import listed
from exptools.viewing.charts.chart import count
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.curves.endings import ALL, counted, endings, left_out
from exptools.viewing.curves.summaries import in_numbers, members_of
from exptools.viewing.errors import QueryError
from exptools.viewing.frames import text_column
from exptools.viewing.groups.grouping import Key, find_keys
from exptools.viewing.groups.metric_names import find_metric
from exptools.viewing.index import Index
from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Run

LEVEL = 95.0  # of the intervals, in percent
MOST_KEYS = 40  # that are taken apart: those that explain most by themselves
CLEARLY = 0.05  # of the variance
FEWEST = 4  # runs, of which something can be said

SETTING, COMBINATIONS, SHARED, REST = "setting", "combinations", "shared", "rest"


@dataclass(frozen=True)
class Effect:
    """A key, or another reason why runs differ, with the part of their variance that is its."""

    label: str  # "lr", "lr = batch_size" of keys that vary together, "seeds"
    kind: str  # setting, combinations (of settings), shared (by settings that overlap), rest
    share: float  # from 0 to 1, beyond all other keys; NaN where it cannot be told
    low: float  # the 95 % interval's edges; NaN where there is none
    high: float
    alone: float = math.nan  # what the key explains by itself, whatever varies along with it
    values: int = 0  # different values of the key


@dataclass(frozen=True)
class ImportanceQuery:
    """What is asked for; ``Runs.importance`` tells more of each part."""

    metric: str
    keys: tuple[str, ...] | None = None  # None: all that vary, but for seeds
    summary: str = "last"
    states: str = ALL


@dataclass(frozen=True)
class Importance:
    """Why runs differ in a metric: keys with what they explain, the most first, then the rest."""

    metric: str
    summary: str
    words: str  # the number of a run: "last test/accuracy"
    runs: int  # that have such a number
    effects: tuple[Effect, ...]
    notes: tuple[str, ...]  # what a reader must know, in sentences

    @property
    def headline(self) -> str:
        """Which key explains most, in a sentence."""
        clear = [effect for effect in self.effects if effect.kind == SETTING and effect.low > 0]
        if not clear:
            return "No key clearly explains how far runs differ."
        first, *others = clear
        span = f"{percent(first.low)} to {percent(first.high)}"
        head = f"{first.label} explains {percent(first.share)} ({span}) of how far runs differ"
        if others:
            more = listed([f"{of.label} {percent(of.share)}" for of in others])
            return f"{head}, {more}."
        return f"{head}; no other key clearly matters."

    @property
    def described(self) -> str:
        """What the numbers are, in a sentence."""
        return (
            f"Parts of the variance of the {self.words} between {count(self.runs)} that each key "
            "explains beyond all others (analysis of variance, ε²), with 95 % intervals "
            "(noncentral F)."
        )

    def frame(self) -> pl.DataFrame:
        """A row an effect: key, kind, share, low, high, alone, values; nothing is rounded."""
        columns = [text_column("key", [effect.label for effect in self.effects])]
        columns += [text_column("kind", [effect.kind for effect in self.effects])]
        for name in ("share", "low", "high", "alone"):
            numbers = [getattr(effect, name) for effect in self.effects]
            columns.append(pl.Series(name, numbers, dtype=pl.Float64))
        values = [effect.values or None for effect in self.effects]
        return pl.DataFrame([*columns, pl.Series("values", values, dtype=pl.Int64)])


def importance(index: Index, runs: Sequence[Run], query: ImportanceQuery) -> Importance:
    """How much each key explains of what these runs came to.

    Raises:
        QueryError: there is nothing to explain, or too few runs to tell.
    """
    if not runs:
        raise QueryError("there are no runs to compare")
    kept = counted(runs, query.states)
    tags = index.tags(kept)
    metric = find_metric(tags, kept, query.metric)
    measure = Measure(metric, query.summary)
    values = measure.of_runs(index, kept)
    there = in_numbers(kept, values)
    _check(there, measure)
    every = index.snapshot.runs
    asked = query.keys
    keys = setting_keys(there, every) if asked is None else find_keys(there, asked, every)
    numbers = np.array([values[run.name] for run in there])
    factors, left = _most_telling(factors_of(there, keys), numbers)
    if not factors.factors:
        raise QueryError(_nothing_varies(factors, len(there)))
    levels = [factor.levels for factor in factors.factors]
    analysis = analyse(numbers, levels, factors.settings, LEVEL)
    if analysis is None:
        raise QueryError(f"all runs have the same {measure.words}: there is nothing to explain")
    members = list(members_of(index, there, metric, values).values())
    notes = [
        *left_out(runs, kept),
        *endings([members], STEP),
        *_without_value(kept, there, keys, measure),
        *_on_keys(factors, analysis, left),
        *_on_runs(factors, analysis, len(there)),
    ]
    effects = _effects(factors.factors, analysis, "seeds" if asked is None else "other keys")
    return Importance(metric, query.summary, measure.words, len(there), effects, tuple(notes))


def _check(runs: Sequence[Run], measure: Measure) -> None:
    if len(runs) < FEWEST:
        number = count(len(runs)) if runs else "no run"
        raise QueryError(
            f"{number} of these {'has' if len(runs) < 2 else 'have'} a finite {measure.words}, "
            f"and which key explains it can be asked of {FEWEST} or more"
        )


def _nothing_varies(factors: Factors, runs: int) -> str:
    own = f"; {listed(factors.own)} differ in nearly every run" if factors.own else ""
    return f"no key but the seed has several values that {count(runs)} share: nothing explains{own}"


def _most_telling(factors: Factors, numbers: np.ndarray) -> tuple[Factors, int]:
    """Of very many factors those that explain most by themselves, and how many are left out."""
    every = factors.factors
    if len(every) <= MOST_KEYS:
        return factors, 0
    alone = [_alone(numbers, factor) for factor in every]
    kept = sorted(sorted(range(len(every)), key=lambda at: -alone[at])[:MOST_KEYS])
    return replace(factors, factors=tuple(every[at] for at in kept)), len(every) - MOST_KEYS


def _alone(numbers: np.ndarray, factor: Factor) -> float:
    analysis = analyse(numbers, [factor.levels], factor.levels, LEVEL)
    return 0.0 if analysis is None or math.isnan(analysis.alone[0]) else analysis.alone[0]


def _effects(factors: Sequence[Factor], analysis: Analysis, rest: str) -> tuple[Effect, ...]:
    """The keys, the most telling first, and what they leave to the rest."""

    def effect(label: str, kind: str, share: Share) -> Effect:
        return Effect(label, kind, share.share, share.low, share.high)

    keys = [
        replace(effect(factor.label, SETTING, share), alone=alone, values=factor.values)
        for factor, share, alone in zip(factors, analysis.factors, analysis.alone, strict=True)
    ]
    keys.sort(key=lambda of: (-np.nan_to_num(of.share), -np.nan_to_num(of.alone)))
    others = []
    if analysis.combinations:
        others.append(effect("combinations of keys", COMBINATIONS, analysis.combinations))
    if not analysis.each_alone:
        label = rest if analysis.repeated else f"{rest} and combinations"
        told = sum(of.share for of in (*keys, *others) if not math.isnan(of.share))
        shared = 1 - told - analysis.rest.share
        if shared > CLEARLY / 2:
            others.append(effect("keys that overlap", SHARED, replace(UNKNOWN, share=shared)))
        others.append(effect(label, REST, analysis.rest))
    return (*keys, *others)


def _without_value(
    runs: Sequence[Run], there: Sequence[Run], keys: Sequence[Key], measure: Measure
) -> Iterator[str]:
    """Which runs have no number, and whether that is of a setting."""
    names = {run.name for run in there}
    missing = [run for run in runs if run.name not in names]
    if not missing:
        return
    common = next(filter(None, (_in_common(key, missing, runs) for key in keys)), "")
    where = f", all with {common}: what that does is not in these numbers" if common else ""
    are = "is" if len(missing) == 1 else "are"
    yield (f"{count(len(missing))} of {len(runs)} {are} without a finite {measure.words}{where}.")


def _in_common(key: Key, missing: Sequence[Run], runs: Sequence[Run]) -> str:
    """The value that all of some runs share, and that others do not all have: "lr=0.1"."""
    values = {comparison_key(key.value(run)) for run in missing}
    every = {comparison_key(key.value(run)) for run in runs}
    if len(missing) < 2 or len(values) > 1 or len(every) < 2:
        return ""
    return f"{key.short}={key.show(key.value(missing[0]))}"


def _on_keys(factors: Factors, analysis: Analysis, left: int) -> Iterator[str]:
    """Which keys cannot be told apart, which are in ranges, and which are left out."""
    for factor in factors.factors:
        names = [key.short for key in factor.keys]
        if len(names) > 1:
            yield f"{listed(names)} vary together: one cannot be told from the other."
        if factor.seed and factor.seed not in {key.name for key in factor.keys}:
            yield f"{names[0]} and {factor.seed} vary together: it may be the seed."
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
        yield f"Of {left + MOST_KEYS} keys the {MOST_KEYS} that explain most by themselves count."


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
        a, b = one.keys[0].short, other.keys[0].short
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


def _on_runs(factors: Factors, analysis: Analysis, runs: int) -> Iterator[str]:
    """Whether there are repetitions, and which combinations have no run."""
    settings = int(factors.settings.max()) + 1
    if not analysis.each_alone and not analysis.repeated:
        yield (
            "Hardly any setting has several runs, so what seeds do cannot be told from what "
            "combinations of keys do: a second seed of each setting would."
        )
    if analysis.freedom < 10 and not analysis.each_alone:
        few = f"{analysis.freedom} degree{'s' if analysis.freedom > 1 else ''} of freedom"
        yield f"Few runs: the noise is known from {few}, and the intervals are as wide as that."
    grid = math.prod(factor.count for factor in factors.factors)
    if not any(factor.in_ranges for factor in factors.factors) and settings < grid <= 10 * settings:
        yield f"{grid - settings} of {grid} combinations of values have no run."


def percent(part: float) -> str:
    """A part as a person reads it: "62 %", "0.4 %"; "—" where it is not known."""
    if math.isnan(part):
        return "—"
    text = f"{100 * part:.1f}" if 0 < part < 0.0095 else f"{100 * part:.0f}"
    return f"{text} %"
