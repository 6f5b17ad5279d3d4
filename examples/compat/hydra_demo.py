"""The variants of docs/compat.md as a Hydra sweep; the commands are there."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    """Train with a config; here it is only printed."""
    print(config)


if __name__ == "__main__":
    main()
