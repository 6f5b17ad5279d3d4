"""The curves of one metric, a group each, with all that a figure or a table says of them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from exptools.viewing.curves import Curve
from exptools.viewing.runs import Run

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class GroupCurve:
    """The curve of the runs that share their values of the keys grouped by."""

    values: tuple[Any, ...]  # one for each key; MISSING where the runs lack it
    label: str  # the values as a person reads them; MISSING is "—"
    runs: tuple[Run, ...]
    curve: Curve


@dataclass(frozen=True)
class CurveSet:
    """The curves of one metric."""

    metric: str
    x: str  # "step", "wall_time", "relative_time", or the column
    by: tuple[str, ...]  # the keys grouped by; ("name",) where each run is its own group
    legend: str  # what the labels are values of: the keys' short names
    center: str  # as asked for: "mean", "median", "iqm"
    band: str  # as asked for: "none", "std", "ci:95", …
    groups: tuple[GroupCurve, ...]  # in the order of their values, MISSING last
    notes: tuple[str, ...] = ()  # what a reader must know: gaps, runs without the metric, …

    def frame(self) -> pl.DataFrame:
        """Every point of every curve: a column for each key, then x, center, low, high, n."""
        raise NotImplementedError

    def plot(self) -> Figure:
        """The curves as a Plotly figure."""
        raise NotImplementedError

    def paper(self, **options: Any) -> Any:
        """The curves as a Matplotlib figure; ``exptools.viewing.paper.figure`` has the options."""
        return importlib.import_module("exptools.viewing.paper").figure(self, **options)
