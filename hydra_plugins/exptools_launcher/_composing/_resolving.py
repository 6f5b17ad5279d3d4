"""A config whose ``${hydra:…}`` can be resolved before Hydra has set it for a job."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@contextlib.contextmanager
def as_hydras_own(config: DictConfig) -> Iterator[None]:
    """Have ``${hydra:…}``, which is global, mean this config."""
    hydra_config = HydraConfig.instance()
    before = hydra_config.cfg
    hydra_config.cfg = config  # type: ignore[assignment]
    try:
        yield
    finally:
        hydra_config.cfg = before
