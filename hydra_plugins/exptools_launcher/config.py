"""The launcher's options, and the callback's name, as Hydra's command line knows them."""

# No "from __future__ import annotations": Hydra 1.3 runs this module before sys.modules has it,
# and dataclasses look there for the meaning of annotations that are text.

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore


@dataclass
class LauncherConf:
    """Options of ``hydra/launcher=exptools``; what is null is chosen from the machine."""

    _target_: str = "hydra_plugins.exptools_launcher.launcher.ExptoolsLauncher"

    # How many jobs run at once. Null: one a GPU where there are GPUs, else one a CPU core.
    jobs: int | None = None

    # Physical CPU cores of each job. Null: the machine's cores divided evenly.
    cpus_per_job: int | None = None

    # GPUs of each job; 0 hides them. Null: 1 where there are GPUs.
    gpus_per_job: int | None = None

    # "warm": jobs are forked from a process that has imported the task already; "fresh": each job
    # imports everything again. Warm falls back to fresh, and says so, where a fork is not safe.
    start: str = "warm"

    # Seconds that a job may run. Null: as long as it wants.
    timeout: float | None = None

    # Seconds that a job has to end by itself after it was asked to; then it is killed.
    grace: float = 5.0

    # How often a job that failed, was killed or ran out of time is started again.
    max_retries: int = 0

    # Whether the sweep stops when a job has failed for good.
    fail_fast: bool = False

    # true: skip the jobs that are completed in hydra.sweep.dir, run the others in their old
    # directories and new ones beside them. A directory: the same, and hydra.sweep.dir is that.
    resume: bool | str = False

    # Whether to resume although the config has changed: the jobs that it changes run again.
    resume_changed: bool = False


@dataclass
class CallbackConf:
    """What ``hydra/callbacks=exptools`` adds to ``hydra.callbacks``."""

    exptools: dict[str, Any] = field(
        default_factory=lambda: {"_target_": "exptools.logging.callback.ExptoolsCallback"}
    )


_store = ConfigStore.instance()
_store.store(group="hydra/launcher", name="exptools", node=LauncherConf, provider="exptools")
_store.store(group="hydra/callbacks", name="exptools", node=CallbackConf, provider="exptools")
