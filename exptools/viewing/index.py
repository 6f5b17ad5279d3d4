"""Find the runs under some directories, and notice what has changed since the last look."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from platformdirs import user_cache_path

from exptools.gc_pause import collector_paused
from exptools.rundir import STEP
from exptools.viewing.configs.parsing import YamlParser
from exptools.viewing.configs.secrets import Secrets
from exptools.viewing.metrics.columns import Columns, Values
from exptools.viewing.metrics.disk_cache import DiskCache
from exptools.viewing.metrics.run_metrics import RunMetrics
from exptools.viewing.metrics.store import MetricStore
from exptools.viewing.metrics.usage import resources_of
from exptools.viewing.readers.formats import (
    DetectedRun,
    Sweeps,
    read_run,
    updated,
)
from exptools.viewing.readers.hiding import HiddenSecrets
from exptools.viewing.readers.memory.directories import DirectoryMemory
from exptools.viewing.readers.memory.texts import TextCache
from exptools.viewing.readers.nesting import one_run_each
from exptools.viewing.readers.ours.foreseen import with_siblings
from exptools.viewing.readers.walk import walk
from exptools.viewing.run import Fault, Run, natural_key
from exptools.viewing.signatures import SETTLED


@dataclass(frozen=True)
class IndexSnapshot:
    """What an index knew at one moment."""

    runs: tuple[Run, ...] = ()  # in the natural order of their names
    faults: tuple[Fault, ...] = ()  # directories that could not be looked into
    version: int = 0  # grows with every change; ms since 1970 when the index was made, at first


class Look(NamedTuple):
    """A look at the disk."""

    end: float  # on the monotonic clock
    seconds: float  # that it took


class _Seen(NamedTuple):
    run: Run
    detected: DetectedRun  # as it was when the run was found to be so
    read: float  # Unix seconds: shortly before its files were read


class Index:
    """The runs under ``roots``. Safe to use from threads: readers take ``snapshot`` once.

    Args:
        roots: directories to search, or runs themselves; a run below two of them counts once.
        cache: whether to keep what was read in the user's cache directory, for the next time.
        show_secrets: whether values of keys such as ``api_key`` are shown.
    """

    def __init__(
        self, roots: Sequence[Path], *, cache: bool = True, show_secrets: bool = False
    ) -> None:
        self.roots = tuple(dict.fromkeys(Path(os.path.abspath(root)) for root in roots))
        self._base = Path(os.path.commonpath(self.roots))
        self._cached = cache
        self.secrets = None if show_secrets else Secrets()
        self.hiding = HiddenSecrets(self.secrets)
        # Not from 0, lest a page that outlives its server take the next server's for the same.
        self.snapshot = IndexSnapshot(version=time.time_ns() // 1_000_000)
        self.last_look: Look | None = None
        self.told: set[Fault | str] = set()  # faults, and runs that have gone, that were warned of
        self._seen: dict[str, _Seen] = {}
        self._styles: dict[str | None, dict[Hashable, int]] = {}
        place = cache_directory(self.roots) if cache else None
        self._directories = DirectoryMemory(place and place / "directories.json")
        self._texts = TextCache(place and place / "texts.json")
        self._metrics = RunMetrics(MetricStore(DiskCache(place) if place else None))
        self._configs = YamlParser()
        self._lock = threading.Lock()  # one looks at a time
        self._styles_lock = threading.Lock()

    def joined(self, other: Index) -> Index:
        """An index of the roots of both, which has looked."""
        both = Index(
            (*self.roots, *other.roots),
            cache=self._cached and other._cached,
            show_secrets=self.secrets is None and other.secrets is None,
        )
        both.refresh()
        return both

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process it is another index of the same roots, which has yet to look."""
        return _reopened, (self.roots, self._cached, self.snapshot.faults, self.secrets is None)

    def refresh(self) -> bool:
        """Look again; whether a run came, went, or has changed, its metrics included."""
        with self._lock, collector_paused():
            start = time.monotonic()
            found_faults: list[Fault] = []
            sweeps = Sweeps(self._base)
            detected = one_run_each(walk(self.roots, self._directories.detect, found_faults))
            self._directories.forget_others()
            seen = {run.directory: self._look(run, sweeps) for run in detected}
            self._seen, before = seen, self._seen
            faults = self.hiding.faults(found_faults)
            changed = not _same(seen, before) or faults != self.snapshot.faults
            if changed:
                found = sorted((s.run for s in seen.values()), key=lambda r: natural_key(r.name))
                runs = self.hiding.runs(with_siblings(found))
                self._metrics.keep(runs)
                self._texts.save({path: run.detected.described for path, run in seen.items()})
                self.snapshot = IndexSnapshot(tuple(runs), faults, self.snapshot.version + 1)
            end = time.monotonic()
            self.last_look = Look(end, end - start)
            return changed

    def renew(self) -> None:
        """Let what was computed of the runs be computed anew: the version grows, they stay."""
        with self._lock:
            self.snapshot = replace(self.snapshot, version=self.snapshot.version + 1)

    def columns(self, runs: Sequence[Run], names: Sequence[str]) -> dict[str, Columns]:
        """Some columns of the runs' metrics, by run name; ``"step"`` and ``"wall_time"`` are two.

        Nothing else is read. A column that a run does not have is missing from its ``Columns``.
        What could not be read is in ``faults``.
        """
        return self._metrics.columns(runs, names)

    def series(
        self, runs: Sequence[Run], metric: str, x: str = STEP
    ) -> dict[str, tuple[Values, Values]]:
        """x and y of a metric, by run name: the rows that have both, a logged NaN included."""
        by_run = self.columns(runs, [x, metric])
        return {name: columns.series(metric, x) for name, columns in by_run.items()}

    def tags(self, runs: Sequence[Run]) -> list[str]:
        """The metrics that at least one of the runs has, in the order of their first appearance.

        A file's header says so; a column may have no value in any row yet.
        """
        return list(self._metrics.runs_by_tag(runs))

    def runs_by_tag(self, runs: Sequence[Run]) -> Mapping[str, int]:
        """How many of the runs have each metric; see ``tags``."""
        return self._metrics.runs_by_tag(runs)

    def resources(self, runs: Sequence[Run]) -> tuple[str, ...]:
        """What was sampled of the runs' use, as metrics: ``usage/cpu_percent`` and the like."""
        return resources_of(runs)

    def every_metric(self, runs: Sequence[Run]) -> list[str]:
        """The names of all that has a curve: ``tags``, and behind them ``resources``."""
        tags = self.tags(runs)
        return [*tags, *(name for name in self.resources(runs) if name not in tags)]

    def faults(self, run: Run) -> tuple[Fault, ...]:
        """What could not be read of a run: its config, its status, and its metrics so far read."""
        return (*vars(run)["faults"], *self.metric_faults(run))

    def metric_faults(self, run: Run) -> tuple[Fault, ...]:
        """What could not be read of a run's metrics so far read."""
        return self.hiding.faults(self._metrics.faults(run), run)

    def faulty(self, runs: Sequence[Run]) -> list[Run]:
        """Those of the runs that have faults; soon said, for there may be many without."""
        read = self._metrics.has_faults()
        return [run for run in runs if run.faults or (read and self._metrics.faults(run))]

    def counted_by(self, run: Run, metric: str) -> tuple[str | None, ...]:
        """Which column counts the steps of a metric that was read: None where its rows are counted.

        Nothing where the run has no such metric.
        """
        return self._metrics.counted_by(run, metric)

    def last(self, runs: Sequence[Run], metric: str) -> list[float]:
        """The value in each run's last row, NaN where there is none.

        It is taken from what is known of the run, else from the end of its file: thus cheap.
        """
        return [self._metrics.last(run, metric) for run in runs]

    def styles(self, key: str | None, values: Sequence[Hashable]) -> list[int]:
        """A number for each value of a key: the same at every call, however many come and go."""
        with self._styles_lock:
            numbers = self._styles.setdefault(key, {})
            return [numbers.setdefault(value, len(numbers)) for value in values]

    def _look(self, detected: DetectedRun, sweeps: Sweeps) -> _Seen:
        before = self._seen.get(detected.directory)
        if before is None or _is_described_anew(detected, before):
            now = time.time()
            run = read_run(detected, self._base, sweeps, self._texts, self._configs)
            return _Seen(before.run if before and run == before.run else run, detected, now)
        run = before.run
        if run.sweep != (sweep := sweeps.of(detected.directory)):
            run = replace(run, sweep=sweep)
        if run.status is not None and not run.status.state.ended:
            state = run.status.observed  # its process may have gone meanwhile
            run = run if state is run.state else replace(run, state=state)
        if detected is not before.detected:
            sources, earlier = detected.sources, detected.earlier
            last = updated(detected.written)
            found = (sources, earlier, detected.written)
            if found != (run.sources, run.earlier, before.detected.written):
                run = replace(run, sources=sources, earlier=earlier, updated=last)
            if run.unread != detected.unread:
                run = replace(run, unread=detected.unread)
        if run is before.run and detected is before.detected:
            return before
        return _Seen(run, detected, before.read)


