"""Which directories are one run: what lies below a run belongs to it, unless it is one by itself.

A Hydra app that logs with Lightning or torch's SummaryWriter has its config in one directory, and
its metrics in others below it: ``lightning_logs/version_0``, ``tb``. These are one run. So are the
directories of two loggers that stand side by side.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from exptools.rundir import SWEEP_FILE
from exptools.viewing.readers import hydra
from exptools.viewing.readers.combining import combine, with_earlier
from exptools.viewing.readers.formats import DetectedRun
from exptools.viewing.readers.places import Order, attempt, is_split
from exptools.viewing.readers.trackers.resumed import continued
from exptools.viewing.readers.trackers.torch_writer import is_of_same_writer
from exptools.viewing.readers.twins import with_twins, with_two_loggers

Runs = Mapping[str, DetectedRun]  # by directory
Parts = Mapping[str, list[DetectedRun]]  # by the directory that they lie in

_OF_MANY = ("events", "monitor")  # kinds of files that may stand in a directory of several runs


def one_run_each(detected: Iterable[DetectedRun]) -> list[DetectedRun]:
    """The runs, each with all that belongs to it."""
    runs = {run.directory: run for run in detected}
    if all(run.belongs == "never" for run in runs.values()):
        return list(runs.values())
    owners = _owners(runs)
    parts: dict[str, list[DetectedRun]] = {}
    for directory, owner in owners.items():
        if owner != directory:
            parts.setdefault(owner, []).append(runs[directory])
    whole: dict[str, DetectedRun] = {}
    for directory, run in runs.items():
        if directory in parts:
            whole |= _with_parts(run, parts[directory])
        elif owners[directory] == directory:
            whole[directory] = run
    runs = with_two_loggers(_with_splits(_with_torchs(_resumed(whole))))
    return list(with_twins(runs).values())


def _with_parts(run: DetectedRun, parts: Sequence[DetectedRun]) -> dict[str, DetectedRun]:
    """A run with what belongs to it; in a project's own directory older attempts are others."""
    combined = combine(run, parts)
    if (
        not combined.earlier
        or run.reader is not hydra.READER
        or not hydra.is_project(run.directory)
    ):
        return {run.directory: combined}
    others: dict[str, DetectedRun] = {}
    for attempt_at in combined.earlier:
        above = f"{attempt_at.directory}{os.sep}"
        first, *rest = sorted(
            (part for part in parts if f"{part.directory}{os.sep}".startswith(above)),
            key=lambda part: len(part.directory),
        )
        others[first.directory] = combine(first, rest) if rest else first
    return {run.directory: combined._replace(earlier=()), **others}


def _owners(runs: Runs) -> dict[str, str]:
    """The directory of the run that each belongs to: its own if it is one by itself."""
    owners = _Owners(runs, frozenset()).owners
    several = _several(runs, owners)
    return _Owners(runs, several).owners if several else owners


def _several(runs: Runs, owners: Mapping[str, str]) -> frozenset[str]:
    """Those of which a run may have one only, and has several."""
    groups: dict[tuple[str, str], dict[str, object]] = {}
    for directory, owner in owners.items():
        run = runs[directory]
        if owner != directory and run.belongs == "alone":
            parent, name = os.path.split(directory)
            tried = attempt(name)
            group = groups.setdefault((owner, run.reader.name), {})
            group[directory] = (parent, tried.family) if tried else directory
    several = (group for group in groups.values() if len(set(group.values())) > 1)
    return frozenset(directory for group in several for directory in group)


