"""Runs of sacred's FileStorageObserver: ``run.json``, ``config.json`` and ``metrics.json``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from exptools.plain_json import parse_json
from exptools.rundir import MAX_STATUS, State
from exptools.viewing.readers.description import (
    Description,
    Reader,
    RunTexts,
    fault_of,
    usual_sources,
)
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Source, SourceKind, TrackedStatus

_RUN, _CONFIG = "run.json", "config.json"
_METRICS, _INFO = "metrics.json", "info.json"
_BEATS_MISSED = 60  # a run is silent for as long before it counts as killed
_BEAT = 10.0  # seconds: sacred's own, where the run was not told another
# A run without a heartbeat, for it has just been started, or was told to have none.
_PATIENCE_WITHOUT = 24 * 3600.0  # seconds
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
    kinds: dict[str, SourceKind] = {_METRICS: "sacred", _INFO: "sacred_info"}
    own = (
        Source(kind, (f"{listing.path}/{name}",))
        for name, kind in kinds.items()
        if name in listing.files
    )
    return (*own, *usual_sources(listing))


def _read(run: RunTexts) -> Description:
    described = run.json(_CONFIG)
    try:
        record = parse_json(run.text(_RUN, MAX_STATUS))
        status = _status(record)
    except (OSError, ValueError) as error:
        faults = (*described.faults, fault_of(run.path(_RUN), error))
        return described._replace(faults=faults)
    return described._replace(status=status)


def _status(record: Any) -> TrackedStatus:
    """What sacred says of the run, in our words."""
    state = _STATES.get(str(record.get("status"))) if isinstance(record, Mapping) else None
    if state is None:
        raise ValueError(f"status should be one of {', '.join(_STATES)}")
    host, trace = record.get("host"), record.get("fail_trace")
    command = record.get("command")
    started, beat = _seconds(record.get("start_time")), _seconds(record.get("heartbeat"))
    return TrackedStatus(
        state=state,
        host=str(host.get("hostname", "")) if isinstance(host, Mapping) else "",
        started=started,
        ended=_seconds(record.get("stop_time")),
        error=str(trace[-1]).strip() if isinstance(trace, list) and trace else None,
        command=(command,) if isinstance(command, str) else (),
        seen=started if beat is None else beat,
        patience=_PATIENCE_WITHOUT if beat is None else _BEATS_MISSED * _interval(record),
    )


def _interval(record: Mapping[str, Any]) -> float:
    """The time between two heartbeats, in seconds."""
    options = record.get("meta")
    options = options.get("options") if isinstance(options, Mapping) else None
    told = options.get("--beat-interval") if isinstance(options, Mapping) else None
    try:
        return max(_BEAT, float(told))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return _BEAT


def _seconds(text: Any) -> float | None:
    """Unix seconds of one of sacred's times, which are UTC and do not say so."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


READER = Reader("sacred", _files, _read, _sources, marks=f"{_RUN} and {_CONFIG} (sacred)")
