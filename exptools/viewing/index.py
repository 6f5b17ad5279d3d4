"""Find the runs under some directories, and notice what has changed since the last look."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from exptools.rundir import HYDRA_CONFIG, PROGRESS_CSV, STATUS_FILE
from exptools.viewing.progress import Progress, ProgressCache, Signature, file_signature
from exptools.viewing.readers import is_run, read_run, run_name
from exptools.viewing.runs import Fault, Run, natural_key


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
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = tuple(dict.fromkeys(Path(os.path.abspath(root)) for root in roots))
        self._base = Path(os.path.commonpath(self.roots))
        # Not from 0, lest a page that outlives its server take the next server's for the same.
        self.snapshot = Snapshot(version=time.time_ns() // 1_000_000)
        self._seen: dict[Path, _Seen] = {}
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


def _run_directories(roots: Sequence[Path], faults: list[Fault]) -> Iterator[Path]:
    """Every run once, without a look inside it; links come last, so runs have their own names."""
    directories, links = deque(roots), deque[Path]()
    visited: set[tuple[int, int]] = set()
    while directories or links:
        directory = directories.popleft() if directories else links.popleft()
        try:
            stat = os.stat(directory)
            if (stat.st_dev, stat.st_ino) in visited:
                continue
            visited.add((stat.st_dev, stat.st_ino))
            if is_run(directory):
                yield directory
                continue
            for entry in _subdirectories(directory):
                (links if entry.is_symlink() else directories).append(Path(entry.path))
        except OSError as error:
            faults.append(Fault(directory, None, f"cannot be searched: {error.strerror}"))


def _subdirectories(directory: Path) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        return [entry for entry in entries if entry.name[0] != "." and entry.is_dir()]
