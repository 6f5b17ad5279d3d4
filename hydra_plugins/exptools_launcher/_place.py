"""Where a sweep's jobs run: what `Sweep` knows of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from rich.console import Console

from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.launch_signals import LaunchSignals
from exptools.launching.machine.split import Split


@dataclass(frozen=True)
class SweepSetup:
    """What is known of a sweep once its directory is taken."""

    context: HydraContext  # as the jobs get it
    task_function: TaskFunction
    config: DictConfig  # Hydra's, of the whole sweep
    sweep_dir: Path
    earlier_split: Split | None  # what each job had that an earlier start of the sweep ran
    console: Console
    note: Callable[[str], None]  # tells the user something
    signals: LaunchSignals


class Place(Protocol):
    """Runs the jobs of a sweep: on this machine, or on those of a cluster."""

    def prepare(self, setup: SweepSetup) -> None:
        """Get ready; the sweep's directory is ours."""

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Run a batch of jobs, at least one; their outcomes are in the order of the jobs.

        Raises:
            LaunchError: they cannot be run as the options say.
            SystemExit: a signal stopped the sweep.
        """