def _reopened(
    roots: Sequence[Path],
    cached: bool,  # noqa: FBT001 (as pickle calls it)
    faults: tuple[Fault, ...],
    show_secrets: bool,  # noqa: FBT001
) -> Index:
    index = Index(roots, cache=cached, show_secrets=show_secrets)
    index.snapshot = replace(index.snapshot, faults=faults)
    return index


_IN_USE: WeakValueDictionary[tuple[bool, tuple[Path, ...]], Index] = WeakValueDictionary()


if hasattr(os, "register_at_fork"):
    # In a forked child nobody would give back the locks that the parent's threads were holding.
    os.register_at_fork(after_in_child=_IN_USE.clear)


def index_of(roots: Sequence[Path], *, show_secrets: bool = False) -> Index:
    """The index of these directories that is in use in this process, else a new one.

    So a second look costs little more than to list directories, and finds the metrics read.
    """
    new = Index(roots, show_secrets=show_secrets)
    return _IN_USE.setdefault((show_secrets, new.roots), new)


def cache_directory(roots: Sequence[Path]) -> Path:
    """Where what was read below these roots is kept between sessions."""
    name = hashlib.sha256("\0".join(map(str, roots)).encode(errors="surrogateescape")).hexdigest()
    return user_cache_path("exptools") / "view" / name[:32]


def _is_described_anew(detected: DetectedRun, before: _Seen) -> bool:
    """Whether the files that describe a run may say something else than when it was read."""
    if detected is before.detected:
        return False
    if detected.reader is not before.detected.reader:
        return True
    last = max((s.mtime_ns for s in detected.described.values()), default=0)
    was_settled = before.read - last / 1e9 > SETTLED
    return not was_settled or detected.described != before.detected.described


def _same(new: Mapping[str, _Seen], old: Mapping[str, _Seen]) -> bool:
    return len(new) == len(old) and all(
        path in old and old[path].run is seen.run for path, seen in new.items()
    )
