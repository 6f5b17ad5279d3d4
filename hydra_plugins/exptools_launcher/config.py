"""The launcher's options, and the callback's name, as Hydra's command line knows them."""

# No "from __future__ import annotations": Hydra 1.3 runs this module before sys.modules has it,
# and dataclasses look there for the meaning of annotations that are text.

from dataclasses import asdict, dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf


@dataclass
class LauncherConf:
    """Options of ``hydra/launcher=exptools``; null lets the machine decide."""

    _target_: str = "hydra_plugins.exptools_launcher.launcher.ExptoolsLauncher"

    #: How many jobs run at once. Null: one per GPU; without GPUs one per physical core, within the
    #: control group's CPU quota. More jobs than cores need pin=false.
    jobs: int | None = None

    #: Physical CPU cores for each job. Null: with a GPU, the GPU's share of the cores; without,
    #: one, or more if there are few jobs, which together take half of the cores and leave half to
    #: others.
    cpus_per_job: int | None = None

    #: GPUs for each job: 0 hides them, 0.5 puts two jobs on one, 2 gives two. Null: 1 if there are
    #: GPUs.
    gpus_per_job: float | None = None

    #: Which GPUs to use, by index or UUID: [0,1]. Null: all that this process may use.
    gpus: Any = None

    #: Whether jobs start on GPUs on which somebody computes who is no job of this user's sweeps. If
    #: not, they wait for the end of that. With gpu_memory_per_job they wait for the memory alone.
    share_gpus: bool = False

    #: Start a job only when its GPU has this much free memory: 10GB, 8GiB or bytes. Null: no check.
    gpu_memory_per_job: Any = None

    #: Whether jobs may use all hardware threads of their cores, or one per core.
    smt: bool = True

    #: Physical cores kept free of jobs.
    reserve_cpus: int = 0

    #: Whether jobs are bound to their cores. If not, they wait for no core, and other sweeps may
    #: use the same ones.
    pin: bool = True

    #: What CUDA_VISIBLE_DEVICES contains: uuid, or index (sets CUDA_DEVICE_ORDER=PCI_BUS_ID).
    gpu_ids: str = "uuid"

    #: An rlpyt affinity code such as 4cpu_2gpu_2cxg, whose run slots become the slots. It replaces
    #: the options above except gpu_ids, gpu_memory_per_job and share_gpus. Null: none.
    affinity: str | None = None

    #: "warm": fork each job from your program; "fresh": run your script again, in a new
    #: interpreter. Where a fork is not safe, warm falls back to that and says so.
    start: str = "warm"

    #: Seconds that a job may run. Null: no limit.
    timeout: float | None = None

    #: Seconds that a job has to end by itself after it was asked to; then it is killed.
    grace: float = 5.0

    #: How many times a failed job is retried (also one that was killed or ran out of time).
    max_retries: int = 0

    #: Whether the whole sweep stops when a job has failed for good.
    fail_fast: bool = False

    #: true: continue the sweep in hydra.sweep.dir: skip its completed jobs, run the others in their
    #: old directories, and add new ones. A directory: continue the sweep there.
    resume: bool | str = False

    #: Whether to resume although the config has changed; jobs whose config changed run again.
    resume_changed: bool = False

    #: What runs are, in a directory to be resumed, that nothing says the end of (those of plain
    #: Hydra) or, where the sweeper needs it, the value of: "done", or "again" to run them again.
    #: Null: refuse.
    resume_unknown: str | None = None


@dataclass
class LoggingConf:
    """Options of ``hydra.callbacks.exptools``: how the logger works in each job."""

    _target_: str = "exptools.logging.callback.ExptoolsCallback"

    #: What to do when something cannot be written: "raise", or "warn" once and go on.
    on_error: str = "raise"

    #: Seconds between two rows printed on standard output. Null: print none.
    console: float | None = 5.0

    #: Which snapshots to keep: "last", "all", "gap" (every snapshot_gap-th), "last+gap" or "none".
    snapshot_mode: str = "last"

    #: In the modes with a gap: iterations between two snapshots.
    snapshot_gap: int = 1

    #: How many of the newest snapshots to keep besides the last. Null: all.
    snapshot_keep: int | None = None

    #: Whether ranks above 0 of a distributed training log, too, each in a directory of its own.
    all_ranks: bool = False


@dataclass
class CallbackConf:
    """What ``hydra/callbacks=exptools`` adds to ``hydra.callbacks``."""

    exptools: LoggingConf = field(default_factory=LoggingConf)


# Without types, and open to other keys: `_options` refuses what is wrong, in our words.
_launcher_node = OmegaConf.create(asdict(LauncherConf()))
OmegaConf.set_struct(_launcher_node, value=False)

# The name alone: its options would be built at each start of any Hydra app. Open as it is, it takes
# them all the same, and `_slurm._conf` has what they are by default.
_slurm_node = OmegaConf.create(
    {"_target_": "hydra_plugins.exptools_launcher.launcher.ExptoolsSlurmLauncher"}
)
OmegaConf.set_struct(_slurm_node, value=False)

_store = ConfigStore.instance()
_store.store(group="hydra/launcher", name="exptools", node=_launcher_node, provider="exptools")
_store.store(group="hydra/launcher", name="exptools_slurm", node=_slurm_node, provider="exptools")
_store.store(group="hydra/callbacks", name="exptools", node=CallbackConf, provider="exptools")
