"""A batch of jobs on a cluster: planned, submitted or joined, watched, and told."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from exptools.launching.cluster.chunk import Chunk, queued_status_of
from exptools.launching.cluster.display import ClusterDisplay
from exptools.launching.cluster.earlier import (
    ask_where,
    by_hand,
    is_by_hand,
    join,
    read_elements,
    save_elements,
    take_back,
)
from exptools.launching.cluster.elements import (
    AllocationOptions,
    SubmissionError,
    cancel,
    submit,
)
from exptools.launching.cluster.plan import (
    Plan,
    PlanError,
    divide,
    plan_numbers,
    this_program,
    write_plan,
)
from exptools.launching.cluster.watch import Stopped, Watch
from exptools.launching.display.labels import plural, short_path
from exptools.launching.display.sweep_display import print_summary, print_way_on
from exptools.launching.jobs.outcomes import Job, Outcome, attempts_before, save_status
from exptools.launching.jobs.results import remove_result
from exptools.launching.jobs.scheduler import Policy
from exptools.launching.machine.request import Request
from exptools.rundir import State, Status


@dataclass(frozen=True)
class ClusterOptions:
    """How jobs are divided among allocations, and what is asked for each."""

    allocation: AllocationOptions
    jobs_per_allocation: int | None = None  # None: as many as run at once
    nodes: int | None = None  # how many allocations; None: as many as that makes
    cancel_on_interrupt: bool = False  # without a terminal to ask on
    submit: bool = True  # to Slurm; else `hand_over` has agents started
    # Has an agent started for a plan's chunk. None: the user is told how.
    hand_over: Callable[[Plan, int], None] | None = None
    wait: bool = True  # whether to watch what was submitted


class ClusterSweep:
    """The batches of one sweep."""

    def __init__(
        self,
        sweep_dir: Path,
        task: Callable[[], bytes],
        request: Request,
        policy: Policy,
        options: ClusterOptions,
        console: Console,
        *,
        warm: bool,
    ) -> None:
        self._sweep_dir = sweep_dir.absolute()
        self._task = task  # pickles it
        self._request = request
        self._policy = policy
        self._options = options
        self._console = console
        self._warm = warm

    def run(self, jobs: Sequence[Job], go_on: str) -> list[Outcome]:
        """Run a batch; what still runs of an earlier start of the sweep is joined.

        Args:
            jobs: what to run, at least one.
            go_on: the command that gathers what is left running.

        Raises:
            PlanError, SubmissionError, QueueAway, OSError: it cannot be submitted.
            SystemExit: a signal stopped the parent, or nothing was to be submitted.

        Returns:
            how they ended, in their order; nothing, where nobody is to wait.
        """
        joined = self._join(jobs)
        taken = {number for chunk in joined for number in chunk.jobs}
        left = [job for job in jobs if job.number not in taken]
        with _signals_held() as let_through:  # what is submitted must be known
            chunks = [*joined, *(self._submit(left, go_on) if left else [])]
            if not self._options.wait:
                print_way_on(go_on, self._console)
                return []
            display = ClusterDisplay(chunks, self._console)
            watch = Watch(chunks, self._resubmit, cancel, display, ask=ask_where)
            try:
                with display:
                    outcomes = {out.job.number: out for out in watch.run(let_through)}
            except Stopped as stop:
                self._leave(stop, watch.open_elements, go_on)
        told = [outcomes[job.number] for job in jobs]
        print_summary(told, self._console)
        return told

    def _submit(self, jobs: Sequence[Job], go_on: str) -> list[Chunk]:
        parts = divide(jobs, self._chunk_size(len(jobs)))
        program = this_program()
        common = queued_status_of(program, time.time())
        for job in jobs:
            remove_result(job.directory)
            attempt = attempts_before(job.directory) + 1
            save_status(
                job, replace(common, job=job.number, overrides=job.overrides, attempt=attempt)
            )
        plan = write_plan(
            self._sweep_dir,
            self._task(),
            parts,
            request=self._request,
            policy=self._policy,
            warm=self._warm,
            program=program,
            seconds=self._options.allocation.seconds if self._options.submit else None,
        )
        numbers = range(1, plan.chunks + 1)
        if self._options.hand_over is not None:
            elements = _hand_over(plan, self._options.hand_over)
        elif not self._options.submit:
            self._tell_commands(plan, go_on)
        else:
            try:
                elements = submit(plan, numbers, self._options.allocation, self._at_once(parts))
            except SubmissionError as refusal:
                _call_off(plan, jobs, replace(common, error=str(refusal)))
                raise
            save_elements(plan, elements)
            self._tell_submitted(len(jobs), elements)
        numbered = enumerate(parts, 1)
        return [Chunk.of(plan, number, part, elements[number]) for number, part in numbered]

    def _tell_submitted(self, jobs: int, elements: Mapping[int, str]) -> None:
        arrays = sorted({element.partition("_")[0] for element in elements.values()})
        self._console.print(
            Text(
                f"exptools: {plural(jobs, 'job')} in {plural(len(elements), 'element')} of "
                f"Slurm's {', '.join(arrays)}, into {short_path(self._sweep_dir)}"
            ),
            soft_wrap=True,
        )

    def _chunk_size(self, jobs: int) -> int:
        if self._options.nodes is not None:
            return -(-jobs // self._options.nodes)
        return self._options.jobs_per_allocation or self._request.jobs or 1

    def _at_once(self, parts: Sequence[Sequence[Job]]) -> int:
        """How many jobs an allocation should have room for."""
        return min(self._at_most, max(map(len, parts)))

    @property
    def _at_most(self) -> int:
        return self._request.jobs or 1

    def _resubmit(self, chunk: Chunk) -> str:
        """Have another element run a chunk, if it can be on another node than those that failed."""
        allocation, jobs = self._options.allocation, min(self._at_most, len(chunk.open_jobs))
        try:
            elements = submit(chunk.plan, [chunk.number], allocation.without(chunk.silent), jobs)
        except SubmissionError:
            if not chunk.silent:
                raise
            elements = submit(chunk.plan, [chunk.number], allocation, jobs)
        with suppress(PlanError, OSError):
            save_elements(chunk.plan, {**read_elements(chunk.plan), **elements})
        return elements[chunk.number]

    def _join(self, jobs: Sequence[Job]) -> list[Chunk]:
        """The chunks of earlier starts of the sweep that still wait or run; no other ever will."""
        waits_for_agents = self._options.hand_over is not None or not self._options.submit
        chunks = join(self._sweep_dir, jobs, waits_for_agents=waits_for_agents)
        if chunks:
            self._tell_joined(chunks)
        return chunks

    def _tell_joined(self, chunks: Sequence[Chunk]) -> None:
        count = sum(len(chunk.jobs) for chunk in chunks)
        self._console.print(
            f"exptools: {plural(len(chunks), 'element')} with {plural(count, 'job')} still wait or "
            "run, and are joined",
            highlight=False,
        )
        commands = [_command(c.plan, str(c.number)) for c in chunks if is_by_hand(c.element)]
        if commands:
            text = "\n".join(("exptools: these run them, where none runs yet:", *commands))
            self._console.print(Text(text), soft_wrap=True)

    def _tell_commands(self, plan: Plan, go_on: str) -> NoReturn:
        """Say how agents are started, and end."""
        self._console.print(
            Text(
                f"exptools: planned, not submitted; these run the jobs, on any machines that see "
                f"this directory (I is from 1 to {plan.chunks}):\n{_command(plan, 'I')}\n"
                f"exptools: and this gathers what they have done:\n{go_on}"
            ),
            soft_wrap=True,
        )
        sys.exit(0)

    def _leave(self, stop: Stopped, elements: Sequence[str], go_on: str) -> NoReturn:
        """Cancel what still runs, or leave it running; then end."""
        if self._should_cancel(len(elements)):
            cancel([element for element in elements if not is_by_hand(element)])
            told = f"{plural(len(elements), 'element')} cancelled"
        else:
            told = f"{plural(len(elements), 'element')} left waiting or running"
        self._console.print(Text(f"exptools: {stop}: {told}", "yellow"), soft_wrap=True)
        print_way_on(go_on, self._console)
        sys.exit(128 + stop.signum)

    def _should_cancel(self, elements: int) -> bool:
        if not (sys.stdin is not None and sys.stdin.isatty() and self._console.is_terminal):
            return self._options.cancel_on_interrupt
        try:
            answer = self._console.input(
                f"exptools: cancel the {plural(elements, 'element')} (c), or leave them in the "
                "queue and running (Enter)? "
            )
        except (KeyboardInterrupt, EOFError):
            return False
        return answer.strip().lower() in ("c", "cancel")


@contextmanager
def _signals_held() -> Iterator[Callable[[], None]]:
    """Have the signals that stop a program wait until what is yielded is called, or the end."""
    if not hasattr(signal, "pthread_sigmask"):
        yield lambda: None
        return
    stops = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, stops)

    def let_through() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    try:
        yield let_through
    finally:
        let_through()


def _call_off(plan: Plan, jobs: Sequence[Job], common: Status) -> None:
    """Have nobody wait for what was not submitted."""
    for number in range(1, plan.chunks + 1):
        take_back(plan, number)
    never = replace(common, state=State.INTERRUPTED, ended=time.time())
    for job in jobs:
        save_status(job, replace(never, job=job.number, overrides=job.overrides))


def _hand_over(plan: Plan, start: Callable[[Plan, int], None]) -> dict[int, str]:
    """Have an agent started for each chunk of a plan; their names, by chunk."""
    names: dict[int, str] = {}
    try:
        for number in range(1, plan.chunks + 1):
            start(plan, number)
            names[number] = by_hand(plan, number)
    finally:
        for number in range(len(names) + 1, plan.chunks + 1):  # nobody would ever run those
            take_back(plan, number)
    return names


def _command(plan: Plan, chunk: str) -> str:
    """How an agent is started by hand."""
    python, where = shlex.quote(sys.executable), shlex.quote(str(plan.sweep_dir))
    newest = plan.number == max(plan_numbers(plan.sweep_dir))
    which = "" if newest else f" --plan {plan.number}"
    return f"{python} -m exptools.launching.agent {where} --chunk {chunk}/{plan.chunks}{which}"
