"""The launcher's options: checked, and put into our words."""

from __future__ import annotations

import difflib
import os
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from hydra.errors import CompactHydraException
from omegaconf import DictConfig, open_dict, read_write

from exptools.launching.resume import SweepBusy, SweepLock
from exptools.launching.scheduler import Policy
from exptools.launching.slots import THREAD_VARIABLES, Request
from exptools.provenance import record
from exptools.rundir import PROVENANCE

from .config import LauncherConf


class LaunchError(CompactHydraException):
    """The sweep cannot be started as it was asked for; Hydra shows the message alone."""


_T = TypeVar("_T", Request, Policy)


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
    start = options.get("start", "warm")
    if start not in ("warm", "fresh"):
        raise LaunchError(f"hydra.launcher.start is {start!r}; it should be warm or fresh")
    return options


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


def own_threads() -> list[str]:
    """What to say of thread counts that the user has set in the environment."""
    own = [f"{name}={os.environ[name]}" for name in THREAD_VARIABLES if os.environ.get(name)]
    return [f"{', '.join(own)} is set by you and stays so in the jobs"] if own else []


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
        record(sweep_dir.absolute(), Path.cwd())
    except OSError as error:
        raise LaunchError(f"{error.filename} cannot be written: {error.strerror}") from error
    os.environ[PROVENANCE] = str(sweep_dir.absolute())
