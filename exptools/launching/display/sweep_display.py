"""What people see of a sweep: the jobs that run, and a summary at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from exptools.launching.display.headline import HeadlineReader
from exptools.launching.display.labels import (
    STATE_LABELS,
    elapsed,
    plural,
    short_path,
    state_label,
    went_wrong,
)
from exptools.launching.display.live_table import Row, live_table, show_live
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.machine.gate import Wait
from exptools.launching.machine.slots import Slot, Spare
from exptools.launching.usage import UsageSampler
from exptools.rundir import State
from exptools.visible import visible, visible_lines


class SweepDisplay(AbstractContextManager["SweepDisplay"]):
    """Shows a sweep while it runs: an observer of the scheduler.

    On a terminal a table is redrawn in place; elsewhere each event is one plain line. What the
    running jobs use is sampled all the while, for the table and for their ``usage.csv``.
    """

    options = "hydra.launcher."  # how the names of options begin here

    def __init__(
        self,
        jobs: Sequence[Job],
        slots: Sequence[Slot],
        directory: Path,
        console: Console,
        *,
        spare: Spare | None = None,
        list_slots: bool = True,
    ) -> None:
        self._directory = directory
        self._list_slots = list_slots
        names = _distinguishing_names(jobs)
        self._rows = {
            job.number: Row(job, visible(name)) for job, name in zip(jobs, names, strict=True)
        }
        self._slots = slots
        self._spare = spare
        self._console = console
        self._began = time.time()
        self._live: Live | None = None
        self._waits: dict[int, tuple[float, Wait]] = {}  # by slot's index: since when, for what
        self._ways_out: set[str | None] = set()  # that were told
        self._readers: dict[int, HeadlineReader] = {}  # of the running jobs, by number
        self._sampler = UsageSampler(after=self._refresh_row)

    def __enter__(self) -> SweepDisplay:
        """Print how the machine is divided, then show the jobs."""
        jobs, slots = plural(len(self._rows), "job"), plural(len(self._slots), "slot")
        into = Text(f"exptools: {jobs} in {slots}, into {short_path(self._directory)}")
        self._console.print(into, soft_wrap=True)
        for slot in self._slots if self._list_slots else ():
            self._console.print(f"  slot {slot.index}: {slot}", highlight=False)
        if self._spare is not None and self._list_slots:
            told = self._spare.told(self.options)
            self._console.print(f"  {told}", highlight=False, soft_wrap=True)
        self._live = show_live(self._console, self._table, 4)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was; the final table is `print_summary`'s."""
        self._sampler.close()
        if self._live is not None:
            self._live.stop()
        problems = list(self._sampler.problems.values())
        if problems:
            others = len(problems) - 1
            more = f"; so it is with {plural(others, 'other job')}" if others else ""
            self._print_warning(f"exptools: {problems[0]}{more}")

    def started(self, job: Job, slot: Slot, pid: int) -> None:
        """See `scheduler.Observer`."""
        row = self._rows[job.number]
        row.state, row.slot, row.started, row.ended = State.RUNNING, slot, time.time(), None
        if self._live is not None:
            self._readers[job.number] = HeadlineReader(job.directory)
        uuids = tuple(gpu.uuid for gpu in slot.gpus)
        self._sampler.watch(job.number, pid, job.directory, uuids)
        self._print_event(job, State.RUNNING, f"slot {slot.index}")

    def ended(self, outcome: Outcome) -> None:
        """See `scheduler.Observer`."""
        end = self._end(outcome)
        if not outcome.never_started:  # there may be many: the summary counts them
            self._print_event(outcome.job, outcome.status.state, end)

    def retrying(self, job: Job, attempt: int, outcome: Outcome, of: int) -> None:
        """See `scheduler.Observer`."""
        self._print_event(
            job, outcome.status.state, f"{self._end(outcome)}; again, attempt {attempt} of {of}"
        )
        row = self._rows[job.number]
        row.state, row.slot, row.started, row.ended = State.QUEUED, None, None, None

    def waiting(self, waits: Mapping[int, Wait]) -> None:
        """See `scheduler.Observer`; each way not to wait is told once."""
        now = time.time()
        began = {index: since for index, (since, _) in self._waits.items()}
        self._waits = {index: (began.get(index, now), wait) for index, wait in waits.items()}
        for index, wait in sorted(waits.items()):
            if wait.way_out not in self._ways_out:
                self._ways_out.add(wait.way_out)
                others = sum(one.way_out == wait.way_out for one in waits.values()) - 1
                also = f" (and {plural(others, 'other slot')})" if others else ""
                out = f"; {self.options}{wait.way_out} starts at once" if wait.way_out else ""
                self._print_warning(f"slot {index}{also} waits for {wait.reason}{out}")

    def stopping(self, reason: str, running: int, grace: float) -> None:
        """See `scheduler.Observer`."""
        self._print_warning(
            f"{reason}: stopping {plural(running, 'job')}; "
            f"what still runs in {grace:g} s, or at a second signal, is killed"
        )

    def _end(self, outcome: Outcome) -> str:
        """Take in how a job ended, and tell it."""
        number, status = outcome.job.number, outcome.status
        self._sampler.unwatch(number)
        row = self._rows[number]
        row.state, row.ended = status.state, status.ended
        if self._readers.pop(number, None) is not None:
            newest = HeadlineReader(outcome.job.directory).read()  # the other has its own thread
            row.headline = row.headline if newest.value is None else newest
        after = f"after {elapsed(row.started, row.ended)}" if row.started else ""
        has_log = went_wrong(status.state) and status.started is not None
        log = f"log: {short_path(outcome.job.log)}" if has_log else ""
        return "; ".join(filter(None, (after, visible(status.error or ""), log)))

    def _refresh_row(self, number: int) -> None:
        """Refresh what a row says; in the sampler's thread, so that a slow disk delays no job."""
        row, reader = self._rows[number], self._readers.get(number)
        row.usage = self._sampler.latest(number)
        if reader is not None:
            headline = reader.read()
            if number in self._readers:  # it has not ended meanwhile
                row.headline = headline

    def _print_event(self, job: Job, state: State, note: str) -> None:
        if self._live is None or went_wrong(state):
            name = self._rows[job.number].name
            line = Text.assemble(state_label(state), f"  job {job.number}  {name}")
            line.append(f"  ({note})" if note else "")
            self._console.print(line, soft_wrap=True)

    def _print_warning(self, text: str) -> None:
        self._console.print(Text(visible_lines(text), "yellow"), soft_wrap=True)

    def _table(self) -> RenderableType:
        room = self._console.width, self._console.height
        waits = {
            index: f"{wait.reason} ({elapsed(since, None)})"
            for index, (since, wait) in self._waits.items()
        }
        return live_table(list(self._rows.values()), waits, self._began, len(self._slots), room)