class _Owners:
    """Which run each of some directories belongs to, of which some are by themselves."""

    def __init__(self, runs: Runs, by_themselves: frozenset[str]) -> None:
        self.owners: dict[str, str] = {}
        self._runs = runs
        self._shortest = min(map(len, runs))
        self._found: dict[tuple[str, bool], str | None] = {}
        for directory in sorted(runs, key=len):  # what is above comes first
            run = runs[directory]
            nested = run.belongs != "never" and directory not in by_themselves
            above = self._above(run) if nested else None
            self.owners[directory] = above or directory

    def _above(self, part: DetectedRun) -> str | None:
        """The nearest run above a directory that takes it; none beyond a sweep's directory."""
        events = _has_only_events(part)
        passed, owner = [], None
        here = os.path.dirname(part.directory)
        while (here, events) not in self._found:
            passed.append((here, events))
            owner = self.owners.get(here)
            if owner is not None and self._takes(self._runs[owner], events=events):
                break
            owner = None
            above = os.path.dirname(here)
            if len(above) < self._shortest or os.path.isfile(os.path.join(here, SWEEP_FILE)):
                break
            here = above
        else:
            owner = self._found[here, events]
        self._found.update(dict.fromkeys(passed, owner))
        return owner

    def _takes(self, run: DetectedRun, *, events: bool) -> bool:
        """Whether what is below a run belongs to it.

        What has no config takes event files only, and nothing where other runs are below it, too:
        it may be a stray file in a directory of runs. Event files alone take nothing, as in
        TensorBoard, nor do monitors, which the trainings of a directory may share.
        """
        if run.belongs != "always":
            return True
        is_run = any(source.kind not in _OF_MANY for source in run.sources)
        return is_run and events and run.directory not in self._above_others

    @cached_property
    def _above_others(self) -> set[str]:
        """The directories above runs that have more than event files."""
        above: set[str] = set()
        for directory, run in self._runs.items():
            here = directory
            while not _has_only_events(run) and len(here) > self._shortest:
                here = os.path.dirname(here)
                if here in above:
                    break
                above.add(here)
        return above


def _has_only_events(run: DetectedRun) -> bool:
    kinds = {source.kind for source in run.sources}
    return run.belongs == "always" and kinds == {"events"}


def _resumed(runs: dict[str, DetectedRun]) -> dict[str, DetectedRun]:
    """The runs, those that were resumed under the id of an earlier one as one run."""
    groups: dict[tuple[str, ...], list[tuple[Order, str]]] = {}
    for directory, run in runs.items():
        parent, name = os.path.split(directory)
        tried = attempt(name) if run.belongs == "alone" else None
        if tried and tried.is_resumed:
            groups.setdefault((parent, *tried.family), []).append((tried.order, directory))
    for group in groups.values():
        *older, newest = (directory for _, directory in sorted(group))
        if older:
            before = [runs.pop(one) for one in older]
            runs[newest] = with_earlier(continued(runs[newest], before), before)
    return runs


def _with_torchs(runs: dict[str, DetectedRun]) -> dict[str, DetectedRun]:
    """The runs, each with what torch's SummaryWriter has put into directories below its own."""
    inside: dict[str, list[DetectedRun]] = {}
    for directory, run in runs.items():
        parent, name = os.path.split(directory)
        above = runs.get(parent)
        have_events = above and _has_only_events(run) and _has_only_events(above)
        if above and have_events and is_of_same_writer(name, _files(run), _files(above)):
            inside.setdefault(parent, []).append(run)
    for directory, parts in _deepest_first(inside):
        runs[directory] = combine(runs[directory], [runs.pop(part.directory) for part in parts])
    return runs


def _deepest_first(inside: Parts) -> list[tuple[str, list[DetectedRun]]]:
    """What lies in directories, so that a part has its own parts before it becomes one."""
    return sorted(inside.items(), key=lambda its: len(its[0]), reverse=True)


def _files(run: DetectedRun) -> list[str]:
    return [file for source in run.sources for file in source.files]


def _with_splits(runs: dict[str, DetectedRun]) -> dict[str, DetectedRun]:
    """The runs, those of one training as one: Keras writes ``train`` and ``validation`` apart.

    What it writes of the training as a whole, such as its hyperparameters, stands above both;
    TensorFlow's Estimator writes the training there, and only ``eval`` below it.
    """
    inside: dict[str, list[DetectedRun]] = {}
    for directory, run in runs.items():
        if run.belongs == "always":
            inside.setdefault(os.path.dirname(directory), []).append(run)
    for directory, parts in _deepest_first(inside):
        splits = [part for part in parts if is_split(os.path.basename(part.directory))]
        above = runs.get(directory)
        alone = len(splits) == len(parts) and all(map(_has_only_events, parts))
        if alone and (_has_only_events(above) if above else len(parts) > 1):
            training = above or DetectedRun(directory, parts[0].reader, {}, (), ())
            runs[directory] = combine(training, [runs.pop(part.directory) for part in parts])
    return runs
