"""The launcher's options: checked, and put into our words."""

from __future__ import annotations

import difflib
import os
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from hydra.errors import CompactHydraException
from omegaconf import DictConfig, open_dict, read_write

from exptools.launching.affinity.codes import AffinityError
from exptools.launching.affinity.layout import make_runs
from exptools.launching.affinity.settings import read_settings
from exptools.launching.jobs.scheduler import Policy
from exptools.launching.machine.slots import Request
from exptools.launching.resume import SweepBusy, SweepLock
from exptools.provenance import write_provenance
from exptools.rundir import PROVENANCE

from .config import LauncherConf


class LaunchError(CompactHydraException):
    """The sweep cannot be started as it was asked for; Hydra shows the message alone."""


_T = TypeVar("_T", Request, Policy)
# What an affinity code says.
_IN_CODES = ("jobs", "cpus_per_job", "gpus_per_job", "gpus", "smt", "reserve_cpus", "pin")


def made(kind: type[_T], options: dict[str, Any]) -> _T:
    """The part of the options that a class takes, checked by it.

    Raises:
        LaunchError: a value makes no sense.
    """
    names = {field.name for field in fields(kind)}
    try:
        return kind(**{name: value for name, value in options.items() if name in names})
    except ValueError as error:
        raise LaunchError(f"hydra.launcher: {error}") from error


def checked(options: dict[str, Any]) -> dict[str, Any]:
    """The options, if all of them are known.

    Raises:
        LaunchError: one is not; the message has the nearest name.
    """
    known = [field.name for field in fields(LauncherConf) if field.name != "_target_"]
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise LaunchError(
                f"hydra.launcher.{name} is no option of the exptools launcher{hint} "
                f"It has {', '.join(known)}"
            )
    _check_affinity(options)
    start = options.get("start", "warm")
    if start not in ("warm", "fresh"):
        raise LaunchError(f"hydra.launcher.start is {start!r}; it should be warm or fresh")
    return options


def _check_affinity(options: dict[str, Any]) -> None:
    """Refuse options that say what the affinity code says, too."""
    if options.get("affinity") is None:
        return
    defaults = {field.name: field.default for field in fields(LauncherConf)}
    both = [name for name in _IN_CODES if options.get(name, defaults[name]) != defaults[name]]
    if both:
        names = ", ".join(f"hydra.launcher.{name}" for name in both)
        raise LaunchError(
            f"hydra.launcher.affinity={options['affinity']} says how the machine is divided, and "
            f"so does {names}: leave one of them out"
        )
    try:
        make_runs(read_settings(str(options["affinity"])))
    except AffinityError as error:
        raise LaunchError(f"hydra.launcher.affinity: {error}") from error


def move_sweep(config: DictConfig, resume: bool | str) -> None:
    """Make the directory that ``resume`` names the sweep's, for the sweeper and for every job.

    Now, for BasicSweeper writes into it before it launches; the config is the sweeper's, too.
    """
    if not isinstance(resume, str):
        return
    if not Path(resume).is_dir():
        raise LaunchError(f"hydra.launcher.resume={resume} is no directory of a sweep")
    quoted = resume.replace("\\", "\\\\").replace("'", "\\'")
    # Hydra 1.4 protects its own part.
    with read_write(config), read_write(config.hydra), open_dict(config):
        config.hydra.sweep.dir = resume
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir='{quoted}'")


def lock(sweep_dir: Path) -> SweepLock:
    """Keep other sweeps out of the sweep directory, which is made where it is missing.

    Raises:
        LaunchError: one is in it, or it cannot be written.
    """
    try:
        return SweepLock(sweep_dir)
    except SweepBusy as busy:
        raise LaunchError(f"{busy}: wait for it, or choose another hydra.sweep.dir") from None
    except OSError as error:
        raise LaunchError(
            f"the sweep directory {sweep_dir} cannot be written ({error.strerror}): "
            "choose another with hydra.sweep.dir=…"
        ) from error


def share_provenance(sweep_dir: Path) -> None:
    """Gather where the code comes from for all jobs, which find it by the environment.

    Raises:
        LaunchError: it cannot be written.
    """
    if os.environ.get(PROVENANCE) == str(sweep_dir.absolute()):
        return  # the callback has
    try:
        write_provenance(sweep_dir.absolute(), Path.cwd())
    except OSError as error:
        raise LaunchError(f"{error.filename} cannot be written: {error.strerror}") from error
    os.environ[PROVENANCE] = str(sweep_dir.absolute())
