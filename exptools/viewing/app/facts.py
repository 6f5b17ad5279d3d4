"""What the page knows of the runs as they are: what can be chosen, and what says most at first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exptools.metrics import MANY, better, common, default_metric
from exptools.viewing.analysis.factors import numbered
from exptools.viewing.analysis.variance import share_alone
from exptools.viewing.app.view import EACH_RUN, View
from exptools.viewing.configs.values import MISSING, comparison_key
from exptools.viewing.curves.endings import counted, left_out
from exptools.viewing.curves.selection import MetricResults
from exptools.viewing.curves.summaries import measured_names
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.asked import Asked
from exptools.viewing.groups.conditions import select_among
from exptools.viewing.groups.grouping import Group, Key, keys_among, known_keys
from exptools.viewing.groups.metric_names import find_metric, means_metric, summary_names
from exptools.viewing.groups.names import RUN, KeyNames, config_name, own_name
from exptools.viewing.groups.variation import Overview, overview
from exptools.viewing.index import Index
from exptools.viewing.run import Run, natural_key
from exptools.viewing.run_files.user_marks import OF_MARKS, Mark, UserMarks, marked_terms

EXACT_INTEGER = 2**53  # beyond it a browser's numbers are not
REMEMBERED = 16  # conditions
MOST_ENDS = 50  # names of metrics in an address that are looked for among the ends of all
CLEARLY = 0.05  # of a metric's variance
COMPARED = 2000  # runs: more tell no better on which key a metric depends most


@dataclass(frozen=True)
class Facts:
    """Of the runs that there are at one version of the index."""

    version: int
    runs: tuple[Run, ...]
    metrics: tuple[str, ...]  # in natural order
    resources: tuple[str, ...]  # of what the runs used: ``usage/cpu_percent``
    metric: str | None  # the one to show first
    summaries: tuple[str, ...]  # names of the values in the runs' summaries, in natural order
    measured: tuple[str, ...]  # those of them that are numbers
    result: str | None  # the one of these to show first
    few: bool  # whether many more runs have that than the metric to show first
    keys: tuple[str, ...]  # those that differ: worth grouping by first, then in configs' order
    by: tuple[str, ...] | None  # to group by at first; None while there is nothing to tell apart
    depends: bool  # whether the metric's last values clearly depend on it
    seed: str | None
    settings: tuple[str, ...]  # those of the keys that are said where they are averaged
    names: dict[str, str]  # of the keys, short
    known: KeyNames  # the keys of all configs and summaries
    marks: UserMarks  # the user's own, as they are at any time
    hidden: tuple[str, ...] = ()  # the names of the runs that the user has hidden: not in ``runs``
    # What somebody has asked already.
    _kinds: dict[str, str] = field(default_factory=dict)
    _chosen: dict[str, list[Run] | QueryError] = field(default_factory=dict)

    @property
    def each_run(self) -> str:
        """The key by which each run is by itself."""
        return EACH_RUN if EACH_RUN not in self.known.keys else "name"

    def find(self, names: Sequence[str]) -> list[Key]:
        """The keys of these names; raises QueryError where no run has one."""
        return keys_among(self.known, names)

    def marked(self, condition: str) -> Mapping[str, Mark] | None:
        """The marks of the runs, where a condition may ask for them; they have no version."""
        return self.marks.of(self.runs) if OF_MARKS.search(condition) else None

    def select(self, index: Index, condition: str) -> list[Run]:
        """The runs for which a condition is true; it may ask for stars and notes, too.

        Raises:
            QueryError: the condition cannot be read.
        """
        marks = self.marked(condition)
        asked = repr((condition, marks))
        chosen = self._chosen.get(asked)
        if chosen is None:
            chosen = self._select(index, condition, marks or {})
            if len(self._chosen) >= REMEMBERED:
                self._chosen.clear()
            self._chosen[asked] = chosen
        if isinstance(chosen, QueryError):
            raise chosen
        return chosen

    def _select(
        self, index: Index, condition: str, marks: Mapping[str, Mark]
    ) -> list[Run] | QueryError:
        try:
            results = MetricResults(index, self.runs)
            asked = Asked(self.runs, self.known, results, marked_terms(marks))
            return select_among(asked, condition)
        except QueryError as error:
            return error

    def kind_of(self, key: Key) -> str:
        """What all values of a key are: ``number``, to the bit in a browser, ``flag``, or ``text``.

        That is what they are shown as: a list, numbers beside texts and the largest integers, too.
        """
        if key.whole not in self._kinds:
            values = (key.value(run) for run in self.runs)
            kinds = {_kind(value) for value in values if value is not MISSING and value is not None}
            self._kinds[key.whole] = kinds.pop() if len(kinds) == 1 else "text"
        return self._kinds[key.whole]


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "number" if abs(value) < EXACT_INTEGER else "text"
    return "number" if isinstance(value, float) and math.isfinite(value) else "text"


def gather_facts(index: Index, every: tuple[Run, ...], version: int, marks: UserMarks) -> Facts:
    """What can be chosen of these runs but for hidden ones, and what should be at first."""
    hidden = tuple(name for name, mark in marks.of(every).items() if mark.hidden)
    left = {*hidden}
    runs = tuple(run for run in every if run.name not in left) if hidden else every
    tags, seen = index.runs_by_tag(runs), overview(runs)
    measured = tuple(measured_names(runs))
    said = {name: sum(name in run.summary for run in runs) for name in measured}
    known = KeyNames(known_keys(runs))
    metric, result = default_metric(common(tags)), default_metric(common(said))
    seed = config_name(seen.seed.key) if seen.seed else None
    keys = tuple(dict.fromkeys(map(config_name, [*seen.facets, *seen.varying])))
    if len({run.sweep for run in runs}) > 1:
        keys = (*keys, own_name("sweep", known.keys))
    facts = Facts(
        version=version,
        runs=runs,
        metrics=tuple(sorted(tags, key=natural_key)),
        resources=tuple(name for name in index.resources(runs) if name not in tags),
        metric=metric,
        summaries=tuple(summary_names(runs)),
        measured=measured,
        result=result,
        few=tags.get(metric or "", 0) < MANY * said.get(result or "", 0),
        keys=keys,
        by=None,
        depends=False,
        seed=seed,
        settings=tuple(map(config_name, [*seen.facets, *seen.searched])),
        names={key: known.short(key) for key in keys},
        known=known,
        marks=marks,
        hidden=hidden,
    )
    by, explained = _first_by(index, facts, seen)
    return replace(facts, by=by, depends=explained > CLEARLY)


def resolve(view: View, facts: Facts) -> View:
    """The view with what it leaves open chosen, and without what the runs do not have.

    What cannot be chosen yet stays open.
    """
    notes = list(view.notes)
    metrics = _logged(facts, view.metrics, notes)
    if not metrics and facts.metric is not None:
        metrics = (facts.metric,)
    by, split, best = (
        _existing(facts, keys, notes) for keys in (view.by or (), view.split, view.best)
    )
    open_ = view.by is None or (view.by and not by)
    return replace(
        view,
        metrics=metrics if facts.metrics or metrics else view.metrics,
        by=facts.by if open_ else by,
        split=split,
        best=best,
        sort=view.sort or _first_sort(facts),
        notes=tuple(dict.fromkeys(notes)),
    )


def _first_sort(facts: Facts) -> tuple[str, ...]:
    """By what the table is sorted at first: where no run has a curve, by what they came to."""
    if facts.metrics or facts.result is None:
        return ()
    column = f"summary {facts.result}"
    return (column if better(facts.result) == "min" else f"-{column}",)


def _logged(facts: Facts, names: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    """The whole names of the metrics that runs have logged; of the others a note is made."""
    logged, gone = [], []
    every = (*facts.metrics, *facts.resources)
    whole = {*every}
    ends = [name for name in names if name not in whole]
    if len(ends) > MOST_ENDS:
        notes.append(f"Of {len(ends):,} names that are no whole ones {MOST_ENDS} were looked for.")
    left = {*ends[MOST_ENDS:]}
    for name in names if every else ():
        if name in left:
            continue
        if not means_metric(every, name):
            gone.append(name)
            continue
        try:
            logged.append(find_metric(every, (), name))
        except QueryError as error:  # several end so
            notes.append(f"{str(error)[:1].upper()}{str(error)[1:]}")
    if gone and facts.metrics:
        notes.append(f"No run has logged {', '.join(gone)}.")
    return tuple(dict.fromkeys(logged))


def _existing(facts: Facts, keys: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    """The whole names of the keys that runs have; of the others a note is made."""
    existing: list[str] = []
    for key in keys:
        try:
            whole = facts.known.find(key)
            existing.append(key if key == f"{RUN}{whole}" else whole)
        except QueryError as error:
            notes.append(f"{str(error)[:1].upper()}{str(error)[1:]}")
    return tuple(dict.fromkeys(existing))


def _first_by(index: Index, facts: Facts, seen: Overview) -> tuple[tuple[str, ...] | None, float]:
    """The keys to group by at first, and how much of the metric they explain."""
    if seen.facets:
        key, explained = _most_telling(index, facts, facts.keys[: len(seen.facets)])
        return (key,), explained
    if seen.group_key is None:
        return (None if len(facts.runs) < 2 else (facts.each_run,)), 0.0
    key = config_name(seen.group_key)
    return (() if key == facts.seed else (key,)), 0.0


def _most_telling(index: Index, facts: Facts, keys: Sequence[str]) -> tuple[str, float]:
    """The key that explains the most of the differences in what the runs came to.

    By adjusted R², as in an analysis of variance with one factor; where none explains any, the
    first of the keys.
    """
    if len(keys) < 2:
        return keys[0], 0.0
    compared = _drawn(facts.runs)
    values = _ends(index, facts, compared)
    finite = np.flatnonzero(np.isfinite(values)).tolist()
    if len(finite) < 3:
        return keys[0], 0.0
    runs = [compared[at] for at in finite]
    explained = {key.name: _explained(values[finite], runs, key) for key in facts.find(keys)}
    best = max(keys, key=lambda key: explained[key])
    return best, explained[best]


def _drawn(runs: Sequence[Run]) -> Sequence[Run]:
    """Some of many runs, always the same: drawn by chance, as every tenth may have one seed."""
    if len(runs) <= COMPARED:
        return runs
    drawn = np.random.default_rng(0).choice(len(runs), COMPARED, replace=False)
    return [runs[at] for at in sorted(drawn.tolist())]


def _ends(index: Index, facts: Facts, runs: Sequence[Run]) -> NDArray[np.float64]:
    """What each run came to: the metric's last value or, without metrics, its result; or NaN."""
    if facts.metric is not None:
        return np.array(index.last(runs, facts.metric))
    said = [run.summary.get(facts.result or "") for run in runs]
    return np.array([value if isinstance(value, (int, float)) else np.nan for value in said])


