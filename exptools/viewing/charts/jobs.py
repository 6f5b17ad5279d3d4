"""When and where runs ran, from their statuses: bars on lanes, a lane a slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeGuard

import numpy as np

from exptools.rundir import State
from exptools.viewing.arrays import Floats
from exptools.viewing.run import Run, TrackedStatus, natural_key

DAY = 86_400.0  # s


@dataclass(frozen=True)
class Job:
    """A run that has started; times are Unix seconds."""

    run: Run
    state: State
    started: float
    ended: float  # of one that runs: now; of one whose end nobody wrote: when it last logged
    queued: float | None
    attempt: int
    place: tuple[str, int | None]  # host and slot


@dataclass(frozen=True)
class Lane:
    """Jobs of one slot that ran one after the other."""

    host: str
    slot: int | None
    jobs: tuple[Job, ...]
    first: bool  # whether it is the slot's first lane: others have jobs that ran at the same time


def jobs_of(runs: Sequence[Run], now: float) -> list[Job]:
    """The runs that have started, in the order in which they did."""
    jobs = [job for run in runs if (job := _job(run, now)) is not None]
    return sorted(jobs, key=lambda job: (job.started, natural_key(job.run.name)))


def lanes_of(jobs: Sequence[Job]) -> list[Lane]:
    """Jobs in the order of their starts, each on the first of its slot's lanes that is free."""
    places: dict[tuple[str, int | None], list[list[Job]]] = {}
    for job in jobs:
        lanes = places.setdefault(job.place, [])
        free = next((lane for lane in lanes if lane[-1].ended <= job.started), None)
        if free is None:
            lanes.append([job])
        else:
            free.append(job)
    return [
        Lane(*place, tuple(lane), at == 0)
        for place in sorted(places, key=_order)
        for at, lane in enumerate(places[place])
    ]


def local_ms(times: Sequence[float] | Floats) -> Floats:
    """Unix seconds as Plotly's dates, which know no time zones: the local clock's."""
    clocks = (datetime.fromtimestamp(time).astimezone() for time in times)
    offsets = np.array([clock.utcoffset().total_seconds() for clock in clocks])  # type: ignore[union-attr]
    shifted: Floats = (np.asarray(times, float) + offsets) * 1000
    return shifted


def _order(place: tuple[str, int | None]) -> tuple[object, ...]:
    host, slot = place
    return natural_key(host), slot is None, slot or 0


def _is_sane(time: float | None, now: float) -> TypeGuard[float]:
    """Whether a time can be that of a job: a status may say anything, and clocks may be wrong."""
    return time is not None and 0 <= time <= now + DAY


def _job(run: Run, now: float) -> Job | None:
    status = run.status
    if status is None or run.state in (None, State.QUEUED) or not _is_sane(status.started, now):
        return None
    if run.state is State.RUNNING:
        ended = now
    else:
        seen = status.seen if isinstance(status, TrackedStatus) else None
        times = (status.ended, seen, run.updated)
        ended = next((time for time in times if _is_sane(time, now)), status.started)
    return Job(
        run=run,
        state=run.state,
        started=status.started,
        ended=max(ended, status.started),
        queued=status.queued if _is_sane(status.queued, now) else None,
        attempt=status.attempt,
        place=(status.host, status.slot),
    )
