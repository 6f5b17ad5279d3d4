"""What Hydra saved beside a run, for runs of launchers that leave nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from exptools.launching.resume import (
    MAX_PARSED,
    EarlierRun,
    parse_saved,
    read_earlier_run,
    saved_ending,
)
from exptools.rundir import read_regular


def read_any_run(directory: Path, hydra_dir: str) -> EarlierRun | None:
    """The run in a directory; without a status, what Hydra's files say; None if neither do.

    Args:
        directory: the run's.
        hydra_dir: the name of Hydra's part of it, usually ``.hydra``.
    """
    run = read_earlier_run(directory)
    overrides = None if run else _read_yaml(directory / hydra_dir / "overrides.yaml")
    if isinstance(overrides, list) and all(isinstance(one, str) for one in overrides):
        run = EarlierRun(directory, tuple(overrides), None, None, *saved_ending(directory))
    if run is None or run.number is not None:
        return run
    if directory.name.isdecimal():
        return replace(run, number=int(directory.name))
    number = read_hydra_job(directory / hydra_dir).get("num")
    return replace(run, number=number if isinstance(number, int) else None)


def read_hydra_job(hydra_dir: Path) -> Mapping[str, Any]:
    """What Hydra has saved of a run's ``hydra.job``; empty where there is nothing."""
    try:
        job = _read_yaml(hydra_dir / "hydra.yaml")["hydra"]["job"]
    except (TypeError, KeyError):
        return {}
    return job if isinstance(job, dict) else {}


def _read_yaml(path: Path) -> Any:
    """What stands in a file; None where it cannot be read."""
    try:
        return parse_saved(read_regular(path, MAX_PARSED).decode())
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return None
