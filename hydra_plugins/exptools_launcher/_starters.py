"""What starts a sweep's jobs: forks of the program if that is safe, else the program run again."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.types import HydraContext, TaskFunction
from rich.console import Console

from exptools.launching.jobs.fresh import Starter
from exptools.launching.jobs.helper_client import CannotFork, fork_helper
from exptools.launching.launch_signals import LaunchSignals
from exptools.launching.machine.slots import Slot
from exptools.launching.sweep import fresh_starter, rerunning_starter

from ._options import LaunchError
from ._rerun import RerunTask
from ._task import HydraTask


@dataclass(frozen=True)
class Starters:
    """Makes what starts the jobs of a sweep."""

    context: HydraContext
    task_function: TaskFunction
    sweep_dir: Path
    gpu_files: Sequence[str]  # which the program has opened
    console: Console
    note: Callable[[str], None]  # tells the user something
    signals: LaunchSignals

    def make(self, slots: Sequence[Slot], *, warm: bool) -> Starter:
        """What starts the jobs of all batches; with ``warm`` in forks, where that is safe.

        Raises:
            LaunchError: the task cannot be sent to where it is needed, or no process can start.
        """
        try:
            return self._make(slots, warm=warm)
        except OSError as error:
            raise LaunchError(
                f"no process can be started for the jobs: {error.strerror or error}"
            ) from error

    def _make(self, slots: Sequence[Slot], *, warm: bool) -> Starter:
        slot = max(slots, key=lambda slot: slot.threads)
        if not warm:
            return fresh_starter(self._pickled_task(), slot, self.console)
        task = HydraTask(self.context, self.task_function)
        task.prepare()
        task.rehearse()

        def again() -> Starter:
            return self._make_rerunning(slot, "the one that they came from was killed")

        try:
            with self.signals.set_aside() as let_signals_through:
                return fork_helper(task, self.gpu_files, again, self.note, let_signals_through)
        except CannotFork as reason:
            return self._make_rerunning(slot, str(reason))

    def _make_rerunning(self, slot: Slot, why: str) -> Starter:
        """What starts the jobs in forks of a process that runs the program again, or fresh."""
        starter, forks = rerunning_starter(self._pickled_task(), slot, self.sweep_dir, self.console)
        if forks:
            self.note(
                "the jobs are forks of a process that runs the program again, which leaves out "
                f"what stands under the script's guard, for {why}"
            )
        return starter

    def _pickled_task(self) -> bytes:
        return pickle_task(self.context, self.task_function)


def pickle_task(context: HydraContext, task_function: TaskFunction) -> bytes:
    """The task, for a process that runs the program again.

    Raises:
        LaunchError: it cannot be sent there.
    """
    try:
        return pickle.dumps(RerunTask(context, task_function))
    except Exception as error:  # pickling runs code of the user's objects
        name = getattr(task_function, "__qualname__", repr(task_function))
        raise LaunchError(
            f"{name} cannot be sent to the jobs' processes: {error}. Keep open files, locks "
            "and the like out of what it closes over and of Hydra's callbacks"
        ) from error
