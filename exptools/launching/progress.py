"""What people see of a sweep: a live table, or plain lines, and a table at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from exptools.launching.outcomes import Job, Outcome
from exptools.launching.slots import Slot
from exptools.rundir import State

# A sign and a word as well as a colour: the table must be readable without colours.
_LOOKS = {
    State.QUEUED: ("·", "dim"),
    State.RUNNING: ("▶", "cyan"),
    State.COMPLETED: ("✓", "green"),
    State.FAILED: ("✗", "bold red"),
    State.KILLED: ("✗", "bold red"),
    State.TIMEOUT: ("✗", "bold red"),
    State.INTERRUPTED: ("■", "yellow"),
}


@dataclass
class _Row:
    job: Job
    state: State = State.QUEUED
    slot: Slot | None = None
    started: float | None = None  # Unix seconds
    ended: float | None = None
    note: str = ""


class Progress(AbstractContextManager["Progress"]):
    """Shows a sweep while it runs: an observer of the scheduler.

    On a terminal a table is redrawn in place; elsewhere each event is one plain line.
    """

    def __init__(
        self, jobs: Sequence[Job], slots: Sequence[Slot], directory: Path, console: Console
    ) -> None:
        self._directory = directory
        self._rows = {job.number: _Row(job) for job in jobs}
        self._slots = slots
        self._console = console
        self._began = time.time()
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        """Print how the machine is divided, then show the jobs."""
        jobs, slots = _count(len(self._rows), "job"), _count(len(self._slots), "slot")
        into = Text(f"exptools: {jobs} in {slots}, into {_shown(self._directory)}")
        self._console.print(into, soft_wrap=True)
        for slot in self._slots:
            self._console.print(f"  slot {slot.index}: {slot}", highlight=False)
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._table,
                console=self._console,
                refresh_per_second=4,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was; the final table is printed by `print_summary`."""
        if self._live is not None:
            self._live.stop()

    def started(self, job: Job, slot: Slot, pid: int | None = None) -> None:
        """See `scheduler.Observer`."""
        row = self._rows[job.number]
        row.state, row.slot, row.started = State.RUNNING, slot, time.time()
        self._say(job, State.RUNNING, f"slot {slot.index}")

    def ended(self, outcome: Outcome) -> None:
        """See `scheduler.Observer`."""
        row, status = self._rows[outcome.job.number], outcome.status
        row.state, row.ended, row.note = status.state, status.ended, status.error or ""
        after = f"after {_duration(row.started, row.ended)}" if row.started else ""
        has_log = _went_wrong(status.state) and status.started is not None
        log = f"log: {_shown(outcome.job.log)}" if has_log else ""
        self._say(outcome.job, status.state, "; ".join(filter(None, (after, row.note, log))))

    def waiting(self, slot: Slot, reason: str) -> None:
        """See `scheduler.Observer`."""

    def retrying(self, job: Job, attempt: int, outcome: Outcome) -> None:
        """See `scheduler.Observer`."""

    def stopping(self, reason: str, running: int, grace: float) -> None:
        """See `scheduler.Observer`."""
        self._console.print(
            f"{reason}: stopping {_count(running, 'job')}; "
            f"what still runs in {grace:g} s, or at a second signal, is killed",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )

    def _say(self, job: Job, state: State, note: str) -> None:
        if self._live is None or _went_wrong(state):
            line = Text.assemble(_look(state), f"  job {job.number}  {job.name}")
            line.append(f"  ({note})" if note else "")
            self._console.print(line, soft_wrap=True)

    def _table(self) -> RenderableType:
        rows = _most_telling(list(self._rows.values()), self._console.height - 6)
        table = _new_table("slot")
        for row in rows:
            slot = f"{row.slot.index}: {row.slot}" if row.slot else ""
            table.add_row(*_cells(row), Text(slot), _duration(row.started, row.ended))
        return Group(table, self._bar())

    def _bar(self) -> RenderableType:
        counts = Counter(row.state for row in self._rows.values())
        done = sum(count for state, count in counts.items() if state.ended)
        line = Table.grid(padding=(0, 1))
        words = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
        line.add_row(
            ProgressBar(total=len(self._rows), completed=done, width=24),
            Text(f"{done}/{len(self._rows)}"),
            Text(_duration(self._began, None)),
            Text(words, style="dim"),
        )
        return line


def print_summary(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print the final table: every job that did not complete, with its reason and its log."""
    counts = Counter(outcome.status.state for outcome in outcomes)
    wrong = [outcome for outcome in outcomes if outcome.status.state is not State.COMPLETED]
    if wrong:
        table = _new_table("what happened")
        for outcome in wrong:
            status = outcome.status
            row = _Row(outcome.job, status.state, None, status.started, status.ended)
            told = Text(status.error or "")
            if status.started is not None:
                told.append(f"\n{_shown(outcome.job.log)}", style="dim")
            table.add_row(*_cells(row), told, _duration(row.started, row.ended))
        console.print(table)
    start = min((out.status.queued for out in outcomes if out.status.queued), default=None)
    line = Text(f"exptools: {_count(len(outcomes), 'job')} in {_duration(start, None)}: ")
    for state in (state for state in State if counts[state]):
        line.append(f"{counts[state]} {state.value}  ", style=_LOOKS[state][1])
    console.print(line)


def _new_table(third: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("job", justify="right")
    table.add_column("state", no_wrap=True)
    table.add_column("overrides", overflow="fold")
    table.add_column(third, overflow="fold")
    table.add_column("time", justify="right", no_wrap=True)
    return table


def _cells(row: _Row) -> tuple[Text, Text, Text]:
    return Text(str(row.job.number)), _look(row.state), Text(row.job.name)


def _look(state: State) -> Text:
    sign, style = _LOOKS[state]
    return Text(f"{sign} {state.value}", style=style)


def _most_telling(rows: list[_Row], room: int) -> list[_Row]:
    """As many rows as fit: the running and the failed before the others, in job order."""

    def rank(row: _Row) -> int:
        if row.state is State.RUNNING:
            return 0
        return 1 if _went_wrong(row.state) else 2

    chosen = sorted(rows, key=rank)[: max(room, 1)]
    return sorted(chosen, key=lambda row: row.job.number)


def _went_wrong(state: State) -> bool:
    return state.ended and state is not State.COMPLETED


def _duration(start: float | None, end: float | None) -> str:
    if start is None:
        return ""
    seconds = (end or time.time()) - start
    minutes, hours = int(seconds // 60) % 60, int(seconds // 3600)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{int(seconds % 60):02}s" if minutes else f"{seconds:.1f}s"


def _shown(path: Path) -> str:
    """A path as short as it can be and still be opened from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
