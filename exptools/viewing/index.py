"""Find the runs under some directories, and notice what has changed since the last look."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from exptools.gc_pause import collector_paused
from exptools.rundir import STEP
from exptools.viewing.configs.parsing import YamlParser
from exptools.viewing.metrics.columns import Columns, Values
from exptools.viewing.metrics.disk_cache import DiskCache
from exptools.viewing.metrics.run_metrics import RunMetrics
from exptools.viewing.metrics.store import MetricStore
from exptools.viewing.readers.formats import (
    DetectedRun,
    Sweeps,
    detect_format,
    read_run,
    updated,
)
from exptools.viewing.readers.nesting import one_run_each
from exptools.viewing.readers.text_cache import TextCache
from exptools.viewing.readers.walk import walk
from exptools.viewing.run import Fault, Run, natural_key
from exptools.viewing.signatures import Signature


@dataclass(frozen=True)
class IndexSnapshot:
    """What an index knew at one moment."""

    runs: tuple[Run, ...] = ()  # in the natural order of their names
    faults: tuple[Fault, ...] = ()  # directories that could not be looked into
    version: int = 0  # grows with every change; ms since 1970 when the index was made, at first


@dataclass(frozen=True)
class _Seen:
    run: Run
    described: Mapping[str, Signature]  # the files that the run was read from
    written: tuple[Signature | None, ...]  # its metrics' files


class Index:
    """The runs under ``roots``. Safe to use from threads: readers take ``snapshot`` once.

    Args:
        roots: directories to search, or runs themselves; a run below two of them counts once.
        cache: whether to keep what was read in the user's cache directory, for the next time.
    """

    def __init__(self, roots: Sequence[Path], *, cache: bool = True) -> None:
        self.roots = tuple(dict.fromkeys(Path(os.path.abspath(root)) for root in roots))
        self._base = Path(os.path.commonpath(self.roots))
        # Not from 0, lest a page that outlives its server take the next server's for the same.
        self.snapshot = IndexSnapshot(version=time.time_ns() // 1_000_000)
        self._seen: dict[str, _Seen] = {}
        self._styles: dict[str | None, dict[Hashable, int]] = {}
        place = cache_directory(self.roots) if cache else None
        self._texts = TextCache(place and place / "texts.json")
        self._metrics = RunMetrics(MetricStore(DiskCache(place) if place else None))
        self._configs = YamlParser()
        self._lock = threading.Lock()  # one looks at a time
        self._styles_lock = threading.Lock()

    def refresh(self) -> bool:
        """Look again; whether a run came, went, or has changed, its metrics included."""
        with self._lock, collector_paused():
            faults: list[Fault] = []
            sweeps = Sweeps(self._base)
            detected = one_run_each(walk(self.roots, detect_format, faults))
            seen = {run.directory: self._look(run, sweeps) for run in detected}
            changed = not _same(seen, self._seen) or tuple(faults) != self.snapshot.faults
            if changed:
                runs = sorted((s.run for s in seen.values()), key=lambda run: natural_key(run.name))
                self._metrics.keep(runs)
                self._texts.save(_described(seen))
                self._seen = seen
                self.snapshot = IndexSnapshot(tuple(runs), tuple(faults), self.snapshot.version + 1)
            return changed

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
        return self._metrics.tags(runs)

    def faults(self, run: Run) -> tuple[Fault, ...]:
        """What could not be read of a run: its config, its status, and its metrics so far read."""
        return (*run.faults, *self._metrics.faults(run))

    def last(self, runs: Sequence[Run]) -> dict[str, Mapping[str, float]]:
        """The values in each run's last row, by run name: from the end of the file, thus cheap."""
        return {run.name: self._metrics.last(run) for run in runs}

    def styles(self, key: str | None, values: Sequence[Hashable]) -> list[int]:
        """A number for each value of a key: the same at every call, however many come and go."""
        with self._styles_lock:
            numbers = self._styles.setdefault(key, {})
            return [numbers.setdefault(value, len(numbers)) for value in values]

    def _look(self, detected: DetectedRun, sweeps: Sweeps) -> _Seen:
        before = self._seen.get(detected.directory)
        if before is None or before.described != detected.described:
            run = read_run(detected, self._base, sweeps, self._texts, self._configs)
            return _Seen(run, detected.described, detected.written)
        run = before.run
        if run.status is not None and not run.status.state.ended:
            state = run.status.observed  # its process may have gone meanwhile
            run = run if state is run.state else replace(run, state=state)
        sources, earlier = detected.sources, detected.earlier
        if before.written != detected.written or (run.sources, run.earlier) != (sources, earlier):
            last = updated(detected.written)
            run = replace(run, sources=sources, earlier=earlier, updated=last)
        if run is before.run:
            return before
        return _Seen(run, detected.described, detected.written)


def cache_directory(roots: Sequence[Path]) -> Path:
    """Where what was read below these roots is kept between sessions."""
    from platformdirs import user_cache_path

    name = hashlib.sha256("\0".join(map(str, roots)).encode(errors="surrogateescape")).hexdigest()
    return user_cache_path("exptools") / "view" / name[:32]


def _described(seen: Mapping[str, _Seen]) -> Iterator[str]:
    for directory, run in seen.items():
        for name in run.described:
            yield f"{directory}/{name}"


def _same(new: Mapping[str, _Seen], old: Mapping[str, _Seen]) -> bool:
    return len(new) == len(old) and all(old.get(path) is seen for path, seen in new.items())
