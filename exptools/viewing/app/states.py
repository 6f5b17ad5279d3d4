"""Where the runs stand: how many are in each state, and how long the rest will take."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from exptools.rundir import State
from exptools.units import rough_duration
from exptools.viewing.run import Run, duration

LATE = 2.0  # times as long as the longest of the finished jobs, and
LEAST_LATE = 60.0  # seconds, takes a job that may hang

STATE_WORDS = {
    State.RUNNING: "running",
    State.COMPLETED: "finished",
    State.FAILED: "failed",
    State.KILLED: "killed",
    State.TIMEOUT: "timed out",
    State.INTERRUPTED: "interrupted",
    State.QUEUED: "queued",
    None: "no status",
}


def state_class(word: str) -> str:
    """The CSS class that colours a state."""
    return f"is-{word.replace(' ', '-')}"


def count_states(runs: Sequence[Run]) -> list[tuple[str, int]]:
    """How many runs are in each state that occurs, as (word, number)."""
    states = [run.state for run in runs]
    return [(word, states.count(state)) for state, word in STATE_WORDS.items() if state in states]


@dataclass(frozen=True)
class Outlook:
    """How long the jobs that run or wait will take."""

    seconds: float | None  # None where nothing tells
    late: int  # running jobs that already take much longer than any that finished


def outlook(runs: Sequence[Run], now: float) -> Outlook:
    """How long it takes until all jobs have ended but those that may hang.

    Each is taken to last as long as the median of the completed ones, or as the longest if it
    already takes longer than that; the queue goes on in as many slots as have a job now. A job that
    takes ``LATE`` times as long as the longest tells nothing, and its slot may never be free.
    """
    lasted = [
        seconds
        for run in runs
        if run.state is State.COMPLETED and (seconds := duration(run.status, now)) is not None
    ]
    going = [duration(run.status, now) or 0.0 for run in runs if run.state is State.RUNNING]
    if not lasted:
        return Outlook(None, 0)
    typical, longest = statistics.median(lasted), max(lasted)
    in_time = [seconds for seconds in going if seconds <= max(LATE * longest, LEAST_LATE)]
    late = len(going) - len(in_time)
    if not in_time:
        return Outlook(None, late)
    slots = [max(0.0, (typical if seconds < typical else longest) - seconds) for seconds in in_time]
    heapq.heapify(slots)
    for _ in range(sum(run.state is State.QUEUED for run in runs)):
        heapq.heapreplace(slots, slots[0] + typical)
    return Outlook(max(slots), late)


def time_left(runs: Sequence[Run], now: float) -> str:
    """The outlook in words: "about 3 min left, 1 may hang"; "" where nothing tells."""
    ahead = outlook(runs, now)
    words = [] if ahead.seconds is None else [f"about {rough_duration(ahead.seconds)} left"]
    words += [f"{ahead.late:,} may hang"] if ahead.late else []
    return ", ".join(words)
