"""The options of ``hydra/launcher=exptools_slurm``; `config` registers its name alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..config import LauncherConf


@dataclass
class SlurmConf(LauncherConf):
    """Options of ``hydra/launcher=exptools_slurm``: those above hold in each allocation."""

    _target_: str = "hydra_plugins.exptools_launcher.launcher.ExptoolsSlurmLauncher"

    #: How many jobs one allocation (an element of Slurm's job array) runs, `jobs` of them at once.
    #: 1 is one job an element. Null: as many as it runs at once.
    jobs_per_allocation: int | None = None

    #: Into how many allocations all jobs are divided, instead.
    nodes: int | None = None

    #: How many allocations there may be at once. Null: as many as Slurm gives.
    max_parallel: int | None = None

    #: How long an allocation may take: minutes, or Slurm's "1-12:00:00". Shortly before its end the
    #: jobs are asked to end, and Slurm queues it again to go on.
    time: Any = 60

    #: As in sbatch, for each allocation. Null: the cluster's default.
    mem: str | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None

    #: Any other options of sbatch: {reservation: course, exclusive: true}.
    sbatch: dict[str, Any] = field(default_factory=dict)

    #: Shell commands that run before the jobs: ["module load cuda"].
    setup: list[str] = field(default_factory=list)

    #: Seconds before the end at which Slurm should send its signal. `grace` should fit into them.
    signal_ahead: int = 90

    #: Seconds that a job has to end by itself after it was asked to; then it is killed.
    grace: float = 60.0

    #: What Ctrl-C does with allocations where nobody can be asked: "leave" or "cancel".
    on_interrupt: str = "leave"

    #: Whether to submit. If not, the jobs are planned, and the command that runs a part of them is
    #: printed, for batch scripts of other systems.
    submit: bool = True
