"""The sweep's directory: chosen, taken for this sweep, and the command that goes on in it."""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict, read_write

from exptools.launching.display.labels import short_path
from exptools.launching.resume import LOCK_FILE, SweepBusy, SweepLock
from exptools.provenance import command_line
from exptools.provenance import write_provenance as record_provenance
from exptools.rundir import HYDRA_DIR, PROVENANCE, SWEEP_FILE

from ._options import LaunchError

_RESUME = re.compile(r"(\+\+?)?hydra\.launcher\.resume=")


def move_sweep(config: DictConfig, sweep_dir: str) -> None:
    """Make a directory that is to be resumed the sweep's, for the sweeper and for every job.

    Now, for BasicSweeper writes into it before it launches; the config is the sweeper's, too.
    """
    if not sweep_dir or not _is_sweep(Path(sweep_dir)):
        near = _nearest_sweep(Path(sweep_dir)) if sweep_dir else ""
        raise LaunchError(
            f"hydra.launcher.resume={sweep_dir} is no directory of a sweep: name one in which the "
            f"runs of a sweep are{near}"
        )
    # Hydra 1.4 protects its own part.
    with read_write(config), read_write(config.hydra), open_dict(config):
        config.hydra.sweep.dir = sweep_dir
        config.hydra.overrides.hydra.append(_override("hydra.sweep.dir", sweep_dir))


def _is_sweep(directory: Path) -> bool:
    """Whether a sweep has begun in a directory, whoever launched it; a run's is none."""
    if (directory / HYDRA_DIR).is_dir():
        return False
    marks = (SWEEP_FILE, LOCK_FILE, f"*/{HYDRA_DIR}")
    return directory.is_dir() and any(any(directory.glob(mark)) for mark in marks)


def _nearest_sweep(directory: Path) -> str:
    """The newest sweep just below or above a directory, as the end of a sentence."""
    if not directory.is_dir() or not directory.absolute().name:
        return ""
    below = [path for depth in ("*", "*/*") for path in directory.glob(depth) if _is_sweep(path)]
    near = below or [path for path in directory.absolute().parents[:2] if _is_sweep(path)]
    if not near:
        return ""
    newest = max(near, key=lambda path: path.stat().st_mtime)
    return f", such as {short_path(newest)}"


def lock_sweep_dir(sweep_dir: Path) -> SweepLock:
    """Keep other sweeps out of the sweep directory, which is made where it is missing.

    Raises:
        LaunchError: one is in it, or it cannot be written, or Hydra would write through a link.
    """
    saved = sweep_dir / SWEEP_FILE
    if os.path.lexists(saved) and not stat.S_ISREG(saved.lstat().st_mode):
        raise LaunchError(
            f"{saved} is a link or no regular file, and Hydra would write through it: remove it, "
            "or choose another hydra.sweep.dir"
        )
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
    try:
        record_provenance(sweep_dir.absolute(), Path.cwd())
    except OSError as error:
        raise LaunchError(f"{error.filename} cannot be written: {error.strerror}") from error
    os.environ[PROVENANCE] = str(sweep_dir.absolute())


def resume_command(sweep_dir: Path) -> str:
    """The user's own command, to be pasted into a shell, which goes on in the sweep's directory."""
    words = [word for word in command_line() if not _RESUME.match(word)]
    return shlex.join([*words, _override("hydra.launcher.resume", short_path(sweep_dir))])


def _override(key: str, text: str) -> str:
    """An override that gives a text to a key, in quotes where Hydra would read something else."""
    plain = f"{key}={text}"
    try:
        override = OverridesParser.create().parse_override(plain)
        if not override.is_sweep_override() and override.value() == text:
            return plain
    except HydraException:
        pass
    return f"{key}={QuotedString(text, Quote.double).with_quotes()}"
