"""The summary and the settings of a run: written at once, and kept by an attempt that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from exptools.logging.errors import as_logging_error
from exptools.logging.run.locks import Attempt
from exptools.run_values import (
    RunValues,
    free_path,
    read_values,
    summary_path,
    write_values,
)
from exptools.rundir import CONFIG_FILE


def config_path(run_dir: Path) -> Path:
    """Where the settings of a run are."""
    return run_dir / CONFIG_FILE


def add_values(path: Path, values: Mapping[str, Any], attempt: Attempt) -> None:
    """Put values into a file, in our turn to write.

    What earlier attempts have said counts on if this one goes on from them. While that is open,
    before the first row, it is kept beside.

    Raises:
        LoggingError: it cannot be written, or would be too large; the file is as it was.
    """
    with as_logging_error(path):
        now = read_values(path) or RunValues()
        if now.attempt != attempt.id:
            past = merged(now.before, now.values)
            now = RunValues(attempt=attempt.id, before=past)
            if attempt.resumed is not None:
                now = _with_past(now)
        # Who says "result" means it: it is not the return value's any more.
        returned = tuple(name for name in now.returned if name not in values)
        write_values(path, replace(now, values=merged(now.values, values), returned=returned))


def keep_values(run_dir: Path, attempt: Attempt) -> None:
    """Let count what earlier attempts have said, for this one goes on from them.

    Raises:
        LoggingError: a file cannot be written.
    """
    for path in (summary_path(run_dir), config_path(run_dir)):
        with as_logging_error(path):
            now = read_values(path)
            if now is not None and (now.before or now.attempt != attempt.id):
                write_values(path, replace(_with_past(now), attempt=attempt.id))


def set_values_aside(run_dir: Path, attempt: Attempt) -> None:
    """Move what earlier attempts have said to ``<name>.<attempt>.json``.

    Raises:
        LoggingError: a file cannot be written or renamed.
    """
    for path in (summary_path(run_dir), config_path(run_dir)):
        with as_logging_error(path):
            now = read_values(path)
            if now is None:
                continue
            if now.attempt != attempt.id:
                path.rename(free_path(path))
            elif now.before:
                write_values(free_path(path), RunValues(now.before))
                write_values(path, replace(now, before={}))


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the new ones counting more, also within what is nested."""
    both = dict(old)
    for name, value in new.items():
        before = both.get(name)
        nested = isinstance(before, Mapping) and isinstance(value, Mapping)
        both[name] = merged(before, value) if nested else value  # type: ignore[arg-type]
    return both


def _with_past(now: RunValues) -> RunValues:
    return replace(now, values=merged(now.before, now.values), before={})
