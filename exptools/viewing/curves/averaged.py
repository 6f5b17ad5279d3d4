"""Keys in which the runs of one line differ: what is averaged, and why its band may be wide."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exptools.viewing.arrays import Floats, Ints
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.curves.curve_data import CurveData
from exptools.viewing.groups.grouping import Key, find_keys
from exptools.viewing.groups.variation import is_seed
from exptools.viewing.index import Index
from exptools.viewing.run import Run

CLEARLY = 0.05  # of what the results of a line's runs differ


@dataclass(frozen=True)
class AveragedKey:
    """A key that has several values among the runs of one line."""

    name: str  # as runs are grouped by it
    short: str
    values: int  # of the line that has most


def averaged_keys(
    parts: Sequence[Sequence[Run]],
    keys: Sequence[Key],
    results: Mapping[str, float],
    settings: Collection[str],
) -> list[AveragedKey]:
    """Of some keys those of which several values are averaged, the best reason for a band first.

    That is the one that explains most of how the results (by run) of one line's runs differ; among
    those that explain nothing, the one with most values. Seeds are no reason, they are what a band
    is for. Nor is a key of which each run has its own value, such as a directory, unless it is one
    of the ``settings``.
    """
    largest = max((len(part) for part in parts), default=0)
    values_of = [np.array([results.get(run.name, np.nan) for run in part]) for part in parts]
    reasons = []
    for key in keys:
        if is_seed(key.whole or key.name):
            continue
        codes = [_codes(part, key) for part in parts]
        values = max((len(np.unique(part)) for part in codes), default=0)
        if 1 < values < largest + (key.name in settings):
            explained = _explained(values_of, codes)
            reasons.append((explained, values, AveragedKey(key.name, key.short, values)))
    reasons.sort(key=lambda reason: (-reason[0] if reason[0] > CLEARLY else 0, -reason[1]))
    return [reason for _, _, reason in reasons]


def reason_for_spread(keys: Sequence[AveragedKey]) -> str:
    """The sentence that names the first of the keys as a reason for a wide band; "" of none."""
    if not keys:
        return ""
    first, more = keys[0], len(keys) - 1
    others = f" and {more} other key{'s' if more > 1 else ''}" if more else ""
    return (
        f"{first.values} values of {first.short}{others} are averaged: "
        f"group or filter by {first.short}."
    )


def with_reason(
    index: Index, runs: Sequence[Run], sets: Sequence[CurveData], settings: Sequence[str]
) -> list[CurveData]:
    """The curves with a note on what is averaged of the settings."""
    return [_with_reason(index, runs, curves, settings) for curves in sets]


def _with_reason(
    index: Index, runs: Sequence[Run], curves: CurveData, settings: Sequence[str]
) -> CurveData:
    parts = [group.drawn_runs for group in curves.groups]
    if max(map(len, parts), default=0) < 2:
        return curves
    every = index.snapshot.runs
    own = {key.whole for key in find_keys(runs, [*curves.by, *curves.over], every)}
    keys = [key for key in find_keys(runs, settings, every) if key.whole not in own]
    results = last_values(index, parts, curves.metric)
    reason = reason_for_spread(averaged_keys(parts, keys, results, settings))
    return replace(curves, notes=(*curves.notes, reason)) if reason else curves


def last_values(index: Index, parts: Sequence[Sequence[Run]], metric: str) -> dict[str, float]:
    """The last value of a metric by run, from rows that the curves have been made of."""
    series = index.series([run for part in parts for run in part], metric)
    return {name: float(y[-1]) for name, (_, y) in series.items() if len(y)}


def _codes(runs: Sequence[Run], key: Key) -> Ints:
    classes: dict[Hashable, int] = {}
    codes = [classes.setdefault(comparison_key(key.value(run)), len(classes)) for run in runs]
    return np.array(codes, np.int64)


def _explained(parts: Sequence[Floats], codes: Sequence[Ints]) -> float:
    """Of the variance of results within the parts what the key explains there, by adjusted R²."""
    within = left = 0.0
    freedom = freedom_left = 0
    sizes = np.abs(np.concatenate([*parts, np.empty(0)]))
    scale = float(np.max(sizes[np.isfinite(sizes)], initial=0.0)) or 1.0
    for part, classes in zip(parts, codes, strict=True):
        there = np.isfinite(part)
        if there.sum() > 1:
            values, kinds = part[there] / scale, np.unique(classes[there], return_inverse=True)[1]
            means: Floats = np.bincount(kinds, values) / np.bincount(kinds)
            within += float(np.sum((values - values.mean()) ** 2))
            left += float(np.sum((values - means[kinds]) ** 2))
            freedom += len(values) - 1
            freedom_left += len(values) - len(means)
    if not within or freedom_left < 1:
        return 0.0
    return 1 - left / freedom_left / (within / freedom)
