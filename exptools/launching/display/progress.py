"""What people see of a sweep while it runs: a live table, or plain lines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from exptools.launching.display.headline import HeadlineReader
from exptools.launching.display.live_table import Row, live_table
from exptools.launching.display.looks import counted, duration, look, one_line, shown, went_wrong
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.machine.slots import Slot
from exptools.launching.usage.sampler import UsageSampler
from exptools.rundir import State


class Progress(AbstractContextManager["Progress"]):
    """Shows a sweep while it runs: an observer of the scheduler.

    On a terminal a table is redrawn in place; elsewhere each event is one plain line. What the
    running jobs use is sampled all the while, for the table and for their ``usage.csv``.
    """

    def __init__(
        self, jobs: Sequence[Job], slots: Sequence[Slot], directory: Path, console: Console
    ) -> None:
        self._directory = directory
        names = _telling_names(jobs)
        self._rows = {
            job.number: Row(job, one_line(name)) for job, name in zip(jobs, names, strict=True)
        }
        self._slots = slots
        self._console = console
        self._began = time.time()
        self._live: Live | None = None
        self._waits: dict[int, str] = {}  # what a slot waits for, by its index
        self._readers: dict[int, HeadlineReader] = {}  # of the running jobs, by number
        self._sampler = UsageSampler(after=self._look_at)

    def __enter__(self) -> Progress:
        """Print how the machine is divided, then show the jobs."""
        jobs, slots = counted(len(self._rows), "job"), counted(len(self._slots), "slot")
        into = Text(f"exptools: {jobs} in {slots}, into {shown(self._directory)}")
        self._console.print(into, soft_wrap=True)
        for slot in self._slots:
            self._console.print(f"  slot {slot.index}: {slot}", highlight=False)
        if self._console.is_terminal and not self._console.is_dumb_terminal:
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
        """Leave the terminal as it was; the final table is `summary.print_summary`'s."""
        self._sampler.close()
        if self._live is not None:
            self._live.stop()
        problems = list(self._sampler.problems.values())
        if problems:
            others = len(problems) - 1
            more = f"; so it is with {counted(others, 'other job')}" if others else ""
            self._warn(f"exptools: {problems[0]}{more}")

    def started(self, job: Job, slot: Slot, pid: int | None = None) -> None:
        """See `scheduler.Observer`; what a job uses is sampled where its process is known."""
        row = self._rows[job.number]
        row.state, row.slot, row.started, row.ended = State.RUNNING, slot, time.time(), None
        self._waits.pop(slot.index, None)
        if self._live is not None:
            self._readers[job.number] = HeadlineReader(job.directory)
        if pid is not None:
            uuids = tuple(gpu.uuid for gpu in slot.gpus)
            self._sampler.watch(job.number, pid, job.directory, uuids)
        self._say(job, State.RUNNING, f"slot {slot.index}")

    def ended(self, outcome: Outcome) -> None:
        """See `scheduler.Observer`."""
        self._say(outcome.job, outcome.status.state, self._end(outcome))

    def retrying(self, job: Job, attempt: int, outcome: Outcome, of: int | None = None) -> None:
        """A job went wrong and will be started again, as its attempt ``attempt`` of ``of``."""
        told = f"again, attempt {attempt}" + (f" of {of}" if of else "")
        self._say(job, outcome.status.state, f"{self._end(outcome)}; {told}")
        row = self._rows[job.number]
        row.state, row.slot, row.started, row.ended = State.QUEUED, None, None, None

    def waiting(self, slot: Slot, reason: str) -> None:
        """A slot cannot take a job yet; an empty reason ends the waiting, as a start does."""
        before = self._waits.get(slot.index, "")
        if not reason:
            self._waits.pop(slot.index, None)
        elif reason != before:
            self._waits[slot.index] = reason
            if self._live is None:
                self._warn(f"slot {slot.index} waits for {reason}")

    def stopping(self, reason: str, running: int, grace: float) -> None:
        """See `scheduler.Observer`."""
        self._warn(
            f"{reason}: stopping {counted(running, 'job')}; "
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
        after = f"after {duration(row.started, row.ended)}" if row.started else ""
        has_log = went_wrong(status.state) and status.started is not None
        log = f"log: {shown(outcome.job.log)}" if has_log else ""
        return "; ".join(filter(None, (after, status.error or "", log)))

    def _look_at(self, number: int) -> None:
        """Refresh what a row says; in the sampler's thread, so that a slow disk delays no job."""
        row, reader = self._rows[number], self._readers.get(number)
        row.usage = self._sampler.latest(number)
        if reader is not None:
            headline = reader.read()
            if number in self._readers:  # it has not ended meanwhile
                row.headline = headline

    def _say(self, job: Job, state: State, note: str) -> None:
        if self._live is None or went_wrong(state):
            line = Text.assemble(look(state), f"  job {job.number}  {one_line(job.name)}")
            line.append(f"  ({note})" if note else "")
            self._console.print(line, soft_wrap=True)

    def _warn(self, text: str) -> None:
        self._console.print(Text(text, "yellow"), soft_wrap=True)

    def _table(self) -> RenderableType:
        room = self._console.width, self._console.height
        waits = dict(self._waits)
        return live_table(list(self._rows.values()), waits, self._began, len(self._slots), room)


def _telling_names(jobs: Sequence[Job]) -> list[str]:
    """What tells the jobs from each other: their overrides without those that all have."""
    if len(jobs) == 1:
        return [job.name for job in jobs]
    shared = set(jobs[0].overrides).intersection(*(job.overrides for job in jobs)) if jobs else ()
    telling = [[text for text in job.overrides if text not in shared] for job in jobs]
    return [" ".join(texts) or job.name for job, texts in zip(jobs, telling, strict=True)]
