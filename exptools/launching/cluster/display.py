"""What people see of a sweep on a cluster."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from exptools.launching.cluster.chunk import Chunk
from exptools.launching.cluster.journal import Arrived
from exptools.launching.display.labels import (
    elapsed,
    plural,
    short_path,
    state_label,
    went_wrong,
)
from exptools.launching.display.live_table import show_live
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.rundir import State
from exptools.visible import visible, visible_lines

_ROWS = 30  # elements that are shown at most


class ClusterDisplay(AbstractContextManager["ClusterDisplay"]):
    """Shows the elements and their jobs: a table on a terminal, else a line an event."""

    def __init__(self, chunks: Sequence[Chunk], console: Console) -> None:
        self._chunks = chunks
        self._console = console
        self._began = time.time()
        self._told: Counter[str] = Counter()
        self._live: Live | None = None

    def __enter__(self) -> ClusterDisplay:
        """Begin to show."""
        self._live = show_live(self._console, self._table, 2)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()

    def began(self, job: Job, where: str) -> None:
        """See `watch.ClusterObserver`."""
        self._print_event(job, State.RUNNING, where)

    def ended(self, outcome: Outcome) -> None:
        """See `watch.ClusterObserver`."""
        status = outcome.status
        after = f"after {elapsed(status.started, status.ended)}" if status.started else ""
        log = f"log: {short_path(outcome.job.log)}" if went_wrong(status.state) else ""
        self._print_event(
            outcome.job, status.state, "; ".join(filter(None, (after, status.error or "", log)))
        )

    def arrived(self, chunk: Chunk, event: Arrived) -> None:
        """See `watch.ClusterObserver`."""
        if self._live is None:
            slots = plural(len(event.slots), "slot")
            element, host = visible(event.element or "?"), visible(event.host)
            self._console.print(
                Text(f"  element {element} runs on {host} in {slots}"),
                soft_wrap=True,
            )

    def queued(self, chunks: Sequence[Chunk]) -> None:
        """See `watch.ClusterObserver`; off a terminal, what changes is told."""
        counts = _counts(chunks)
        if self._live is None and counts != self._told:
            self._told = counts
            told = visible(", ".join(f"{count} {state}" for state, count in counts.items()))
            self._console.print(Text(f"  elements: {told}"), soft_wrap=True)

    def say(self, text: str) -> None:
        """See `watch.ClusterObserver`."""
        self._console.print(Text(visible_lines(f"exptools: {text}"), "yellow"), soft_wrap=True)

    def _print_event(self, job: Job, state: State, note: str) -> None:
        if self._live is None or went_wrong(state):
            line = Text.assemble(state_label(state), f"  job {job.number}  {visible(job.name)}")
            line.append(visible(f"  ({note})") if note else "")
            self._console.print(line, soft_wrap=True)

    def _table(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("element", "state", "node", "jobs done", "run now"):
            table.add_column(name, no_wrap=True)
        shown = [chunk for chunk in self._chunks if not chunk.is_done]
        room = max(3, min(_ROWS, self._console.height - 4))
        for chunk in sorted(shown, key=lambda chunk: chunk.standing.waits)[:room]:
            state = _state(chunk)
            table.add_row(
                Text(visible(chunk.element)),
                Text(visible(state), "yellow" if state.startswith("pending") else "cyan"),
                Text(visible(chunk.standing.node or chunk.host)),
                f"{len(chunk.ends)} of {len(chunk.jobs)}",
                " ".join(map(str, sorted(chunk.running))),
            )
        done = sum(len(chunk.ends) for chunk in self._chunks)
        jobs = sum(len(chunk.jobs) for chunk in self._chunks)
        more = f"; and {len(shown) - room} more elements" if len(shown) > room else ""
        return Group(table, Text(f"{done} of {jobs} jobs, {elapsed(self._began, None)}{more}"))


def _state(chunk: Chunk) -> str:
    """Where a chunk's element stands; its journal knows sooner than the queue that it runs."""
    standing = chunk.standing
    if chunk.running or not standing.waits:
        return "running" if chunk.running else standing.state.lower()
    reason = standing.reason if standing.reason not in ("", "None") else ""
    start = f"expected {standing.start}" if standing.start else ""
    why = ", ".join(filter(None, (reason, start)))
    return f"pending ({why})" if why else "pending"


def _counts(chunks: Sequence[Chunk]) -> Counter[str]:
    return Counter(_state(chunk) for chunk in chunks if not chunk.is_done)
