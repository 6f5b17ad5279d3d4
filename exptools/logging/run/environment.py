"""What this process is to a run, by what torch and the environment say: a rank, a child, a job.

Workers and ranks run the same code as the process that logs. Neither torch nor Hydra is imported to
learn it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from exptools.rundir import RUN_DIR, STATUS_WRITER, StatusError, read_status

if TYPE_CHECKING:
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig


def rank() -> int | None:
    """The rank of this process, None where there is only one.

    As PyTorch says it once its process group is there, else as its launcher ``torchrun`` says it
    in the environment; Lightning's says there only which process of which node it is, so that the
    number is 0 for the first one alone.
    """
    torch = sys.modules.get("torch.distributed")
    if torch is not None and torch.is_available() and torch.is_initialized():
        return int(torch.get_rank()) if torch.get_world_size() > 1 else None
    if (_number("WORLD_SIZE") or 0) < 2:
        return None
    number, local = _number("RANK"), _number("LOCAL_RANK")
    return number if number is not None or local is None else local + (_number("NODE_RANK") or 0)


def is_silent() -> bool:
    """Whether this process leaves logging to rank 0."""
    return bool(rank())


def inherited_directory() -> Path | None:
    """The run directory of the process that started this one, None where that has none."""
    text = os.environ.get(RUN_DIR) or os.environ.get(STATUS_WRITER)
    return Path(text) if text and os.path.isdir(text) else None


def is_of_the_run(directory: Path) -> bool:
    """Whether this process was started by one that logs in the directory, or as that run's job."""
    return str(directory) in (os.environ.get(RUN_DIR), os.environ.get(STATUS_WRITER))


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


def _number(name: str) -> int | None:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else None
