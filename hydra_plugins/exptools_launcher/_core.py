"""Hydra's words → ours: overrides become jobs, outcomes become JobReturns."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.errors import CompactHydraException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from rich.console import Console

from exptools.launching.outcomes import Job, Outcome
from exptools.launching.process import FreshStarter, Starter
from exptools.launching.progress import Progress, print_summary
from exptools.launching.scheduler import Interrupted, Policy, Scheduler, job_environment
from exptools.launching.slots import Request, Slot, SlotError, make_slots
from exptools.launching.topology import read_machine
from exptools.launching.warm import CannotWarm, WarmStarter

from ._compose import Composed, compose, remember_composition
from ._task import HydraTask, make_job_return
from .config import LauncherConf


class LaunchError(CompactHydraException):
    """The sweep cannot be started as it was asked for; Hydra shows the message alone."""


class Sweep:
    """One multirun: what Hydra gave the launcher, and the run directories taken so far."""

    def __init__(
        self,
        context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
        options: dict[str, Any],
    ) -> None:
        """Check what can be checked now.

        Raises:
            LaunchError: unknown or impossible options, or a sweep directory that we cannot write.
        """
        self._context = context
        self._loader = remember_composition(context)
        self._task_function = task_function
        self._config = config
        self._options = _checked(options)
        self._request = _made(Request, self._options)
        self._policy = _made(Policy, self._options)
        self._taken: dict[Path, Composed] = {}
        self._sweep_dir = Path(str(config.hydra.sweep.dir))
        _check_writable(self._sweep_dir)

    def launch(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        """Run a batch of jobs; their numbers begin at ``first``."""
        setup_globals()
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        jobs = [self._job(overrides, first + i) for i, overrides in enumerate(job_overrides)]
        return [make_job_return(outcome) for outcome in self._run(jobs)]

    def _job(self, overrides: Sequence[str], number: int) -> Job:
        composed = compose(self._loader, self._config, overrides, number)
        other = self._taken.setdefault(composed.directory, composed)
        if other is not composed:
            raise LaunchError(
                f"jobs {other.number} ({_label(other)}) and {number} ({_label(composed)}) would "
                f"both write into {composed.directory}: make hydra.sweep.subdir differ between "
                "jobs, for example hydra.sweep.subdir='${hydra.job.num}'"
            )
        return Job(number, composed.overrides, composed.directory, composed.config)

    def _pickled_task(self) -> bytes:
        context = HydraContext(self._loader.loader, self._context.callbacks)
        task = HydraTask(context, self._task_function, Singleton.get_state())
        try:
            content: bytes = cloudpickle.dumps(task)
        except Exception as error:  # pickling runs code of the user's objects
            name = getattr(self._task_function, "__qualname__", repr(self._task_function))
            raise LaunchError(
                f"{name} cannot be sent to the jobs' processes: {error}. Keep open files, locks "
                "and the like out of its module's globals and of the config's resolvers"
            ) from error
        return content

    def _run(self, jobs: Sequence[Job]) -> list[Outcome]:
        if not jobs:
            return []
        try:
            slots = make_slots(read_machine(), self._request, most=len(jobs))
        except SlotError as error:
            raise LaunchError(str(error)) from error
        console = Console()
        starter = self._starter(slots[0], console)
        try:
            with Progress(jobs, slots, self._sweep_dir, console) as progress:
                outcomes = Scheduler(slots, starter, _Open(), progress, self._policy).run(jobs)
        except Interrupted as interruption:
            print_summary(interruption.outcomes, console)
            sys.exit(128 + interruption.signum)
        finally:
            starter.close()
        print_summary(outcomes, console)
        return outcomes

    def _starter(self, slot: Slot, console: Console) -> Starter:
        task = self._pickled_task()
        if self._options.get("start") != "fresh":
            try:
                return WarmStarter(task, job_environment(slot))
            except CannotWarm as reason:
                console.print(
                    f"exptools: each job starts in a fresh interpreter, for {reason}",
                    soft_wrap=True,
                )
        return FreshStarter(task)


class _Open:
    """A gate that is always open."""

    def try_enter(self, slot: Slot) -> str | None:
        """See `scheduler.Gate`."""
        return None

    def leave(self, slot: Slot) -> None:
        """See `scheduler.Gate`."""


_T = TypeVar("_T", Request, Policy)


def _made(kind: type[_T], options: dict[str, Any]) -> _T:
    names = {field.name for field in fields(kind)}
    try:
        return kind(**{name: value for name, value in options.items() if name in names})
    except ValueError as error:
        raise LaunchError(f"hydra.launcher: {error}") from error


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    known = [field.name for field in fields(LauncherConf) if field.name != "_target_"]
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise LaunchError(
                f"hydra.launcher.{name} is no option of the exptools launcher{hint} "
                f"It has {', '.join(known)}"
            )
    start = options.get("start", "warm")
    if start not in ("warm", "fresh"):
        raise LaunchError(f"hydra.launcher.start is {start!r}; it should be warm or fresh")
    return options


def _check_writable(sweep_dir: Path) -> None:
    try:
        sweep_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        reason = "" if os.access(sweep_dir, os.W_OK) else "no permission to write"
    if reason:
        raise LaunchError(
            f"the sweep directory {sweep_dir} cannot be written ({reason}): "
            "choose another with hydra.sweep.dir=…"
        )


def _label(composed: Composed) -> str:
    return " ".join(composed.overrides) or "no overrides"