def print_summary(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print the jobs that went wrong, and how many jobs ended in each way."""
    started = [outcome for outcome in outcomes if not outcome.never_started]
    wrong = [outcome for outcome in started if went_wrong(outcome.status.state)]
    start = min((out.status.queued for out in outcomes if out.status.queued), default=None)
    line = Text(f"exptools: {plural(len(outcomes), 'job')} in {elapsed(start, None)}: ")
    counts = Counter(outcome.status.state for outcome in started)
    for state in (state for state in State if counts[state]):
        line.append(f"{counts[state]} {state.value}  ", style=STATE_LABELS[state][1])
    if len(started) < len(outcomes):
        line.append(f"{len(outcomes) - len(started)} never started", "yellow")
    with suppress(OSError):  # nobody reads any more: the status files tell
        if wrong:
            names = _distinguishing_names([outcome.job for outcome in outcomes])
            told = {out.job.number: name for out, name in zip(outcomes, names, strict=True)}
            console.print(_summary_table(wrong, told))
        console.print(line)


def print_way_on(go_on: str, console: Console) -> None:
    """Print what to do to run what has not run, whole, so that it can be copied."""
    with suppress(OSError):
        console.print(Text("exptools: this goes on with the rest:", "yellow"))
        console.print(Text(visible(go_on)), soft_wrap=True)


def _distinguishing_names(jobs: Sequence[Job]) -> list[str]:
    """What tells the jobs from each other: their overrides without those that all have."""
    if len(jobs) == 1 and jobs[0].fixed is None:
        return [jobs[0].name]
    shared = (
        set(jobs[0].overrides).intersection(*(job.overrides for job in jobs)) if jobs else set()
    )
    shared = shared.intersection(*(job.fixed for job in jobs if job.fixed is not None))
    own = [[text for text in job.overrides if text not in shared] for job in jobs]
    return [" ".join(texts) or job.name for job, texts in zip(jobs, own, strict=True)]


def _summary_table(outcomes: Sequence[Outcome], names: Mapping[int, str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("job", justify="right")
    table.add_column("state", no_wrap=True)
    table.add_column("overrides", overflow="fold")
    table.add_column("what happened", overflow="fold")
    table.add_column("time", justify="right", no_wrap=True)
    for outcome in outcomes:
        job, status = outcome.job, outcome.status
        details = Text(visible(status.error or ""))
        if status.started is not None:
            details.append(f"\n{short_path(job.log)}", style="dim")
        took = elapsed(status.started, status.ended)
        name = Text(visible(names[job.number]))
        table.add_row(str(job.number), state_label(status.state), name, details, took)
    return table
