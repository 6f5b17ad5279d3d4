"""Find the runs under some directories, and notice what has changed since the last look."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import join
from pathlib import Path
from types import MappingProxyType

from exptools.rundir import EXPTOOLS_DIR, HYDRA_CONFIG, HYDRA_DIR, PROGRESS_CSV, STATUS_FILE, STEP
from exptools.viewing.columns import Columns, Values, column_of, read_only
from exptools.viewing.progress import Progress, ProgressCache, Signature, file_signature
from exptools.viewing.readers import is_run, read_run, run_name
from exptools.viewing.runs import Fault, Run, natural_key

PARTS_OF_A_RUN = ("media", "snapshots")  # and what is hidden; no run is looked for in there


@dataclass(frozen=True)
class Snapshot:
    """What an index knew at one moment."""

    runs: tuple[Run, ...] = ()  # in the natural order of their names
    faults: tuple[Fault, ...] = ()  # directories that could not be looked into
    version: int = 0  # grows with every change; ms since 1970 when the index was made, at first


@dataclass(frozen=True)
class _Seen:
    run: Run
    described: tuple[Signature | None, ...]  # of the files that the run was read from
    progress: Signature | None


class Index:
    """The runs under ``roots``. Safe to use from threads: readers take ``snapshot`` once.

    Args:
        roots: directories to search, or runs themselves; a run below two of them counts once.
        cache: whether to keep what was read in the user's cache directory, for the next time.
    """

    def __init__(self, roots: Sequence[Path], cache: bool = True) -> None:
        self._cached = cache
        self.roots = tuple(dict.fromkeys(Path(os.path.abspath(root)) for root in roots))
        self._base = Path(os.path.commonpath(self.roots))
        # Not from 0, lest a page that outlives its server take the next server's for the same.
        self.snapshot = Snapshot(version=time.time_ns() // 1_000_000)
        self._seen: dict[Path, _Seen] = {}
        self._styles: dict[str | None, dict[Hashable, int]] = {}
        self._progress = ProgressCache()
        self._lock = threading.Lock()

    def refresh(self) -> bool:
        """Look again; whether a run came, went, or has changed, its progress.csv included."""
        with self._lock:
            found, faults = self._walk()
            seen = {directory: self._look(directory) for directory in found}
            ordered = sorted((s.run for s in seen.values()), key=lambda run: natural_key(run.name))
            changed = seen != self._seen or tuple(faults) != self.snapshot.faults
            if changed:
                self._progress.keep(set(seen))
                self._seen = seen
                version = self.snapshot.version + 1
                self.snapshot = Snapshot(tuple(ordered), tuple(faults), version)
            return changed

    def progress(self, run: Run) -> Progress:
        """The rows that a run has logged so far."""
        return self._progress.get(run)

    def columns(self, runs: Sequence[Run], names: Sequence[str]) -> dict[str, Columns]:
        """Some columns of the runs' metrics, by run name; ``"step"`` and ``"wall_time"`` are two.

        Nothing else is read. A column that a run does not have is missing from its ``Columns``.
        What could not be read is in ``faults``.
        """
        return {run.name: _columns(self.progress(run), names) for run in runs}

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
        return list(dict.fromkeys(tag for run in runs for tag in self.progress(run).tags))

    def faults(self, run: Run) -> tuple[Fault, ...]:
        """What could not be read of a run: its config, its status, and its metrics so far read."""
        return (*run.faults, *self.progress(run).faults)

    def last(self, runs: Sequence[Run]) -> dict[str, Mapping[str, float]]:
        """The values in each run's last row, by run name: from the end of the file, so it is cheap.

        Without the cells that are empty there.
        """
        found: dict[str, Mapping[str, float]] = {}
        for run in runs:
            rows = self.progress(run).frame.tail(1).to_dicts()
            cells = rows[0] if rows else {}
            found[run.name] = {name: value for name, value in cells.items() if value is not None}
        return found

    def styles(self, key: str | None, values: Sequence[Hashable]) -> list[int]:
        """A number for each value of a key: the same at every call, however many come and go."""
        with self._lock:
            known = self._styles.setdefault(key, {})
            return [known.setdefault(value, len(known)) for value in values]

    def _walk(self) -> tuple[list[Path], list[Fault]]:
        faults: list[Fault] = []
        return list(_run_directories(self.roots, faults)), faults

    def _look(self, directory: Path) -> _Seen:
        described = tuple(file_signature(directory / file) for file in (HYDRA_CONFIG, STATUS_FILE))
        progress = file_signature(directory / PROGRESS_CSV)
        known = self._seen.get(directory)
        if known is None or known.described != described:
            return _Seen(self._read(directory), described, progress)
        run = known.run
        if run.status is not None and not run.status.state.ended:
            run = replace(run, state=run.status.observed)  # its process may have gone meanwhile
        return _Seen(run, described, progress)

    def _read(self, directory: Path) -> Run:
        try:
            return read_run(directory, self._base)
        except Exception as error:  # noqa: BLE001 (one run must not keep the others from being seen)
            fault = Fault.of(directory, error)
            name = run_name(directory, self._base)
            return Run(directory, name, None, MappingProxyType({}), None, None, (fault,))


def _columns(progress: Progress, names: Sequence[str]) -> Columns:
    frame = progress.frame
    arrays = {n: read_only(column_of(frame[n])) for n in names if n in frame.columns}
    return Columns(MappingProxyType(arrays), frame.height, progress.step_from)


def _run_directories(roots: Sequence[Path], faults: list[Fault]) -> Iterator[Path]:
    """Every run once, also those below another run; links are not followed, roots excepted."""
    # Texts, with the places that they really are: a root may be a link into another one.
    directories = deque((str(root), os.path.realpath(root)) for root in roots)
    visited: set[str] = set()
    while directories:
        path, place = directories.popleft()
        if place in visited:
            continue
        visited.add(place)
        try:
            names, may_be_run = _look_into(path)
        except OSError as error:
            faults.append(Fault(Path(path), None, f"cannot be searched: {error.strerror}"))
            continue
        found = may_be_run and is_run(Path(path))
        if found:
            yield Path(path)
        besides = PARTS_OF_A_RUN if found else ()
        directories += [(join(path, n), join(place, n)) for n in names if n not in besides]


def _look_into(path: str) -> tuple[list[str], bool]:
    """The subdirectories that are not hidden, and whether a marker may be among those that are."""
    names, may_be_run = [], False
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name[0] == ".":
                may_be_run = may_be_run or entry.name in (HYDRA_DIR, EXPTOOLS_DIR)
            elif entry.is_dir(follow_symlinks=False):
                names.append(entry.name)
    return names, may_be_run
