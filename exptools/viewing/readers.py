"""Read what a run's directory says of it: one marker and one small reader a format.

So far there is one format: a run of Hydra's (``.hydra/config.yaml``), of exptools'
(``.exptools/status.json``), or of both. What cannot be read becomes a ``Fault`` of the run; a run
is never dropped for it.

A config is read up to ``MAX_CONFIG`` bytes, ``MAX_KEYS`` leaves, and the limits on depth, aliases
and digits of ``yaml_text``; one beyond is a fault, and counts as empty. Nothing is read from what
is no regular file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from exptools.rundir import (
    HYDRA_CONFIG,
    STATUS_FILE,
    SWEEP_FILE,
    Status,
    StatusError,
    read_regular,
    read_status,
)
from exptools.viewing import yaml_text
from exptools.viewing.configs import flatten
from exptools.viewing.runs import Fault, Run

MARKERS = (HYDRA_CONFIG, STATUS_FILE)  # having one of these files makes a directory a run

MAX_CONFIG = 2**20  # bytes
MAX_KEYS = 5000  # leaves; the page compares each of them over all runs


def is_run(directory: Path) -> bool:
    """Whether a directory is a run's, in a format that we read."""
    # Also where it is no regular file: the run is there, and a fault says what is wrong with it.
    return any(os.path.exists(directory / marker) for marker in MARKERS)


def read_run(directory: Path, root: Path | None = None) -> Run:
    """Read a run's config and status.

    Args:
        directory: the run's directory.
        root: the directory to which the run's name is relative; by default its parent.
    """
    root = root or directory.parent
    config, config_faults = _read_config(directory / HYDRA_CONFIG)
    status, status_faults = _read_status(directory)
    return Run(
        directory=directory,
        name=run_name(directory, root),
        sweep=_sweep(directory, root),
        config=config,
        status=status,
        state=status.observed if status else None,
        faults=config_faults + status_faults,
    )


def run_name(directory: Path, root: Path) -> str:
    """A run's name: its directory as seen from the root; the root's own is no other run's."""
    if directory != root:
        return directory.relative_to(root).as_posix()
    return f"{root.name}/" if (root / root.name).exists() else root.name


def parse_config(text: str) -> Mapping[str, Any]:
    """A config's leaves by their dotted keys, ``${...}`` as written, numbers as Hydra has them.

    Raises:
        ValueError: the text is no YAML, no mapping, or beyond our limits; the message says why.
    """
    try:
        config = yaml_text.load(text)
    except yaml_text.TooLarge as error:
        raise ValueError(error.problem) from error
    except _BAD_YAML as error:
        raise ValueError(f"no valid YAML: {_first_line(error)}") from error
    if config is not None and not isinstance(config, dict):
        raise ValueError(f"a config should be a mapping, not a {type(config).__name__}")
    leaves = dict(islice(flatten(config or {}), MAX_KEYS + 1))
    if len(leaves) > MAX_KEYS:
        raise ValueError(f"a config of more than {MAX_KEYS} keys is not read")
    return MappingProxyType(leaves)


# What PyYAML raises for a value that is not of the type that its tag says.
_BAD_YAML = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


def _read_config(path: Path) -> tuple[Mapping[str, Any], tuple[Fault, ...]]:
    try:
        return parse_config(read_regular(path, MAX_CONFIG).decode()), ()
    except FileNotFoundError:
        return MappingProxyType({}), ()
    except OSError as error:
        return MappingProxyType({}), (Fault(path, None, f"cannot be read: {error.strerror}"),)
    except ValueError as error:
        mark = getattr(error.__cause__, "problem_mark", None)
        fault = Fault(path, mark.line + 1 if mark else None, str(error))
        return MappingProxyType({}), (fault,)


def _read_status(directory: Path) -> tuple[Status | None, tuple[Fault, ...]]:
    try:
        return read_status(directory), ()
    except StatusError as error:
        path = directory / STATUS_FILE  # the fault names it, so its reason need not
        return None, (Fault(path, None, str(error).removeprefix(str(path)).lstrip(": ")),)


def _sweep(directory: Path, root: Path) -> str | None:
    """The nearest directory above the run, up to the root, that Hydra started a sweep in."""
    for parent in directory.parents:
        if (parent / SWEEP_FILE).is_file():
            below = parent != root and parent.is_relative_to(root)
            return parent.relative_to(root).as_posix() if below else parent.name
        if root in (parent, directory):
            break
    return None


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    return str(problem).partition("\n")[0]
