"""View: find runs, say what differs between them, draw their curves.

The model: below a Root lie Sweeps, and in a Sweep its Runs, each with a config and metrics. Runs
that share their values of some keys are a Group; a Group's metric, averaged over its runs, is a
Curve.

In a notebook: ``import exptools.viewing as xv; runs = xv.load("outputs/")``. The names below are
loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exptools.lazy import lazy_attributes

if TYPE_CHECKING:
    from exptools.viewing.api.curve_sets import CurveSet, CurveSets
    from exptools.viewing.api.loading import load
    from exptools.viewing.api.one_run import LoadedRun
    from exptools.viewing.api.result_table import ResultTable
    from exptools.viewing.api.runs import Runs
    from exptools.viewing.configs.values import MISSING
    from exptools.viewing.curves.curve_data import GroupCurve
    from exptools.viewing.curves.selection import Best
    from exptools.viewing.curves.statistics.aggregation import Curve
    from exptools.viewing.errors import QueryError
    from exptools.viewing.figures.references import Reference
    from exptools.viewing.frames import to_pandas

__all__ = [
    "MISSING",
    "Best",
    "Curve",
    "CurveSet",
    "CurveSets",
    "GroupCurve",
    "LoadedRun",
    "QueryError",
    "Reference",
    "ResultTable",
    "Runs",
    "load",
    "to_pandas",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "MISSING": "exptools.viewing.configs.values",
        "Best": "exptools.viewing.curves.selection",
        "Curve": "exptools.viewing.curves.statistics.aggregation",
        "CurveSet": "exptools.viewing.api.curve_sets",
        "CurveSets": "exptools.viewing.api.curve_sets",
        "GroupCurve": "exptools.viewing.curves.curve_data",
        "LoadedRun": "exptools.viewing.api.one_run",
        "QueryError": "exptools.viewing.errors",
        "Reference": "exptools.viewing.figures.references",
        "ResultTable": "exptools.viewing.api.result_table",
        "Runs": "exptools.viewing.api.runs",
        "load": "exptools.viewing.api.loading",
        "to_pandas": "exptools.viewing.frames",
    },
)
