"""Where the runs stand: how many are in each state, and how long the rest will take."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Sequence

from exptools.rundir import State
from exptools.viewing.run import Run, duration

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


def seconds_left(runs: Sequence[Run], now: float) -> float | None:
    """How long the running and the queued jobs will take, None where nothing tells.

    Each is taken to last as long as the median of the completed ones; the queue goes on in as
    many slots as have a job now.
    """
    lasted = [
        seconds
        for run in runs
        if run.state is State.COMPLETED and (seconds := duration(run.status, now)) is not None
    ]
    going = [run for run in runs if run.state is State.RUNNING]
    waiting = sum(run.state is State.QUEUED for run in runs)
    if not lasted or not going:
        return None
    typical = statistics.median(lasted)
    slots = [max(0.0, typical - (duration(run.status, now) or 0.0)) for run in going]
    heapq.heapify(slots)
    for _ in range(waiting):
        heapq.heapreplace(slots, slots[0] + typical)
    return max(slots)
