"""Run jobs in slots while people watch: what the doors to the scheduler have in common."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from io import TextIOWrapper
from pathlib import Path

from rich.console import Console

from exptools.launching.display.sweep_display import (
    SweepDisplay,
    print_summary,
    print_way_on,
)
from exptools.launching.jobs.fresh import FreshStarter, Starter
from exptools.launching.jobs.helper_client import CannotFork, start_helper
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.jobs.running import job_environment
from exptools.launching.jobs.scheduler import Interrupted, Policy, Scheduler
from exptools.launching.machine.gate import Gate
from exptools.launching.machine.slots import Slot
from exptools.visible import visible_lines


class SteadyConsole(Console):
    """A console that falls silent when nobody reads it any more, where rich ends the program."""

    def on_broken_pipe(self) -> None:
        """See rich's `Console`."""
        self.quiet = True


def open_console() -> Console:
    """Where the sweep is shown: standard output, on which our signs cannot fail any more."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without our signs has its own
    return SteadyConsole()


def run_jobs(
    jobs: Sequence[Job],
    slots: Sequence[Slot],
    starter: Starter,
    gate: Gate,
    display: SweepDisplay,
    policy: Policy,
    console: Console,
    go_on: str,
) -> list[Outcome]:
    """Run the jobs, show them, and print at the end which went wrong; the gate is closed.

    Where some have not run, ``go_on`` is printed, too: what the user should do to have them run.

    Raises:
        SystemExit: a signal stopped the sweep; no process is left.
    """
    try:
        with closing(gate):
            for note in gate.notes(slots):
                print_note(console, note)
            with display:
                outcomes = Scheduler(slots, starter, gate, display, policy).run(jobs)
    except Interrupted as interruption:
        print_summary(interruption.outcomes, console)
        print_way_on(go_on, console)
        sys.exit(128 + interruption.signum)
    print_summary(outcomes, console)
    if any(outcome.never_started for outcome in outcomes):
        print_way_on(go_on, console)
    return outcomes


def rerunning_starter(
    task: bytes, slot: Slot, directory: Path, console: Console
) -> tuple[Starter, bool]:
    """What starts jobs in forks of a process that runs the program again, else fresh.

    Returns:
        It, and whether it forks; if not, the user was told why.
    """
    environment, note = job_environment(slot, directory), partial(print_note, console)
    try:
        return start_helper(task, environment, note, preload=True), True
    except CannotFork as reason:
        note(
            "each job starts in a fresh interpreter, which leaves out what stands under the "
            f"script's guard, for {reason}"
        )
        return fresh_starter(task, slot, console), False


def fresh_starter(task: bytes, slot: Slot, console: Console) -> Starter:
    """What starts each job in an interpreter of its own, with a helper to watch over them."""
    environment, note = job_environment(slot, Path.cwd()), partial(print_note, console)
    try:
        return start_helper(task, environment, note, preload=False)
    except CannotFork:  # no fork on this system: nobody watches over the jobs
        return FreshStarter(task)


def print_note(console: Console, text: str) -> None:
    """Print a sentence that the user should read once."""
    console.print(
        f"exptools: {visible_lines(text)}",
        style="yellow",
        markup=False,
        highlight=False,  # whose patterns take minutes on a long word
        soft_wrap=True,
    )
