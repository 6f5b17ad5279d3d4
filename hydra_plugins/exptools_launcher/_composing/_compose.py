"""Compose the jobs' configs, each once, and find their run directories."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from exptools.error_line import error_line
from exptools.gc_pause import collector_paused
from exptools.launching.jobs.outcomes import Job
from exptools.plain_files import refuse_others_below
from hydra_plugins.exptools_launcher._options import LaunchError

from ._config_files import read_files_once
from ._packing import pack, unpack
from ._quick_defaults import quick_defaults_lists
from ._resolving import as_hydras_own
from ._templates import Templates


class CachingLoader:
    """Stands for Hydra's config loader and keeps each config that it composed, packed.

    BasicSweeper composes every job's config before the launch only to see that it can, and
    composing is most of what Hydra costs a job. The context is the sweeper's, too, so what it
    validates is kept here.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        self.loader = loader
        read_files_once(loader)
        self._templates = Templates(loader)
        self.on_composed: Callable[[int], None] = lambda count: None  # told how many so far
        self._count = 0
        self._composed: dict[tuple[str, ...], bytes] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        """See Hydra's `ConfigLoader`."""
        config = self._load(master_config, sweep_overrides)
        self._composed[tuple(sweep_overrides)] = pack(config)
        return config

    def take(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The config of a job: as it was validated, or composed now if nobody did."""
        content = self._composed.pop(tuple(sweep_overrides), None)
        if content is None:
            return self._load(master_config, sweep_overrides)
        return unpack(content)

    def _load(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        with collector_paused(), quick_defaults_lists():
            config = self._templates.compose(master_config, sweep_overrides)
        self._count += 1
        self.on_composed(self._count)
        return config


@dataclass(frozen=True)
class Place:
    """A job's number and, if an earlier start of the sweep has given it one, its directory."""

    number: int
    directory: Path | None = None  # absolute


def is_literal(path: str) -> bool:
    """Whether a config takes a path as it is, and not for an interpolation or a missing value."""
    return "${" not in path and path != "???"


def cache_composed_configs(context: HydraContext) -> CachingLoader:
    """Have the context's loader keep what it composes; asked again, the same one answers."""
    if not isinstance(context.config_loader, CachingLoader):
        context.config_loader = CachingLoader(context.config_loader)  # type: ignore[assignment]
    loader: Any = context.config_loader
    assert isinstance(loader, CachingLoader)
    return loader


def compose(
    loader: CachingLoader,
    master_config: DictConfig,
    overrides: Sequence[str],
    place_of: Callable[[tuple[str, ...]], Place],
) -> Job:
    """Compose one job's config; its place follows from the task's overrides.

    Raises what composing does, and:
        LaunchError: its directory cannot be resolved, its name is too long or none for Hydra, or it
            is a link.
    """
    config = loader.take(master_config, list(overrides))
    # As they were given: an interpolation in them is for the job alone to resolve.
    given = OmegaConf.to_container(config.hydra.overrides.task)
    assert isinstance(given, list)
    task_overrides = tuple(map(str, given))
    place = place_of(task_overrides)
    with open_dict(config):
        config.hydra.job.id = str(place.number)  # as Hydra's basic launcher has it
        config.hydra.job.num = place.number
        if place.directory is not None:
            config.hydra.sweep.subdir = os.path.relpath(
                place.directory, str(config.hydra.sweep.dir)
            )
    output_dir = _output_dir(config, place.number)
    directory = Path(os.path.abspath(output_dir))
    _refuse_interpolation(place.number, directory)
    _refuse_link(place.number, Path(os.path.abspath(str(config.hydra.sweep.dir))), directory)
    with open_dict(config):
        # For the job, which would get another one of a time, say, if it resolved it again.
        config.hydra.runtime.output_dir = output_dir
    return Job(place.number, task_overrides, directory, pack(config))


def saved_config(job: Job) -> tuple[Path, str]:
    """Where Hydra saves a job's config, and what it would save now."""
    config = unpack(job.argument)
    # With output_subdir=null it saves none: then there is no such file.
    path = job.directory / str(config.hydra.output_subdir) / "config.yaml"
    with open_dict(config):
        del config["hydra"]
    return path, OmegaConf.to_yaml(config)


def _output_dir(config: DictConfig, number: int) -> str:
    """Where a job is to run; its subdir may refer to ``${hydra:…}``, which is global.

    Raises:
        LaunchError: a part of the path cannot be resolved, or is longer than a name may be.
    """
    parts = []
    try:
        with as_hydras_own(config):
            for key in ("dir", "subdir"):
                parts.append(str(OmegaConf.select(config, f"hydra.sweep.{key}")))
    except OmegaConfBaseException as error:
        raise LaunchError(
            f"hydra.sweep.{key} of job {number} cannot be resolved: {error_line(error)}"
        ) from error
    _refuse_long_name(number, *parts)
    return os.path.join(*parts)


def _refuse_interpolation(number: int, directory: Path) -> None:
    """The job's process reads its directory from the config, which would resolve it once more."""
    if not is_literal(str(directory)):
        raise LaunchError(
            f"the directory of job {number}, {directory}, has ${{ in its path, which Hydra takes "
            "for an interpolation: choose others with hydra.sweep.dir and hydra.sweep.subdir"
        )


def _refuse_link(number: int, sweep_dir: Path, directory: Path) -> None:
    """Below the sweep's directory, which may be a link, one leads wherever its maker wants."""
    try:
        refuse_others_below(sweep_dir, directory)
    except OSError as error:
        raise LaunchError(
            f"job {number} cannot run in {error.filename} ({error.strerror}): remove it, or choose "
            "another hydra.sweep.dir"
        ) from error


def _refuse_long_name(number: int, sweep_dir: str, subdir: str) -> None:
    try:
        most = os.pathconf(sweep_dir, "PC_NAME_MAX")
    except (AttributeError, OSError):  # Windows has no such call
        most = 255
    longest = max(subdir.split(os.sep), key=lambda name: len(os.fsencode(name)))
    size = len(os.fsencode(longest))
    if size > most:
        raise LaunchError(
            f"hydra.sweep.subdir of job {number} has a name of {size} bytes ({longest[:40]}…), and "
            f"{most} are the most here: choose a shorter one, for example "
            "hydra.sweep.subdir='${hydra.job.num}'"
        )
