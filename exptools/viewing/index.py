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
from exptools.viewing.configs.parsing import ConfigTexts
from exptools.viewing.metrics.columns import Columns, Values
from exptools.viewing.metrics.disk_cache import Packs
from exptools.viewing.metrics.logged_rows import Progress
from exptools.viewing.metrics.reading import ProgressCache
from exptools.viewing.metrics.store import MetricStore
from exptools.viewing.readers.formats import Claim, Sweeps, claim, read_claim, updated
from exptools.viewing.readers.nested_metrics import adopt
from exptools.viewing.readers.text_cache import Texts
from exptools.viewing.readers.walk import walk
from exptools.viewing.run import Fault, Run, natural_key
from exptools.viewing.signatures import Signature


@dataclass(frozen=True)
class Snapshot:
    """What an index knew at one moment."""

    runs: tuple[Run, ...] = ()  # in the natural order of their names
    faults: tuple[Fault, ...] = ()  # directories that could not be looked into
    version: int = 0  # grows with every change; ms since 1970 when the index was made, at first


@dataclass(frozen=True)
class _Seen:
    run: Run
    described: Mapping[str, Signature]  # the files that the run was read from
    written: tuple[Signature | None, ...]  # its metric files


class Index:
    """The runs under ``roots``. Safe to use from threads: readers take ``snapshot`` once.

    Args:
        roots: directories to search, or runs themselves; a run below two of them counts once.
        cache: whether to keep what was read in the user's cache directory, for the next time.
    """

    def __init__(self, roots: Sequence[Path], cache: bool = True) -> None:
        self.roots = tuple(dict.fromkeys(Path(os.path.abspath(root)) for root in roots))
        self._base = Path(os.path.commonpath(self.roots))
        # Not from 0, lest a page that outlives its server take the next server's for the same.
        self.snapshot = Snapshot(version=time.time_ns() // 1_000_000)
        self._seen: dict[str, _Seen] = {}
        self._styles: dict[str | None, dict[Hashable, int]] = {}
        place = cache_directory(self.roots) if cache else None
        self._texts = Texts(place and place / "texts.json")
        self._metrics = MetricStore(Packs(place) if place else None)
        self._configs = ConfigTexts()
        self._progress = ProgressCache()
        self._lock = threading.Lock()

    def refresh(self) -> bool:
        """Look again; whether a run came, went, or has changed, its metrics included."""
        with self._lock, collector_paused():
            faults: list[Fault] = []
            sweeps = Sweeps(self._base)
            seen = {
                found.directory: self._look(found, sweeps)
                for found in adopt(walk(self.roots, claim, faults))
            }
            changed = not _same(seen, self._seen) or tuple(faults) != self.snapshot.faults
            if changed:
                runs = sorted((s.run for s in seen.values()), key=lambda run: natural_key(run.name))
                self._progress.keep({run.directory for run in runs})
                self._metrics.keep(seen)
                self._texts.save(_described(seen))
                self._seen = seen
                self.snapshot = Snapshot(tuple(runs), tuple(faults), self.snapshot.version + 1)
            return changed

    def progress(self, run: Run) -> Progress:
        """The rows that a run has logged so far."""
        return self._progress.get(run)

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
        found = self.columns(runs, [x, metric])
        return {name: columns.series(metric, x) for name, columns in found.items()}

    def tags(self, runs: Sequence[Run]) -> list[str]:
        """The metrics that at least one of the runs has, in the order of their first appearance.

        A file's header says so; a column may have no value in any row yet.
        """
        return self._metrics.tags(runs)

    def faults(self, run: Run) -> tuple[Fault, ...]:
        """What could not be read of a run: its config, its status, and its metrics so far read."""
        return (*run.faults, *self._metrics.faults(run))

    def last(self, runs: Sequence[Run]) -> dict[str, Mapping[str, float]]:
        """The values in each run's last row, by run name: from the end of the file, so it is cheap.

        Without the cells that are empty there.
        """
        return {run.name: self._metrics.last(run) for run in runs}

    def styles(self, key: str | None, values: Sequence[Hashable]) -> list[int]:
        """A number for each value of a key: the same at every call, however many come and go."""
        with self._lock:
            known = self._styles.setdefault(key, {})
            return [known.setdefault(value, len(known)) for value in values]

    def _look(self, found: Claim, sweeps: Sweeps) -> _Seen:
        known = self._seen.get(found.directory)
        if known is None or known.described != found.described:
            run = read_claim(found, self._base, sweeps, self._texts, self._configs)
            return _Seen(run, found.described, found.written)
        run = known.run
        if run.status is not None and not run.status.state.ended:
            state = run.status.observed  # its process may have gone meanwhile
            run = run if state is run.state else replace(run, state=state)
        if known.written != found.written or run.source != found.source:
            run = replace(run, source=found.source, updated=updated(found))
        if run is known.run:
            return known
        return _Seen(run, found.described, found.written)


def cache_directory(roots: Sequence[Path]) -> Path:
    """Where what was read below these roots is kept between sessions."""
    from platformdirs import user_cache_path

    name = hashlib.sha256("\0".join(map(str, roots)).encode(errors="surrogateescape")).hexdigest()
    return user_cache_path("exptools") / "view" / name[:32]


def _described(seen: Mapping[str, _Seen]) -> Iterator[str]:
    for directory, known in seen.items():
        for name in known.described:
            yield f"{directory}/{name}"


def _same(new: Mapping[str, _Seen], old: Mapping[str, _Seen]) -> bool:
    return len(new) == len(old) and all(old.get(path) is seen for path, seen in new.items())
