"""How much each key that varies explains of what the runs came to, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from exptools.rundir import STEP
from exptools.viewing.analysis.factors import (
    OVERLAP,
    Factor,
    Factors,
    factors_of,
    named_among,
    overlap,
    setting_keys,
)
from exptools.viewing.analysis.notes import CLEARLY, on_keys, on_runs, without_value
from exptools.viewing.analysis.variance import UNKNOWN, Analysis, Share, analyse, share_alone
from exptools.viewing.analysis.words import listed, named, percent
from exptools.viewing.charts.chart import count
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.curves.endings import ALL, counted, endings, left_out
from exptools.viewing.curves.summaries import in_numbers, members_of
from exptools.viewing.errors import QueryError
from exptools.viewing.frames import text_column
from exptools.viewing.groups.metric_names import find_metric
from exptools.viewing.index import Index
from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Run

LEVEL = 95.0  # of the intervals, in percent
MOST_KEYS = 40  # that are taken apart: those that explain most by themselves
MUCH = 0.2  # of the variance, that no key by itself explains
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
    asked: bool = False  # whether only some keys were asked for

    @property
    def headline(self) -> str:
        """Which key explains most, in a sentence."""
        matter = [effect for effect in self.effects if effect.share > CLEARLY]
        clear = [effect for effect in matter if effect.kind == SETTING and effect.low > 0]
        # Of what is shared there is no interval.
        others = {of.kind: percent(of.share) for of in matter if of.share > MUCH and of.low != 0}
        key = "key that was asked for" if self.asked else "key"
        alone = self.asked and sum(of.kind == SETTING for of in self.effects) == 1
        if not clear and SHARED in others:
            return (
                f"No {key} clearly explains how far runs differ beyond the others: "
                f"{others[SHARED]} may be of any of several that overlap."
            )
        if not clear and COMBINATIONS in others:
            return (
                f"No {key} by itself clearly explains how far runs differ; their combinations "
                f"explain {others[COMBINATIONS]}."
            )
        if not clear and alone:
            return f"{named(self.effects[0].label)} does not clearly explain how far runs differ."
        if not clear:
            return f"No {key} clearly explains how far runs differ."
        first, *rest = clear
        span = f"{percent(first.low)} to {percent(first.high)}"
        head = (
            f"{named(first.label)} explains {percent(first.share)} ({span}) of how far runs differ"
        )
        combined = [of for of in matter if of.kind == COMBINATIONS and of.low > 0]
        parts = [f"{of.label} {percent(of.share)}" for of in (*rest, *combined)]
        head += f", {listed(parts)}" if parts else ""
        others_low = [of for of in self.effects if of.kind == SETTING and of not in clear]
        if any(of.low > 0 for of in others_low):
            most = max(of.share for of in others_low)
            head += f"; no other {key} explains more than {percent(most)}"
        elif not rest and not alone:
            head += f"; no other {key} clearly matters{' by itself' if combined else ''}"
        return f"{head}."

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
    measure = Measure.found(tags, kept, metric, query.summary)
    values = measure.of_runs(index, kept)
    there = in_numbers(kept, values)
    _check(there, measure)
    every = index.snapshot.runs
    asked = query.keys
    keys = setting_keys(there, every) if asked is None else named_among(there, asked, every)
    numbers = np.array([values[run.name] for run in there])
    factors, left = _most_telling(
        factors_of(there, keys, lambda levels: share_alone(numbers, levels)), numbers
    )
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
        *without_value(kept, there, keys, measure),
        *on_keys(factors, analysis, left),
        *on_runs(factors, analysis, numbers, whole=len(there) == len(kept)),
    ]
    effects = _effects(factors.factors, analysis, "seeds" if asked is None else "other keys")
    return Importance(
        *(metric, query.summary, measure.words, len(there), effects, tuple(notes)),
        asked=asked is not None,
    )


def _check(runs: Sequence[Run], measure: Measure) -> None:
    if len(runs) < FEWEST:
        number = count(len(runs)) if runs else "no run"
        raise QueryError(
            f"which key explains the {measure.words} can be told of {FEWEST} runs or more that "
            f"have a finite one; here {number} {'has' if len(runs) < 2 else 'have'}"
        )


def _nothing_varies(factors: Factors, runs: int) -> str:
    differ = "differs" if len(factors.own) == 1 else "differ"
    own = f"; {listed(factors.own)} {differ} in nearly every run" if factors.own else ""
    return f"no key but the seed has several values that {count(runs)} share: nothing explains{own}"


def _most_telling(factors: Factors, numbers: np.ndarray) -> tuple[Factors, int]:
    """Of very many factors those that explain most by themselves, and how many are left out."""
    every = factors.factors
    if len(every) <= MOST_KEYS:
        return factors, factors.left
    alone = [share_alone(numbers, factor.levels) for factor in every]
    kept = sorted(sorted(range(len(every)), key=lambda at: -alone[at])[:MOST_KEYS])
    return replace(factors, factors=tuple(every[at] for at in kept)), (
        len(every) - MOST_KEYS + factors.left
    )


def _of_several(factors: Sequence[Factor]) -> str:
    """Why a share cannot be told to be one key's: few runs of a grid may lack, or many."""
    overlapping = any(overlap(*pair) > OVERLAP for pair in combinations(factors, 2))
    return "keys that overlap" if overlapping else "unequal numbers of runs"


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
            others.append(effect(_of_several(factors), SHARED, replace(UNKNOWN, share=shared)))
        others.append(effect(label, REST, analysis.rest))
    return (*keys, *others)