def _explained(values: NDArray[np.float64], runs: Sequence[Run], key: Key) -> float:
    return share_alone(values, numbered([comparison_key(key.value(run)) for run in runs]))


def shown_runs(index: Index, facts: Facts, view: View) -> list[Run]:
    """The runs that the view's condition and selection leave; selected runs that went are not.

    Raises:
        QueryError: the condition cannot be read.
    """
    runs = facts.select(index, view.where) if view.where.strip() else list(facts.runs)
    selected = set(view.selected)
    chosen = [run for run in runs if run.name in selected]
    return chosen or runs


def counted_runs(index: Index, facts: Facts, view: View) -> tuple[Sequence[Run], tuple[str, ...]]:
    """Those of the shown runs that count, and the sentence on the others, if there are any.

    Raises:
        QueryError: the condition cannot be read, or none of the shown runs counts.
    """
    shown = shown_runs(index, facts, view)
    kept = counted(shown, view.states)
    return kept, (*left_out(shown, kept), *hidden_sentence(facts))


def hidden_sentence(facts: Facts) -> tuple[str, ...]:
    """That runs are hidden, so that no number is silent about it; none where none is."""
    number = len(facts.hidden)
    if not number:
        return ()
    are = "run is hidden: it is" if number == 1 else "runs are hidden: they are"
    return (f"{number:,} {are} in no number here.",)


def baselines(lines: Sequence[Group], keys: Sequence[Key], facts: Facts) -> tuple[str, ...]:
    """What each group is called as a baseline: "lr=0.01", or a run's name."""
    if len(keys) == 1 and keys[0].name != facts.each_run:
        return tuple(f"{keys[0].short}={line.label}" for line in lines)
    return tuple(line.label for line in lines) if keys else ()
