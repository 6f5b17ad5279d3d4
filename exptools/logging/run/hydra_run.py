"""The Hydra job that this process runs, if it runs one. Hydra is not imported to learn that."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig


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
