"""The Python interface: load runs; filter, tabulate, compare and draw them; look at one of them."""

from exptools.viewing.api.curve_sets import CurveSet, CurveSets
from exptools.viewing.api.loading import load
from exptools.viewing.api.one_run import LoadedRun
from exptools.viewing.api.result_table import ResultTable
from exptools.viewing.api.runs import Runs

__all__ = ["CurveSet", "CurveSets", "LoadedRun", "ResultTable", "Runs", "load"]
