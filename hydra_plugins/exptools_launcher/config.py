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

    # How many jobs run at once. Null: one a GPU; without GPUs one a physical core, within the
    # control group's CPU quota.
    jobs: int | None = None

    # Physical CPU cores of each job. Null: the cores divided evenly.
    cpus_per_job: int | None = None

    # GPUs of each job: 0 hides them, 0.5 puts two jobs on one, 2 gives two. Null: 1 where there
    # are GPUs.
    gpus_per_job: float | None = None

    # Which GPUs to use, by index or UUID: [0,1]. Null: all that this process may use.
    gpus: Any = None

    # Start a job only when so much memory is free on its GPU: 10GB, 8GiB or bytes. Null: do not
    # look.
    gpu_memory_per_job: Any = None

    # Whether jobs may use all hardware threads of their cores, or one of each.
    smt: bool = True

    # Physical cores that no job gets.
    reserve_cpus: int = 0

    # Whether jobs are bound to their cores. Off: they do not keep other sweeps from them, either.
    pin: bool = True

    # How jobs read their GPUs' names: uuid, or index (sets CUDA_DEVICE_ORDER=PCI_BUS_ID).
    gpu_ids: str = "uuid"

    # An affinity code of rlpyt's, such as 4cpu_2gpu_2cxg, instead of the options above but gpu_ids
    # and gpu_memory_per_job: its run slots are the slots. Null: none.
    affinity: str | None = None

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
class LoggingConf:
    """Options of ``hydra.callbacks.exptools``: how the logger works in each job."""

    _target_: str = "exptools.logging.callback.ExptoolsCallback"

    # What happens when something cannot be written: "raise", or "warn" once and go on.
    on_error: str = "raise"

    # Seconds between two rows that are shown on standard output. Null: none are.
    console: float | None = 5.0

    # Which snapshots are kept: "last", "all", "gap" (each so many-th), "last+gap", or "none".
    snapshot_mode: str = "last"

    # In the modes with a gap: how many iterations lie between two snapshots.
    snapshot_gap: int = 1

    # How many snapshots stay besides the last, the newest ones. Null: all.
    snapshot_keep: int | None = None


@dataclass
class CallbackConf:
    """What ``hydra/callbacks=exptools`` adds to ``hydra.callbacks``."""

    exptools: LoggingConf = field(default_factory=LoggingConf)


_store = ConfigStore.instance()
_store.store(group="hydra/launcher", name="exptools", node=LauncherConf, provider="exptools")
_store.store(group="hydra/callbacks", name="exptools", node=CallbackConf, provider="exptools")
