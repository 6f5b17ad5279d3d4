"""The summary and the settings of a run: written at once, and kept by an attempt that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from exptools.logging.errors import as_logging_error
from exptools.logging.run.row_lock import Attempt
from exptools.run_values import (
    RunValues,
    free_path,
    merged,
    read_values,
    summary_path,
    write_values,
)
from exptools.rundir import CONFIG_FILE

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def add_values(
    run_dir: Path,
    attempt: Attempt,
    *,
    summary: Mapping[str, Any] = _NOTHING,
    config: Mapping[str, Any] = _NOTHING,
) -> None:
    """Add to what is said of a run, in our turn to write.

    What earlier attempts have said counts on if this one goes on from there. While that is open,
    before the first row, it is kept beside.

    Raises:
        LoggingError: it cannot be written, or would be too large; the file is as it was.
    """
    for path, values in zip(_files(run_dir), (summary, config), strict=True):
        with as_logging_error(path):
            before = read_values(path) or RunValues(attempt=attempt.id)
            now = _of_attempt(before, attempt)
            # Who says "result" means it: it is not the return value's any more.
            returned = tuple(name for name in now.returned if name not in values)
            now = replace(now, values=merged(now.values, values), returned=returned)
            if now != before:
                write_values(path, now)


def keep_values(run_dir: Path, attempt: Attempt) -> None:
    """Let count what earlier attempts have said, for this one goes on from them.

    Raises:
        LoggingError: a file cannot be written.
    """
    for path in _files(run_dir):
        with as_logging_error(path):
            now = read_values(path)
            if now is not None and (now.before or now.attempt != attempt.id):
                write_values(path, replace(_with_past(now), attempt=attempt.id))


def set_values_aside(run_dir: Path, attempt: Attempt | None = None) -> None:
    """Move what earlier attempts have said to ``<name>.<attempt>.json``; with None all there is.

    Raises:
        LoggingError: a file cannot be written or renamed.
    """
    for path in _files(run_dir):
        with as_logging_error(path):
            now = read_values(path)
            if now is None:
                continue
            if attempt is None or now.attempt != attempt.id:
                path.rename(free_path(path))
            elif now.before:
                write_values(free_path(path), RunValues(now.before))
                write_values(path, replace(now, before={}))


def _files(run_dir: Path) -> tuple[Path, Path]:
    return summary_path(run_dir), run_dir / CONFIG_FILE


def _of_attempt(now: RunValues, attempt: Attempt) -> RunValues:
    """What a file says, as this attempt has it."""
    if now.attempt == attempt.id:
        return now
    past = merged(now.before, now.values)
    if attempt.resumed is not None:
        return RunValues(past, attempt.id)
    return RunValues(attempt=attempt.id, before=past)


def _with_past(now: RunValues) -> RunValues:
    return replace(now, values=merged(now.before, now.values), before={})
