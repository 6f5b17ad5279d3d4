"""A run and what belongs to it → one run: its sources, the best first, and its earlier attempts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from exptools.rundir import PROGRESS_CSV, STEP, WALL_TIME
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.readers.formats import DetectedRun, but_logs, updated
from exptools.viewing.readers.places import (
    MANY,
    Order,
    Place,
    attempt,
    begun_at,
    is_logger,
    prefixes,
)
from exptools.viewing.readers.tabular.csv_logs import beginning
from exptools.viewing.readers.tabular.hparams import HPARAMS, differing, label
from exptools.viewing.readers.trackers.resumed import continued
from exptools.viewing.run import EarlierAttempt, Source, SourceKind, natural_key
from exptools.viewing.signatures import Signature

_BEGUN = f"{STEP},{WALL_TIME}\n".encode()


def combine(run: DetectedRun, parts: Sequence[DetectedRun]) -> DetectedRun:
    """A run with those below it that belong to it: of several attempts the newest."""
    placed = {_place(part, run): part for part in parts}
    older, names = _attempts(placed)
    now: dict[Place, DetectedRun] = {}
    before: dict[Place, list[DetectedRun]] = {}
    for place, part in placed.items():
        above = (place[:depth] for depth in range(1, len(place) + 1))
        tried = next(filter(older.__contains__, above), None) if older else None
        if tried is None:
            now[place] = part
        else:
            before.setdefault(tried, []).append(part)
    resumed = [placed[place] for place in before if place in placed]
    now = {place: continued(part, resumed) for place, part in now.items()} if resumed else now
    earlier = tuple(
        _earlier(os.path.join(run.directory, *place), before[place])
        for place in sorted(before, key=_in_order)
    )
    return _with_sources_of(run, now, names)._replace(earlier=earlier)


def stand_beside(runs: Sequence[DetectedRun]) -> DetectedRun:
    """One run of several that different loggers wrote side by side; it is where the best one is."""
    best, *others = sorted(runs, key=lambda run: (_is_events(run.sources[0]), run.directory))
    return _with_sources_of(best, {_place(other, best): other for other in others}, plain=True)


def with_earlier(run: DetectedRun, attempts: Iterable[DetectedRun]) -> DetectedRun:
    """A run with earlier attempts at it."""
    tried = (_earlier(one.directory, [one]) for one in attempts)
    return run._replace(earlier=(*run.earlier, *tried))


def _with_sources_of(
    run: DetectedRun,
    parts: Mapping[Place, DetectedRun],
    names: Mapping[Place, str] = MappingProxyType({}),
    *,
    plain: bool = False,
) -> DetectedRun:
    """A run with the metrics of others, and what these say of it as a whole.

    Args:
        run: the run.
        parts: the others, by their places.
        names: what some directories are called in the names of their metrics.
        plain: their metrics keep their names.
    """
    nearest_first = sorted(parts, key=lambda place: (len(place), _in_order(place)))
    placed = {(): run, **{place: parts[place] for place in nearest_first}}
    kinds = {place: its for place, part in placed.items() if (its := _kinds(part))}
    called = tuple((_called(place, names), its) for place, its in kinds.items())
    named = {} if plain else dict(zip(kinds, prefixes(called), strict=True))
    sources = [
        source._replace(prefix=named.get(place, "") + source.prefix)
        for place, part in placed.items()
        for source in part.sources
    ]
    sources.sort(key=_is_events)  # last: they often repeat the others, as float32
    signatures: dict[str, Signature | None] = {}
    for part in placed.values():
        signatures |= part.signatures
    said = {
        f"{'/'.join(place)}/{name}": signature
        for place, part in parts.items()
        for name, signature in part.described.items()
    }
    values = (f"{'/'.join(place)}/{name}" for place, part in parts.items() for name in part.values)
    return run._replace(
        sources=tuple(sources),
        written=tuple(signatures[file] for source in sources for file in source.files),
        described={**run.described, **said},
        values=(*run.values, *values),
        unread=but_logs(run.unread) if sources else run.unread,
        writers=(*run.writers, *(p for p in parts.values() if len(p.described) > len(p.values))),
    )


@dataclass(frozen=True)
class _Try:
    """An attempt below a run."""

    place: Place
    order: Order  # the newest has the largest
    begun: float | None  # Unix seconds, where known
    updated: float | None  # Unix seconds


def _kinds(run: DetectedRun) -> frozenset[SourceKind]:
    """The kinds of files that a run has; ours not, which is begun in any run, while it is empty."""
    begun = f"{run.directory}/{PROGRESS_CSV}"
    signatures = run.signatures
    return frozenset(
        source.kind
        for source in run.sources
        if source.files != (begun,) or not _is_empty(begun, signatures[begun])
    )


def _is_empty(file: str, signature: Signature | None) -> bool:
    """Whether a file has no more than our header; a short one has rows where it is another's."""
    if signature is None or signature.size > len(_BEGUN):
        return signature is None
    return not signature.size or beginning(file) == _BEGUN


