"""An immutable collection of runs, to filter, tabulate, compare and draw."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict, overload

from exptools.viewing.api.analysed_runs import AnalysedRuns
from exptools.viewing.api.fault_warnings import warn_of_faults
from exptools.viewing.curves.statistics.options import one_name, several_names
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.names import SUMMARY
from exptools.viewing.run import Run

if TYPE_CHECKING:  # what makes answers is loaded when somebody asks
    import polars as pl
    from pandas import DataFrame
    from typing_extensions import Unpack

    from exptools.viewing.api.curve_sets import CurveSet, CurveSets
    from exptools.viewing.api.result_table import ResultTable
    from exptools.viewing.curves.selection import Best
    from exptools.viewing.groups.differences import SweepComparison


class CurveOptions(TypedDict, total=False):
    """How curves are made; ``Runs.curves`` tells more of each."""

    center: str
    band: str
    smooth: str | float | None
    smooth_when: Literal["before", "after"]
    bin_width: float | None
    strata: str | None
    where: str | None
    best: Best | str | Sequence[str] | None
    states: Literal["all", "finished"]
    baseline: str | None
    difference: Literal["absolute", "percent"]


class ResultOptions(TypedDict, total=False):
    """How a table of results is made; ``Runs.results`` tells more of each."""

    facet: str | None
    summary: str
    center: str
    band: str
    better: Mapping[str, str] | None
    states: str


@dataclass(frozen=True, eq=False, repr=False)
class Runs(AnalysedRuns):
    """Runs in the natural order of their names. It never changes: filtering gives another one.

    What is asked for and is not there is a QueryError that names the nearest.
    """

    def table(
        self,
        metrics: str | Sequence[str] | None = None,
        summary: str = "last",
        *,
        better: Mapping[str, str] | None = None,
    ) -> pl.DataFrame:
        """A row a run: name, sweep, state, the keys that vary, and a summary of each metric.

        Before the metrics stands what the runs' own summaries say, ``result`` for example.

        Args:
            metrics: which, of both, by default all; ``summary.<name>`` is a summary's.
            summary: ``last``, ``min``, ``max``, ``best`` (whichever is better), ``mean:10`` (of
                the last 10), ``at:1000`` (that step) or ``auc``; null where the run has not logged
                the metric.
            better: for metrics whose name does not tell it, ``max`` or ``min``.
        """
        return self._table(metrics, summary, better or {})

    def to_pandas(
        self,
        metrics: str | Sequence[str] | None = None,
        summary: str = "last",
        *,
        better: Mapping[str, str] | None = None,
    ) -> DataFrame:
        """The same table as a pandas frame."""
        from exptools.viewing.frames import to_pandas

        return to_pandas(self._table(metrics, summary, better or {}))

    def _table(
        self, metrics: str | Sequence[str] | None, summary: str, better: Mapping[str, str]
    ) -> pl.DataFrame:
        from exptools.viewing.api.run_table import run_table

        if metrics is None:
            metrics = [*(f"{SUMMARY}{name}" for name in self.summaries), *self.metrics]
        names = several_names("metrics", metrics)
        table, remarks = run_table(self.origin, self._runs, self.varying, names, summary, better)
        for sentence in remarks:
            warnings.warn(sentence, stacklevel=3)
        warn_of_faults(self.origin, self._runs, stacklevel=4)
        return table

    def results(
        self,
        metrics: str | Sequence[str] | None = None,
        by: str | Sequence[str] | None = None,
        *,
        facet: str | None = None,
        summary: str = "last",
        center: str = "mean",
        band: str = "std",
        better: Mapping[str, str] | None = None,
        states: str = "all",
    ) -> ResultTable:
        """A table of results: centre and band over the runs of each group, of one number a run.

        A run whose number is NaN or infinite, as of one that diverged, is not in centre and band,
        but counted: see ``Cell.runs``.

        Args:
            metrics: a column each; by default ``default_metric``.
            by: the keys to group by, a row for each of their settings; by default ``default_by``.
            facet: a key across the columns, for example the task: a column for each of its values.
            summary: a run's number, as for ``table``.
            center: over runs, as for ``curves``.
            band: likewise.
            better: for metrics whose name does not tell it, ``max`` or ``min``.
            states: which runs count, as for ``curves``.
        """
        from exptools.viewing.api.empty import counted_results
        from exptools.viewing.api.result_table import ResultTable
        from exptools.viewing.curves.statistics.aggregation import parse_method
        from exptools.viewing.tables.results import ResultsQuery

        asked = metrics if metrics is not None else self.default_metric
        names = () if asked is None else several_names("metrics", asked)
        keys = several_names("by", self.default_by if by is None else by)  # less the facet
        facet = None if facet is None else one_name("facet", facet)
        if asked is not None and not names:
            raise QueryError("results takes a metric, or a list of metrics")
        method = parse_method(center, band)
        query = ResultsQuery(
            *(names, keys, facet, summary, method, better or {}, states, self.settings)
        )
        table = counted_results(self.origin, self._runs, query)
        _warn_of_few(table.remark)
        warn_of_faults(self.origin, self._runs)
        return ResultTable(**vars(table))

    def rows(
        self,
        metrics: str | Sequence[str] | None = None,
        by: str | Sequence[str] = (),
        *,
        long: bool = True,
    ) -> pl.DataFrame:
        """Every logged row, exactly as it was logged.

        Args:
            metrics: which, by default all.
            by: keys, each of which becomes a column behind the run's name.
            long: a row a value: name, step, wall_time, metric, value; else a row a row, with a
                column a metric, in which null means "not logged in that row".
        """
        from exptools.viewing.tables.export import logged

        keys = several_names("by", by)
        rows = logged(self.origin, self._runs, metrics, keys, long=long)
        warn_of_faults(self.origin, self._runs)
        return rows

    def diff(self, left: int | str | Run, right: int | str | Run) -> pl.DataFrame:
        """The keys in which two runs differ: key, left, right, the values as texts."""
        from exptools.viewing.api.run_table import difference_table
        from exptools.viewing.groups.differences import diff

        one, other = (run if isinstance(run, Run) else self[run] for run in (left, right))
        return difference_table(diff(one, other))

    def compare(self, left: str | int, right: str | int) -> SweepComparison:
        """Two sweeps: what they differ in, which of their runs match, which have no partner.

        They are given by their names, or their positions in ``sweeps``.
        """
        from exptools.viewing.groups.differences import compare_sweeps

        return compare_sweeps(self._loaded, left, right)

    @overload
    def curves(
        self,
        metric: str | None = None,
        by: str | Sequence[str] | None = None,
        x: str = "step",
        **options: Unpack[CurveOptions],
    ) -> CurveSet: ...
    @overload
    def curves(
        self,
        metric: list[str] | tuple[str, ...],
        by: str | Sequence[str] | None = None,
        x: str = "step",
        **options: Unpack[CurveOptions],
    ) -> CurveSets: ...
    def curves(  # noqa: PLR0913 (each says one thing about the figure)
        self,
        metric: str | Sequence[str] | None = None,
        by: str | Sequence[str] | None = None,
        x: str = "step",
        *,
        center: str = "mean",
        band: str = "std",
        smooth: str | float | None = None,
        smooth_when: Literal["before", "after"] = "before",
        bin_width: float | None = None,
        strata: str | None = None,
        where: str | None = None,
        best: Best | str | Sequence[str] | None = None,
        states: Literal["all", "finished"] = "all",
        baseline: str | None = None,
        difference: Literal["absolute", "percent"] = "absolute",
    ) -> CurveSet | CurveSets:
        """The curves of a metric, one a group of runs that share their values of ``by``.

        Runs are aligned by value of x, never by row. A group's numbers depend on its own runs
        only. A run that lacks a key is in a group of its own, "—".

        Args:
            metric: what was logged, by default ``default_metric``; of a list the curves of each.
            by: the keys to group by; none (``[]``): all runs together; None: each run by itself.
            x: ``step``, ``wall_time`` (Unix seconds), ``relative_time`` (seconds since the run's
                first row), or any logged column.
            center: ``mean``, ``median`` or ``iqm`` (interquartile mean).
            band: ``none``, ``std``, ``sem``, ``minmax``, ``percentiles:25,75``, ``ci:95``, the
                centre's confidence interval by stratified bootstrap, ``t:95``, Student's interval
                of the mean, or ``interval:95``: Student's of a mean of fewer than ten runs, else
                the bootstrap's.
            smooth: ``ema:0.9`` or the number alone, ``gaussian:5`` or ``mean:10``, in rows.
            smooth_when: each run ``before`` the centre is taken, or centre and band ``after``.
            bin_width: in units of x: average each run in bins of this width, instead of taking
                every x and the lines between a run's points.
            strata: the key within whose values ``ci`` draws runs, for example the task.
            where: a condition, as for ``where``.
            best: keep of each group the best setting of another key, of several, or as ``Best``
                says.
            states: which runs count: ``all``, or without failed, killed, interrupted, timed-out,
                running and queued ones ``finished``. ``notes`` says how many ended early.
            baseline: show the difference of all groups to this one: its label, ``lr=0.01`` for the
                group that has this value and is else the same, or a run's name. Runs with the same
                seed are paired; ``notes`` says how.
            difference: ``absolute``, or in ``percent`` of the baseline's centre.
        """
        from exptools.viewing.api.curve_sets import CurveSet, CurveSets
        from exptools.viewing.api.empty import counted_curves
        from exptools.viewing.curves.averaged import with_reason
        from exptools.viewing.curves.baseline import Against, parse_difference
        from exptools.viewing.curves.curve_data import remark
        from exptools.viewing.curves.query import CurveQuery
        from exptools.viewing.curves.selection import Best
        from exptools.viewing.curves.statistics.aggregation import parse_method

        if best is not None and not isinstance(best, Best):
            best = Best(several_names("best", best))
        method = parse_method(center, band, smooth, smooth_when, bin_width)
        keys = None if by is None else several_names("by", by)
        strata = None if strata is None else one_name("strata", strata)
        metric = self._asked("curves", None) if metric is None else metric
        names, x = several_names("metric", metric), one_name("x", x)
        if not names:
            raise QueryError("curves takes a metric, or a list of metrics")
        percent = parse_difference(difference)
        against = None if baseline is None else Against(one_name("baseline", baseline), percent)
        queries = [
            CurveQuery(name, keys, x, method, strata, best, where, states, against=against)
            for name in names
        ]
        answers = counted_curves(self.origin, self._loaded, queries)
        _warn_of_few(remark(answers))
        warn_of_faults(self.origin, self._runs)
        if by is not None:
            answers = with_reason(self.origin, self._loaded, answers, self.settings)
        sets = [CurveSet(**vars(answer)) for answer in answers]
        return sets[0] if isinstance(metric, str) else CurveSets(tuple(sets))


def _warn_of_few(remark: str) -> None:
    """Warn whoever called ``Runs`` of an interval of too few runs; ``remark`` is "" elsewhere."""
    if remark:
        warnings.warn(
            f"the interval is by {remark}, and of fewer than ten it is too narrow; "
            "interval:95 is Student's where that fits",
            stacklevel=3,
        )
