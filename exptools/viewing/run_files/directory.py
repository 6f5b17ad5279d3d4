"""What lies in a run's directory: its logs and its snapshots."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from exptools.rundir import OUTPUT_LOG
from exptools.viewing.run import natural_key

MAX_LOGS = 50

_LOGS = (".log", ".out", ".err", "cout.txt")  # Hydra's, Slurm's, sacred's
_LOG_BELOW = "files/output.log"  # W&B's
_SNAPSHOT = re.compile(r"(?:itr_(-?\d{1,15})|params)(?:\.(\d{1,9}))?\.pkl")


@dataclass(frozen=True)
class SnapshotFile:
    """A file that the run could go on from. It is a pickle, so nobody here loads it."""

    name: str
    step: int | None  # None where its name does not say it
    replaced_by: int | None  # the attempt that did not continue it; None: it counts
    size: int  # bytes
    written: float  # Unix seconds


def log_names(directory: Path) -> list[str]:
    """The logs in a run's directory: what it wrote on its terminal, then the others.

    Links are among them: whether one may be followed is for whoever opens it.
    """
    with os.scandir(directory) as entries:
        logs = [e.name for e in entries if e.name.endswith(_LOGS) and not e.is_dir()]
    if os.path.lexists(directory / _LOG_BELOW):
        logs.append(_LOG_BELOW)
    return sorted(logs, key=lambda name: (name != OUTPUT_LOG, natural_key(name)))[:MAX_LOGS]


def snapshots(directory: Path) -> list[SnapshotFile]:
    """The snapshots in a directory: the last one, then the latest steps first; no links."""
    if directory.is_symlink() or not directory.exists():
        return []
    with os.scandir(directory) as entries:
        files = [_snapshot(e) for e in entries if e.is_file(follow_symlinks=False)]
    return sorted((file for file in files if file is not None), key=_importance)


def read_limited(file: BinaryIO, limit: int) -> bytes:
    """The content of a file; an OSError where it has more than ``limit`` bytes."""
    content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"more than {limit} bytes are not read")
    return content


def _snapshot(entry: os.DirEntry[str]) -> SnapshotFile | None:
    named = _SNAPSHOT.fullmatch(entry.name)
    if named is None:
        return None
    try:
        stat = entry.stat(follow_symlinks=False)
    except OSError:
        return None  # deleted meanwhile
    step, attempt = (int(text) if text else None for text in named.groups())
    return SnapshotFile(entry.name, step, attempt, stat.st_size, stat.st_mtime)


def _importance(snapshot: SnapshotFile) -> tuple[bool, float]:
    step = snapshot.step
    return snapshot.replaced_by is not None, float("-inf") if step is None else -step