def _called(place: Place, names: Mapping[Place, str]) -> Place:
    """A place, of which some directories have other names."""
    if not names:
        return place
    return tuple(names.get(place[: at + 1], name) for at, name in enumerate(place))


def _attempts(
    placed: Mapping[Place, DetectedRun],
) -> tuple[frozenset[Place], Mapping[Place, str]]:
    """The directories of attempts to which there is a newer one; and names for what is no attempt.

    What is numbered as attempts are, and differs in its hyperparameters, is none: it may be a fold.
    """
    parts: dict[Place, list[DetectedRun]] = {}
    for place, part in placed.items():
        for depth, name in enumerate(place):
            if attempt(name) and (part.sources or part.belongs == "alone"):
                parts.setdefault(place[: depth + 1], []).append(part)
    if len({place[-1] for place in parts}) < 2:
        return frozenset(), {}  # one attempt, of one logger or several
    families: dict[tuple[Place, tuple[str, ...]], list[_Try]] = {}
    for place, its in parts.items():
        files = tuple(os.path.basename(file) for part in its for file in part.signatures)
        if tried := attempt(place[-1], files):
            # The attempts of two loggers are the same: csv/version_1 is newer than tb/version_0.
            where = tuple(name for name in place[:-1] if not is_logger(name))
            last = updated(signature for part in its for signature in part.written)
            one = _Try(place, tried.order, begun_at(files), last)
            families.setdefault((where, tried.family), []).append(one)
    names: dict[Place, str] = {}
    older: list[Place] = []
    for family in families.values():
        for same in _with_same_settings(family, parts, names):
            older += _older_of(same)
    return frozenset(older), names


def _with_same_settings(
    family: Sequence[_Try], parts: Mapping[Place, Sequence[DetectedRun]], names: dict[Place, str]
) -> Iterable[Sequence[_Try]]:
    """The tries of a family, those with the same hyperparameters together.

    ``names`` gets a name for each that has others than the rest.
    """
    files: dict[Place, tuple[str, Signature]] = {}
    for one in family:
        for part in parts[one.place]:
            if HPARAMS in part.described:
                files.setdefault(
                    one.place, (f"{part.directory}/{HPARAMS}", part.described[HPARAMS])
                )
    settings = dict(zip(files, differing(files.values()), strict=True))
    if not any(settings.values()):
        return [family]
    # Of two loggers one may not write them.
    of_order = {one.order: settings[one.place] for one in family if one.place in settings}
    groups: dict[Any, list[_Try]] = {}
    for one in family:
        its = settings.get(one.place, of_order.get(one.order, {}))
        groups.setdefault(comparison_key(its), []).append(one)
        if name := label(its):
            names[one.place] = name
    return groups.values()


def _older_of(family: Sequence[_Try]) -> Iterator[Place]:
    """Those of a family that are not the newest."""
    newest: dict[Place, _Try] = {}  # of each logger
    for one in sorted(family, key=lambda one: one.order):
        newest[one.place[:-1]] = one
    last = max(newest.values(), key=lambda one: (one.order, one.begun or 0))
    for one in family:
        is_older = one.order < newest[one.place[:-1]].order
        if is_older or (one.order < last.order and _was_before(one, last)):
            yield one.place


def _was_before(one: _Try, last: _Try) -> bool:
    """Whether an attempt of one logger was over when another's was begun.

    They may count otherwise, as one of them wrote nothing in the first attempt.
    """
    return last.begun is None or one.updated is None or one.updated < last.begun


def _earlier(directory: str, parts: Iterable[DetectedRun]) -> EarlierAttempt:
    parts = list(parts)
    sources = sorted((source for part in parts for source in part.sources), key=_is_events)
    last = updated(signature for part in parts for signature in part.written)
    return EarlierAttempt(Path(directory), tuple(sources), last)


def _place(part: DetectedRun, run: DetectedRun) -> Place:
    above = run.directory.rstrip(os.sep) + os.sep
    if part.directory.startswith(above):
        return tuple(part.directory[len(above) :].split(os.sep))
    return tuple(os.path.relpath(part.directory, run.directory).split(os.sep))


@lru_cache(MANY)
def _in_order(place: Place) -> Any:
    return natural_key("/".join(place))


def _is_events(source: Source) -> bool:
    return source.kind == "events"
