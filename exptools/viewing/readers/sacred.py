"""Runs of sacred's FileStorageObserver: ``run.json``, ``config.json`` and ``metrics.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from exptools.rundir import MAX_STATUS, State, Status
from exptools.viewing.readers.description import (
    Description,
    Reader,
    RunTexts,
    fault_of,
    usual_sources,
)
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Source

_RUN, _CONFIG, _METRICS = "run.json", "config.json", "metrics.json"
_STATES = {
    "QUEUED": State.QUEUED,
    "RUNNING": State.RUNNING,
    "COMPLETED": State.COMPLETED,
    "FAILED": State.FAILED,
    "INTERRUPTED": State.INTERRUPTED,
    "TIMEOUT": State.TIMEOUT,
}


def _files(listing: Listing) -> tuple[str, ...] | None:
    return (_RUN, _CONFIG) if _RUN in listing.files and _CONFIG in listing.files else None


def _sources(listing: Listing) -> tuple[Source, ...]:
    own = Source("sacred", (f"{listing.path}/{_METRICS}",))
    return (*((own,) if _METRICS in listing.files else ()), *usual_sources(listing))


def _read(run: RunTexts) -> Description:
    described = run.json(_CONFIG)
    try:
        record = json.loads(run.text(_RUN, MAX_STATUS))
        status = _status(record)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, RecursionError):
            error = ValueError("it is nested too deeply")
        faults = (*described.faults, fault_of(run.path(_RUN), error))
        return replace(described, faults=faults)
    return replace(described, status=status)


def _status(record: Any) -> Status:
    """What sacred says of the run, in our words."""
    state = _STATES.get(str(record.get("status"))) if isinstance(record, Mapping) else None
    if state is None:
        raise ValueError(f"status should be one of {', '.join(_STATES)}")
    host, trace = record.get("host"), record.get("fail_trace")
    command = record.get("command")
    return Status(
        state=state,
        host=str(host.get("hostname", "")) if isinstance(host, Mapping) else "",
        started=_seconds(record.get("start_time")),
        ended=_seconds(record.get("stop_time")),
        error=str(trace[-1]).strip() if isinstance(trace, list) and trace else None,
        command=(command,) if isinstance(command, str) else (),
    )


def _seconds(text: Any) -> float | None:
    """Unix seconds of one of sacred's times, which are UTC and do not say so."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


READER = Reader("sacred", _files, _read, _sources)
