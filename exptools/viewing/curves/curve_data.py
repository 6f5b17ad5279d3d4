"""The curves of a metric, one a group of runs, and what has to be said of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exptools.viewing.curves import endings
from exptools.viewing.curves.endings import Member
from exptools.viewing.curves.statistics.aggregation import Curve
from exptools.viewing.curves.statistics.centers import (
    CENTERS,
    bootstrap_of_few,
    few_runs,
    parse_band,
)
from exptools.viewing.frames import column, frame_of
from exptools.viewing.lazy_polars import pl
from exptools.viewing.metrics.usage import UNITS
from exptools.viewing.run import Run

_KIND = {False: "absolute", True: "percent"}


@dataclass(frozen=True, eq=False, repr=False)
class GroupCurve:
    """The curve of the runs that share their values of the keys grouped by."""

    values: tuple[Any, ...]  # one for each key; MISSING where the runs lack it
    label: str  # the values as a person reads them; MISSING is "—"
    runs: tuple[Run, ...]  # those that are averaged
    curve: Curve
    setting: tuple[Any, ...] = ()  # where the best setting was kept: its values
    members: tuple[Member, ...] = ()  # the runs that have a point
    is_baseline: bool = False  # where the curves are differences: it is 0 throughout

    @property
    def drawn_runs(self) -> tuple[Run, ...]:
        """The runs that have a point: those that wait or logged nothing are in no mean."""
        names = {member.name for member in self.members}
        return tuple(run for run in self.runs if run.name in names)

    @property
    def ended_early(self) -> tuple[Run, ...]:
        """The runs that failed, were killed or interrupted, or timed out."""
        return endings.ended_early(self.runs)

    def __repr__(self) -> str:
        runs, points = len(self.runs), len(self.curve.x)
        sizes = f"{runs} run{'s' * (runs != 1)}, {points} point{'s' * (points != 1)}"
        return f"<GroupCurve {self.label!r}: {sizes}>"


@dataclass(frozen=True)
class CurveData:
    """The curves of one metric; what is drawn, printed and exported is this and nothing else."""

    metric: str
    x: str  # "step", "wall_time", "relative_time", or the column
    by: tuple[str, ...]  # the keys grouped by; ("name",) where each run is its own group
    legend: str  # what the labels are values of: the keys' short names
    center: str  # as asked for: "mean", "median", "iqm"
    band: str  # as asked for: "none", "std", "ci:95", …
    smooth: str  # as asked for: "none", "ema:0.9", …
    groups: tuple[GroupCurve, ...]  # in the order of their values, MISSING last
    over: tuple[str, ...] = ()  # the keys whose best setting was kept in each group
    notes: tuple[str, ...] = ()  # sentences: gaps, runs without a point, …, and the caveats
    left_out: tuple[str, ...] = ()  # the sentence on the runs that do not count, if there are any
    heads: tuple[str, ...] = ()  # the keys grouped by, by the shortest names that find them
    baseline: str = ""  # what the curves are the difference to; "": they are the metric itself
    percent: bool = False  # whether that is in percent of the baseline's centre
    # What a caption must say of how they came about: of the difference, of unequal resources.
    said: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the numbers are, for an axis."""
        unit = UNITS.get(self.metric)
        if self.baseline:
            percent = " in %" if self.percent else ""
            return f"{self.metric}: difference to {self.baseline}{percent}"
        return f"{self.metric} ({unit})" if unit else self.metric

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a caption must say: runs that did not finish, an interval of few."""
        return caveats([self])

    @property
    def remark(self) -> str:
        """What a legend must say of the bands; mostly nothing."""
        return remark([self])

    def frame(self) -> pl.DataFrame:
        """Every point of every curve: a column for each key, then x, center, low, high, n.

        Differences have the columns ``baseline`` and ``difference`` before these.
        ``x`` has the name of what it is. A gap is NaN in center, no band NaN in low and high.
        """
        curves = [group.curve for group in self.groups]
        rows = np.repeat(np.arange(len(curves)), [len(curve.x) for curve in curves])
        keys = [(*group.values, *group.setting) for group in self.groups]
        names = (*self.by, *self.over)
        against = {"baseline": self.baseline, "difference": _KIND[self.percent]}
        parts = [
            ("against", name, pl.Series(name, [text] * len(rows)))
            for name, text in (against.items() if self.baseline else ())
        ]
        parts += [
            ("key", name, column(name, [values[at] for values in keys]).gather(rows))
            for at, name in enumerate(names)
        ]
        for name in ("x", "center", "low", "high", "n"):
            points = np.concatenate([*(getattr(c, name) for c in curves), np.empty(0)])
            dtype = pl.Int64 if name == "n" else pl.Float64
            title = self.x if name == "x" else name
            parts.append(("curve", title, pl.Series(points).cast(dtype)))
        return frame_of(parts)


def points(curves: Iterable[CurveData]) -> pl.DataFrame:
    """Every point of the curves of several metrics, the metric before it."""
    frames = (part.frame().select(pl.lit(part.metric).alias("metric"), pl.all()) for part in curves)
    return pl.concat(frames, how="vertical_relaxed")


def notes(sets: Sequence[CurveData]) -> tuple[str, ...]:
    """What to know of the curves of several metrics; which of them is named where it is not all.

    What a caption must say is said of all lines together, as it is there.
    """
    if len(sets) < 2:
        return sets[0].notes if sets else ()
    own = [(part.notes, caveats([part])) for part in sets]
    others = [[note for note in every if note not in said] for every, said in own]
    said = (
        note if all(note in of for of in others) else f"{part.metric}: {note}"
        for part, its in zip(sets, others, strict=True)
        for note in its
    )
    return tuple(dict.fromkeys([*caveats(sets), *said]))


def caveats(sets: Sequence[CurveData]) -> tuple[str, ...]:
    """What the caption of a figure of these curves must say, in sentences, once each."""
    shown = [group for part in sets for group in part.groups]
    ends = endings.endings(
        [group.members for group in shown],
        sets[0].x,
        f"the {CENTERS[sets[0].center]}",
    )
    left_out = (sentence for part in sets for sentence in part.left_out)
    few = (
        sentence
        for (center, band), counts in _counts(sets).items()
        for sentence in few_runs(center, parse_band(band), counts)
    )
    said = (sentence for part in sets for sentence in part.said)
    return tuple(dict.fromkeys([*said, *left_out, *ends, *few]))


def remark(sets: Sequence[CurveData]) -> str:
    """What the legend of a figure of these curves must say of the bands; mostly nothing."""
    remarks = (bootstrap_of_few(parse_band(band), n) for (_, band), n in _counts(sets).items())
    return "; ".join(dict.fromkeys(filter(None, remarks)))


def _counts(sets: Sequence[CurveData]) -> dict[tuple[str, str], set[int]]:
    """Of how many runs the curves of each centre and band are, wherever they are of several."""
    counts: dict[tuple[str, str], set[int]] = {}
    for part in sets:
        several = (group for group in part.groups if len(group.runs) > 1)
        numbers = (n for group in several for n in np.unique(group.curve.n))
        counts.setdefault((part.center, part.band), set()).update(map(int, numbers))
    return counts
