"""Read a run's metrics, whichever library wrote them, and keep what was read."""

from __future__ import annotations

import threading
from pathlib import Path

from exptools.rundir import read_regular
from exptools.viewing.metrics.csv_reader import parse_progress
from exptools.viewing.metrics.logged_rows import EMPTY, MAX_BYTES, Progress
from exptools.viewing.run import Fault, Run, Source
from exptools.viewing.signatures import Signature, file_signature

SEPARATORS = {"csv": ",", "tsv": "\t"}


class ProgressCache:
    """Progress of runs, read again only when the file has changed. Safe to use from threads."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[Signature | None, ...], Progress]] = {}
        self._lock = threading.Lock()

    def get(self, run: Run) -> Progress:
        """The run's progress as the files have it now."""
        signature = tuple(map(file_signature, run.source.files)) if run.source else ()
        with self._lock:
            known = self._known.get(run.directory)
        if known is not None and known[0] == signature:
            return known[1]
        progress = read_progress(run)
        with self._lock:
            self._known[run.directory] = (signature, progress)
        return progress

    def keep(self, runs: set[Path]) -> None:
        """Forget all but these run directories."""
        with self._lock:
            self._known = {path: known for path, known in self._known.items() if path in runs}


def read_progress(run: Run) -> Progress:
    """Read a run's metrics; no file and an empty file are no rows and no fault.

    What is no regular file, or larger than ``MAX_BYTES``, is one fault and no rows.
    A file of someone else's that has no column ``step`` gets one, see ``step_column``.
    """
    if run.source is None:
        return EMPTY
    path = Path(run.source.files[0])
    try:
        return _read(run.source)
    except FileNotFoundError:
        return EMPTY
    except OSError as error:
        return Progress(EMPTY.frame, (Fault(path, None, f"cannot be read: {error.strerror}"),))
    except Exception as error:  # noqa: BLE001 (one file must not keep the other runs' from being drawn)
        return Progress(EMPTY.frame, (Fault.of(path, error),))


def _read(source: Source) -> Progress:
    if source.kind == "events":
        from exptools.viewing.metrics.event_reader import read_events

        return read_events([Path(file) for file in source.files])
    if source.kind == "sacred":
        from exptools.viewing.metrics.sacred_reader import read_sacred_metrics

        return read_sacred_metrics(Path(source.files[0]))
    path = Path(source.files[0])
    return parse_progress(read_regular(path, MAX_BYTES), path, SEPARATORS[source.kind])
