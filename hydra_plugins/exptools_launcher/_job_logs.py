"""Where Hydra writes a job's own log, which it opens as it stands there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from exptools.plain_files import refuse_others_below

from ._composing._resolving import as_hydras_own


def refuse_linked_logs(config: DictConfig, run_dir: Path) -> None:
    """Raise an OSError where Hydra would write a job's log through a link, or wait for a pipe.

    What the user has it write elsewhere may be anything.
    """
    for log in _logs(config):
        # Hydra may change into the run's directory before it opens it.
        for path in {Path(os.path.abspath(log)), Path(os.path.abspath(run_dir / log))}:
            refuse_others_below(run_dir, path)


def _logs(config: DictConfig) -> Iterator[str]:
    job_logging = config.hydra.get("job_logging") or {}
    handlers = job_logging.get("handlers") or {}
    with as_hydras_own(config):
        for name in handlers:
            try:
                handler = handlers[name]
                log = handler.get("filename") if isinstance(handler, Mapping | DictConfig) else None
            except OmegaConfBaseException:  # Hydra will tell
                continue
            if isinstance(log, str):
                yield log
