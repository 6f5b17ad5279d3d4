"""A batch of jobs on a cluster: planned, submitted or joined, watched, and told."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from exptools.launching.cluster.chunk import Chunk
from exptools.launching.cluster.display import ClusterDisplay
from exptools.launching.cluster.elements import AllocationOptions, cancel, submit
from exptools.launching.cluster.plan import (
    Plan,
    PlanError,
    Program,
    plan_numbers,
    read_plan,
    write_plan,
)
from exptools.launching.cluster.queue import ask_queue
from exptools.launching.cluster.watch import Stopped, Watch
from exptools.launching.display.labels import plural, short_path
from exptools.launching.display.sweep_display import print_summary, print_way_on
from exptools.launching.jobs.outcomes import Job, Outcome, queued_status, save_status
from exptools.launching.jobs.scheduler import Policy
from exptools.launching.machine.request import Request
from exptools.plain_files import read_own
from exptools.provenance import command_line, git_state, main_script
from exptools.rundir import PROVENANCE, RETURN_FILE, Status, write_atomic

# Of the environment, what must be the same where a batch script starts an agent.
_KEPT = (PROVENANCE, "PYTHONPATH", "PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "HYDRA_FULL_ERROR")


@dataclass(frozen=True)
class ClusterOptions:
    """How jobs are divided among allocations, and what is asked for each."""

    allocation: AllocationOptions
    jobs_per_allocation: int | None = None  # None: as many as run at once
    nodes: int | None = None  # how many allocations; None: as many as that makes
    cancel_on_interrupt: bool = False  # without a terminal to ask on
    submit: bool = True  # whether to submit, or to say how agents are started


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
        """
        joined = self._join(jobs)
        taken = {number for chunk in joined for number in chunk.jobs}
        left = [job for job in jobs if job.number not in taken]
        with _signals_held() as let_through:  # what is submitted must be known
            chunks = [*joined, *(self._submit(left, go_on) if left else [])]
            display = ClusterDisplay(chunks, self._console)
            watch = Watch(chunks, self._resubmit, cancel, display)
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
        common = replace(queued_status(), pid=None, pid_start=None, host="")
        for job in jobs:
            (job.directory / RETURN_FILE).unlink(missing_ok=True)  # of an earlier attempt
            save_status(job, replace(common, job=job.number, overrides=job.overrides))
        plan = write_plan(
            self._sweep_dir,
            self._task(),
            parts,
            request=self._request,
            policy=self._policy,
            warm=self._warm,
            program=this_program(),
            planned=time.time(),
        )
        if not self._options.submit:
            self._tell_commands(plan, go_on)
        elements = submit(
            plan, range(1, plan.chunks + 1), self._options.allocation, self._at_once(parts)
        )
        _save_elements(plan, elements)
        arrays = sorted({element.partition("_")[0] for element in elements.values()})
        self._console.print(
            Text(
                f"exptools: {plural(len(jobs), 'job')} in {plural(plan.chunks, 'element')} of "
                f"Slurm's {', '.join(arrays)}, into {short_path(self._sweep_dir)}"
            ),
            soft_wrap=True,
        )
        numbered = enumerate(parts, 1)
        return [_chunk(plan, number, part, elements[number], common) for number, part in numbered]

    def _chunk_size(self, jobs: int) -> int:
        if self._options.nodes is not None:
            return -(-jobs // self._options.nodes)
        return self._options.jobs_per_allocation or self._request.jobs or 1

    def _at_once(self, parts: Sequence[Sequence[Job]]) -> int:
        """How many jobs an allocation should have room for."""
        return min(self._request.jobs or 1, max(map(len, parts)))

    def _resubmit(self, chunk: Chunk) -> str:
        elements = submit(
            chunk.plan,
            [chunk.number],
            self._options.allocation,
            min(self._request.jobs or 1, len(chunk.open_jobs)),
        )
        element = elements[chunk.number]
        with suppress(PlanError):
            _save_elements(chunk.plan, {**_read_elements(chunk.plan), **elements})
        return element

    def _join(self, jobs: Sequence[Job]) -> list[Chunk]:
        """The chunks of earlier starts of the sweep whose elements still wait or run."""
        by_directory = {job.directory: job for job in jobs}
        plans = [read_plan(self._sweep_dir, number) for number in plan_numbers(self._sweep_dir)]
        elements = [(plan, *item) for plan in plans for item in _read_elements(plan).items()]
        if not elements:
            return []
        standings = ask_queue([element for _, _, element in elements])
        chunks = []
        for plan, number, element in elements:
            if standings[element].waits or standings[element].runs:
                ours = [
                    by_directory[job.directory]
                    for job in plan.jobs(number)
                    if job.directory in by_directory
                ]
                if ours:
                    chunks.append(_chunk(plan, number, ours, element, _common(plan.program)))
        if chunks:
            count = sum(len(chunk.jobs) for chunk in chunks)
            self._console.print(
                f"exptools: {plural(len(chunks), 'element')} with {plural(count, 'job')} still "
                "wait or run, and are joined",
                highlight=False,
            )
        return chunks

    def _tell_commands(self, plan: Plan, go_on: str) -> NoReturn:
        """Say how agents are started, and end."""
        python, where = shlex.quote(sys.executable), shlex.quote(str(plan.sweep_dir))
        self._console.print(
            Text(
                f"exptools: planned, not submitted; these run the jobs, on any machines that see "
                f"this directory (I is from 1 to {plan.chunks}):\n"
                f"{python} -m exptools.launching.agent {where} --chunk I/{plan.chunks}\n"
                f"exptools: and this gathers what they have done:\n{go_on}"
            ),
            soft_wrap=True,
        )
        sys.exit(0)

    def _leave(self, stop: Stopped, elements: Sequence[str], go_on: str) -> NoReturn:
        """Cancel what still runs, or leave it running; then end."""
        if self._should_cancel(len(elements)):
            cancel(elements)
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


def divide(jobs: Sequence[Job], size: int) -> list[Sequence[Job]]:
    """Jobs in chunks of at most so many, as even as they can be, in their order."""
    count = -(-len(jobs) // size)
    bounds = [len(jobs) * number // count for number in range(count + 1)]
    return [jobs[begin:end] for begin, end in itertools.pairwise(bounds)]


def this_program() -> Program:
    """How this process was started."""
    return Program(
        path=tuple(os.path.abspath(entry) for entry in sys.path),
        argv=tuple(sys.argv),
        directory=os.getcwd(),
        environment={name: os.environ[name] for name in _KEPT if name in os.environ},
        command=command_line(),
        git=git_state(Path.cwd()),
        script=main_script(),
    )


def _chunk(plan: Plan, number: int, jobs: Sequence[Job], element: str, common: Status) -> Chunk:
    return Chunk(plan, number, {job.number: job for job in jobs}, common, element)


def _common(program: Program) -> Status:
    common = replace(queued_status(), pid=None, pid_start=None, host="")
    return replace(common, command=program.command, git=program.git, script=program.script)


def _save_elements(plan: Plan, elements: dict[int, str]) -> None:
    write_atomic(plan.directory / "elements.json", json.dumps(elements).encode())


def _read_elements(plan: Plan) -> dict[int, str]:
    """Slurm's names of a plan's elements, by chunk; none where nothing was submitted.

    Raises:
        PlanError: what stands there makes no sense.
    """
    path = plan.directory / "elements.json"
    try:
        record = json.loads(read_own(path))
        return {int(chunk): str(element) for chunk, element in record.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise PlanError(f"{path} cannot be read: {error}") from error
