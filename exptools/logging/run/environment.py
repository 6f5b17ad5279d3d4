"""What this process is to a run, by what the environment and Hydra say: a child, a job.

Workers run the same code as the process that logs. Hydra is not imported to learn it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from exptools.rundir import RUN_ATTEMPT, RUN_DIR, STATUS_WRITER, StatusError, read_status

if TYPE_CHECKING:
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig


def inherited_directory() -> Path | None:
    """The run directory of the process that started this one, None where that has none."""
    text = os.environ.get(RUN_DIR) or os.environ.get(STATUS_WRITER)
    return Path(text) if text and os.path.isdir(text) else None


def is_of_the_run(directory: Path) -> bool:
    """Whether this process was started by one that logs in the directory, or as that run's job."""
    return str(directory) in (os.environ.get(RUN_DIR), os.environ.get(STATUS_WRITER))


def attempt_of_starter(directory: Path) -> str | None:
    """The attempt of who has started this process and logs in the directory; see RowLock.whose."""
    return os.environ.get(RUN_ATTEMPT) if os.environ.get(RUN_DIR) == str(directory) else None


def attempt_name(directory: Path) -> str | None:
    """Which attempt at the run this process belongs to; see :class:`OpenRun` for the answers."""
    if os.environ.get(RUN_DIR) == str(directory):
        return None  # of the process that has started us, which may have closed it
    if os.environ.get(STATUS_WRITER) != str(directory):
        return ""
    try:
        status = read_status(directory)
    except StatusError:
        return ""
    # Not the process, of which the scheduler may write only after that has begun to log.
    return f"{status.attempt} of {status.queued}" if status else ""


@dataclass(frozen=True)
class HydraRun:
    """A Hydra job that runs in this process."""

    directory: Path
    code: Path  # where it was started
    config: object  # Hydra makes a new one for every job
    holder: HydraConfig

    def is_current(self) -> bool:
        """Whether the job still runs; cheap enough to be asked for every scalar."""
        return self.holder.cfg is self.config


def current_hydra_run() -> HydraRun | None:
    """The Hydra job that this process is running, None outside of any."""
    if "hydra.core.hydra_config" not in sys.modules:
        return None
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    holder = HydraConfig.instance()
    # Hydra declares the type of its part; what it keeps is the configuration around that part.
    config = cast("DictConfig | None", holder.cfg)
    directory = None if config is None else OmegaConf.select(config, "hydra.runtime.output_dir")
    if config is None or directory is None:
        return None
    return HydraRun(Path(directory), Path(config.hydra.runtime.cwd), config, holder)
