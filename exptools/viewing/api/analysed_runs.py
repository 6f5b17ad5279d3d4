"""What runs say of the settings: which mattered, and whether one is better than another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exptools.viewing.api.described_runs import DescribedRuns
from exptools.viewing.curves.statistics.options import one_name, several_names
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.metric_names import nothing_yet

if TYPE_CHECKING:  # what most never ask for is loaded when somebody does
    from exptools.viewing.api.analysis_results import GroupImprovement, KeyImportance


@dataclass(frozen=True, eq=False, repr=False)
class AnalysedRuns(DescribedRuns):
    """Runs whose differences can be explained and judged."""

    def importance(
        self,
        metric: str | None = None,
        keys: str | Sequence[str] | None = None,
        *,
        summary: str = "last",
        states: str = "all",
    ) -> KeyImportance:
        """How much each key explains of the variance between the runs, with its uncertainty.

        An analysis of variance: of a key counts what it explains beyond all others. Keys that vary
        together are one, and keys that overlap are named in ``notes``.

        Args:
            metric: of what; by default ``default_metric``.
            keys: which; by default all that vary, but for seeds, whose spread is the rest.
            summary: a run's number, as for ``table``.
            states: which runs count, as for ``curves``.
        """
        from exptools.viewing.analysis.importance import ImportanceQuery, importance
        from exptools.viewing.api.analysis_results import KeyImportance

        names = None if keys is None else several_names("keys", keys)
        query = ImportanceQuery(self._asked("importance", metric), names, summary, states)
        return KeyImportance(**vars(importance(self.origin, self._runs, query)))

    def improvement(
        self,
        metric: str | None = None,
        *,
        of: str,
        over: str,
        summary: str = "last",
        strata: str | Sequence[str] | None = None,
        interval: str = "interval:95",
        better: Mapping[str, str] | None = None,
        states: str = "all",
    ) -> GroupImprovement:
        """Whether some runs are better than others, by how much, and how sure that is.

        Args:
            metric: by what; by default ``default_metric``.
            of: a condition, as for ``where``: the runs whose improvement is asked for.
            over: likewise, the runs to which they are compared.
            summary: a run's number, as for ``table``.
            strata: keys within whose values runs are compared, for example the task; by default
                those that vary in both groups alike, but for seeds, if each of their values has
                several runs of either; none: ``[]``.
            interval: ``t:95`` (Welch's of the difference, Newcombe's of the probability), ``ci:95``
                (both by stratified bootstrap, as rliable's), or ``interval:95``: the first where a
                group has fewer than ten runs, else the second.
            better: for metrics whose name does not tell it, ``max`` or ``min``.
            states: which runs count, as for ``curves``.
        """
        from exptools.viewing.analysis.improvement import ImprovementQuery, improvement
        from exptools.viewing.analysis.strata import Side
        from exptools.viewing.api.analysis_results import GroupImprovement
        from exptools.viewing.curves.selection import select_runs

        of, over = one_name("of", of), one_name("over", over)
        one, other = (
            Side(text, tuple(select_runs(self.origin, self._runs, text))) for text in (of, over)
        )
        names = None if strata is None else several_names("strata", strata)
        query = ImprovementQuery(
            self._asked("improvement", metric), summary, names, interval, better or {}, states
        )
        return GroupImprovement(**vars(improvement(self.origin, one, other, query)))

    def _asked(self, what: str, metric: str | None) -> str:
        """The metric that is asked for, or the one that tells how good a run is."""
        asked = self.default_metric if metric is None else one_name("metric", metric)
        if asked is None:
            why = nothing_yet((), self._runs).rstrip(".") or "the runs have logged nothing"
            raise QueryError(f"{what} needs a metric, and {why[:1].lower()}{why[1:]}")
        return asked
