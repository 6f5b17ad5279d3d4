"""One run that two loggers have written side by side, with no run above them to say so."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from exptools.viewing.readers.combining import stand_beside
from exptools.viewing.readers.formats import DetectedRun
from exptools.viewing.readers.places import Place, attempt, names_logger
from exptools.viewing.readers.tabular.hparams import HPARAMS, text_of

MOMENT = 5.0  # s in which Lightning writes the hyperparameters for all of its loggers


def with_two_loggers(runs: dict[str, DetectedRun]) -> dict[str, DetectedRun]:
    """The runs, those that two loggers wrote side by side as one, as ``csv/run_1``, ``tb/run_1``.

    Nothing above says that they are one. So they are only if both loggers have the same attempts,
    and no kind of files in common.
    """
    places: dict[Place, dict[Place, dict[Place, DetectedRun]]] = {}
    for run in runs.values():
        if run.belongs == "always" and run.sources:
            names = tuple(run.directory.split(os.sep))
            loggers = tuple(name for name in names if names_logger(name))
            number = tuple(name for name in names[-1:] if attempt(name))
            rest = tuple(name for name in names if name not in loggers)
            place = rest[: len(rest) - len(number)]
            places.setdefault(place, {}).setdefault(loggers, {})[number] = run
    for by_logger in places.values():
        first, *others = by_logger.values()
        if others and all(one.keys() == first.keys() for one in others):
            for number, run in first.items():
                beside = [one[number] for one in others]
                if _are_complementary([run, *beside]):
                    _join(runs, [run, *beside])
    return runs


def with_twins(runs: dict[str, DetectedRun]) -> dict[str, DetectedRun]:
    """The runs, one that two loggers wrote to places of different names as one.

    Lightning writes the same hyperparameters to both at the same moment, and gives both the same
    number. If that is so of more than the two, nothing tells which belong together.
    """
    named: dict[str, list[DetectedRun]] = {}
    for run in runs.values():
        if run.sources and set(run.described) == {HPARAMS}:
            named.setdefault(os.path.basename(run.directory), []).append(run)
    for group in filter(_have_several_kinds, named.values()):
        alike: dict[str, list[DetectedRun]] = {}
        for run in group:
            if settings := text_of(f"{run.directory}/{HPARAMS}", run.described[HPARAMS]):
                alike.setdefault(settings, []).append(run)
        for twins in (part for its in alike.values() for part in _at_one_moment(its)):
            if len(twins) > 1 and _are_complementary(twins):
                _join(runs, twins)
    return runs


def _have_several_kinds(runs: Sequence[DetectedRun]) -> bool:
    return len({frozenset(source.kind for source in run.sources) for run in runs}) > 1


def _join(runs: dict[str, DetectedRun], twins: Sequence[DetectedRun]) -> None:
    whole = stand_beside(twins)
    for one in twins:
        del runs[one.directory]
    runs[whole.directory] = whole


def _at_one_moment(group: Sequence[DetectedRun]) -> Iterator[list[DetectedRun]]:
    """Runs whose hyperparameters were written within moments of each other."""
    written = sorted(group, key=lambda run: run.described[HPARAMS].mtime_ns)
    moment: list[DetectedRun] = []
    for run in written:
        since = run.described[HPARAMS].mtime_ns
        if moment and since - moment[-1].described[HPARAMS].mtime_ns > MOMENT * 1e9:
            yield moment
            moment = []
        moment.append(run)
    if moment:
        yield moment


def _are_complementary(runs: Sequence[DetectedRun]) -> bool:
    kinds = [source.kind for run in runs for source in run.sources]
    return len(set(kinds)) == len(kinds)
