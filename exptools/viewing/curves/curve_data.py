"""The curves of one metric, a group each, with all that a figure or a table says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from exptools.viewing.curves.aggregation import Curve
from exptools.viewing.frames import column, frame_of
from exptools.viewing.run import Run


@dataclass(frozen=True)
class GroupCurve:
    """The curve of the runs that share their values of the keys grouped by."""

    values: tuple[Any, ...]  # one for each key; MISSING where the runs lack it
    label: str  # the values as a person reads them; MISSING is "—"
    runs: tuple[Run, ...]  # those that are averaged
    curve: Curve
    setting: tuple[Any, ...] = ()  # where the best setting was kept: its values


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
    notes: tuple[str, ...] = ()  # sentences: gaps, runs without a point, …

    def frame(self) -> pl.DataFrame:
        """Every point of every curve: a column for each key, then x, center, low, high, n.

        ``x`` has the name of what it is. A gap is NaN in center, no band NaN in low and high.
        """
        curves = [group.curve for group in self.groups]
        rows = np.repeat(np.arange(len(curves)), [len(curve.x) for curve in curves])
        keys = [(*group.values, *group.setting) for group in self.groups]
        names = (*self.by, *self.over)
        parts = [
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
