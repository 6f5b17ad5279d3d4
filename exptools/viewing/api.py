"""The Python interface: an immutable collection of runs, to filter, tabulate, compare and draw."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from exptools.hints import suggestion
from exptools.rundir import STEP
from exptools.viewing.curves.aggregation import parse_method
from exptools.viewing.curves.best import Best
from exptools.viewing.curves.options import Option
from exptools.viewing.curves.query import CurveData, CurveQuery, curve_set
from exptools.viewing.curves.series import metric_names
from exptools.viewing.curves.summaries import (
    parse_summary,
    said_of_runs,
    summarize,
    summary_names,
)
from exptools.viewing.errors import QueryError
from exptools.viewing.frames import column, frame_of
from exptools.viewing.groups import differences, variation
from exptools.viewing.groups.differences import SweepComparison
from exptools.viewing.groups.grouping import (
    SUMMARY,
    config_key,
    config_name,
    known_keys,
    own_name,
    run_key,
)
from exptools.viewing.groups.variation import Overview, Seed
from exptools.viewing.index import Index
from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Fault, Run, natural_key
from exptools.viewing.tables.export import logged

if TYPE_CHECKING:
    from matplotlib.figure import Figure as PaperFigure
    from plotly.graph_objects import Figure


def load(*roots: str | PathLike[str]) -> Runs:
    """Find the runs below one or several directories.

    Their configs and states are as they are now; metrics are read when they are asked for.
    """
    if not roots:
        raise QueryError("load takes the directories that have the runs in them")
    for root in map(Path, roots):
        if not root.is_dir():
            siblings = [path.name for path in root.parent.glob("*") if path.is_dir()]
            raise QueryError(f"there is no directory {root}; {suggestion(root.name, siblings)}")
    index = Index([Path(root) for root in roots])
    index.refresh()
    return Runs(index, index.snapshot.runs)


@dataclass(frozen=True)
class CurveSet(CurveData):
    """The curves of one metric: their numbers, and both ways to draw them."""

    def plot(self) -> Figure:
        """The curves as a Plotly figure."""
        from plotly.graph_objects import Figure

        from exptools.viewing.figures.lines import Line, figure

        lines = [Line(group.label, group.curve, at) for at, group in enumerate(self.groups)]
        return Figure(figure(lines, self.metric, self.legend, x=self.x, remark=self.remark))

    def paper(self, **options: Any) -> PaperFigure:
        """The curves as a Matplotlib figure; ``exptools.viewing.paper.figure`` has the options."""
        from exptools.viewing.paper import figure

        return figure(self, **options)


@dataclass(frozen=True, eq=False, repr=False)
class Runs(Sequence[Run]):
    """Runs in the natural order of their names. It never changes: filtering gives another one.

    What is asked for and is not there is a QueryError that names the nearest.
    """

    origin: Index  # where the runs were found, and their metrics are read
    _runs: tuple[Run, ...]

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __repr__(self) -> str:
        numbers = [(len(self), "run"), (len(self.sweeps), "sweep")]
        parts = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in numbers if n or word == "run"]
        return f"<Runs: {' of '.join(parts)}; varying: {', '.join(self.varying) or 'nothing'}>"

    @overload
    def __getitem__(self, which: int | str) -> Run: ...
    @overload
    def __getitem__(self, which: slice) -> Runs: ...
    def __getitem__(self, which: int | str | slice) -> Run | Runs:
        """A run by its position or name, or a collection of some positions."""
        if isinstance(which, slice):
            return Runs(self.origin, self._runs[which])
        if isinstance(which, int):
            return self._runs[which]
        by_name = {run.name: run for run in self._runs}
        if which not in by_name:
            raise QueryError(f"there is no run {which!r}; {suggestion(which, by_name)}")
        return by_name[which]

    @cached_property
    def varying(self) -> tuple[str, ...]:
        """The keys whose values differ between the runs, in the order of the configs."""
        return tuple(variation.varying(self._runs))

    @cached_property
    def _overview(self) -> Overview:
        return variation.overview(self._runs)

    @property
    def together(self) -> dict[str, tuple[str, ...]]:
        """The varying keys, with those that divide the runs in the same way under one of them."""
        return self._overview.together

    @property
    def seed(self) -> Seed | None:
        """The key that holds the random seed and a sentence that says why we think so."""
        return self._overview.seed

    @property
    def seed_key(self) -> str | None:
        """The key that holds the random seed, None where there is none."""
        return self.seed.key if self.seed else None

    @cached_property
    def facets(self) -> tuple[str, ...]:
        """Keys worth grouping by, the most telling first; ``sweep`` is one if there are several.

        As ``curves`` takes them: a config's own ``name`` is ``config.name``.
        """
        keys = [config_name(key) for key in self._overview.facets]
        if 1 < len(self.sweeps) < len(self):
            keys.append(own_name("sweep", known_keys(self._runs)))
        return tuple(keys)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """What the runs have logged, in natural order."""
        return tuple(metric_names(self.origin, self._runs, None))

    @cached_property
    def summaries(self) -> tuple[str, ...]:
        """What the runs' summaries have values of, in natural order; ``result`` for example."""
        return tuple(summary_names(self._runs))

    @cached_property
    def sweeps(self) -> tuple[str, ...]:
        """The sweeps (multirun directories) that the runs belong to, in natural order."""
        names = {run.sweep for run in self._runs if run.sweep is not None}
        return tuple(sorted(names, key=natural_key))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What could not be read: directories, configs, statuses, and metrics read so far."""
        of_runs = (fault for run in self._runs for fault in self.origin.faults(run))
        return (*self.origin.snapshot.faults, *of_runs)

    def where(self, condition: str) -> Runs:
        """The runs for which a condition is true, as ``algo.lr > 1e-4 and env.name = 'Hopper'``.

        ``name``, ``state`` and ``sweep`` are the runs' own, ``result > 0.9`` asks their summaries.
        ``groups.conditions`` has all rules.
        """
        from exptools.viewing.groups.conditions import select  # sqlglot takes a while to load

        return Runs(self.origin, tuple(select(self._runs, condition)))

    def table(
        self, metrics: str | Sequence[str] | None = None, summary: str = "last"
    ) -> pl.DataFrame:
        """A row a run: name, sweep, state, the keys that vary, and a summary of each metric.

        Before the metrics stands what the runs' own summaries say, ``result`` for example.

        Args:
            metrics: which, of both, by default all; ``summary.<name>`` is a summary's.
            summary: ``last``, ``min``, ``max``, ``mean:10`` (of the last 10), ``at:1000`` (that
                step) or ``auc``; null where the run has not logged the metric.
        """
        each = parse_summary(summary)
        keys = [("run", run_key(name)) for name in ("name", "sweep", "state")]
        keys += [("config", config_key(name)) for name in self.varying]
        cells = [(of, key.name, [key.value(run) for run in self._runs]) for of, key in keys]
        parts = [(of, name, column(name, values)) for of, name, values in cells]
        parts += self._value_columns(metrics, each)
        return frame_of(parts)

    def _value_columns(
        self, asked: str | Sequence[str] | None, each: Option
    ) -> list[tuple[str, str, pl.Series]]:
        """What the summaries and the metrics that are asked for say of each run."""
        tags = dict.fromkeys(self.metrics)
        if asked is None:
            asked = [*(f"{SUMMARY}{name}" for name in self.summaries), *tags]
        names = (asked,) if isinstance(asked, str) else asked
        said = {name: said_of_runs(tags, self._runs, name) for name in names}
        logged = [name for name, values in said.items() if values is None]
        columns = self.origin.columns(self._runs, [STEP, *logged])
        parts = []
        for name, values in said.items():
            if values is None:
                series = [columns[run.name].series(name) for run in self._runs]
                numbers = [summarize(x, y, each) if len(x) else None for x, y in series]
                parts.append(("metric", name, pl.Series(name, numbers, dtype=pl.Float64)))
            else:
                own = name.removeprefix(SUMMARY)
                own = own if own not in tags else name
                parts.append(("summary", own, column(own, values)))
        return parts

    def rows(
        self, metrics: str | Sequence[str] | None = None, *, long: bool = True
    ) -> pl.DataFrame:
        """Every logged row, exactly as it was logged.

        Args:
            metrics: which, by default all.
            long: a row a value: name, step, wall_time, metric, value; else a row a row, with a
                column a metric, in which null means "not logged in that row".
        """
        return logged(self.origin, self._runs, metrics, long=long)

    def diff(self, left: int | str | Run, right: int | str | Run) -> pl.DataFrame:
        """The keys in which two runs differ: key, left, right, the values as texts."""
        one, other = (run if isinstance(run, Run) else self[run] for run in (left, right))
        cells = [(key.key, *key.texts) for key in differences.diff(one, other)]
        schema = dict.fromkeys(("key", "left", "right"), pl.String)
        return pl.DataFrame(cells, schema=schema, orient="row")

    def compare(self, left: str, right: str) -> SweepComparison:
        """Two sweeps: what they differ in, which of their runs match, which have no partner."""
        return differences.compare_sweeps(self._runs, left, right)

    def curves(  # noqa: PLR0913 (each says one thing about the figure)
        self,
        metric: str,
        by: str | Sequence[str] | None = None,
        x: str = "step",
        *,
        center: str = "mean",
        band: str = "std",
        smooth: str | None = None,
        smooth_when: Literal["before", "after"] = "before",
        bin_width: float | None = None,
        strata: str | None = None,
        where: str | None = None,
        best: Best | None = None,
        states: Literal["all", "finished"] = "all",
    ) -> CurveSet:
        """The curves of a metric, one a group of runs that share their values of ``by``.

        Runs are aligned by value of x, never by row. A group's numbers depend on its own runs
        only. A run that lacks a key is in a group of its own, "—".

        Args:
            metric: what was logged.
            by: the keys to group by; none (``[]``): all runs together; None: each run by itself.
            x: ``step``, ``wall_time`` (Unix seconds), ``relative_time`` (seconds since the run's
                first row), or any logged column.
            center: ``mean``, ``median`` or ``iqm`` (interquartile mean).
            band: ``none``, ``std``, ``sem``, ``minmax``, ``percentiles:25,75``, ``ci:95``, the
                centre's confidence interval by stratified bootstrap, ``t:95``, Student's interval
                of the mean, or ``interval:95``: Student's of a mean of fewer than ten runs, else
                the bootstrap's.
            smooth: ``ema:0.9``, ``gaussian:5`` or ``mean:10``, in rows.
            smooth_when: each run ``before`` the centre is taken, or centre and band ``after``.
            bin_width: in units of x: average each run in bins of this width, instead of taking
                every x and the lines between a run's points.
            strata: the key within whose values ``ci`` draws runs, for example the task.
            where: a condition, as for ``where``.
            best: keep of each group the best setting of other keys.
            states: which runs count: ``all``, or without failed, killed, interrupted, timed-out,
                running and queued ones ``finished``. ``notes`` says how many ended early.
        """
        method = parse_method(center, band, smooth, smooth_when, bin_width)
        keys = (by,) if isinstance(by, str) else None if by is None else tuple(by)
        query = CurveQuery(metric, keys, x, method, strata, best, where, states)
        curves = CurveSet(**vars(curve_set(self.origin, self._runs, query)))
        warn_of_few(curves.remark)
        return curves


def warn_of_few(remark: str) -> None:
    """Warn the caller's caller of an interval of too few runs; ``remark`` is "" where it is not."""
    if remark:
        warnings.warn(
            f"the interval is by {remark}, and of fewer than ten it is too narrow; "
            "interval:95 is Student's where that fits",
            stacklevel=3,
        )
