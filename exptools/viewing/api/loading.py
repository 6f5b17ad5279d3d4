"""Find runs below directories, as these are written in a notebook: ``~``, ``*``, lists."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path

from exptools.viewing.api.fault_warnings import warn_of_found
from exptools.viewing.api.runs import Runs
from exptools.viewing.configs.secrets import Secrets
from exptools.viewing.errors import QueryError
from exptools.viewing.index import index_of
from exptools.viewing.readers.unread import no_runs
from exptools.viewing.run import natural_key
from exptools.viewing.wording import hydras_directories, no_directory, nothing_of_hydras

Root = str | PathLike[str]


def load(*roots: Root | Iterable[Root], show_secrets: bool = False) -> Runs:
    """Find the runs below one or several directories.

    A directory may begin with ``~``, or be a pattern as ``runs/2026-*``; lists of directories are
    taken, too. Configs and states are as they are now; metrics are read when they are asked for.
    Where there are no runs a warning says what lies there instead; where a config or a status
    cannot be read, which one.

    Args:
        roots: the directories; by default ``outputs`` and ``multirun``, into which Hydra writes.
        show_secrets: whether values of keys such as ``api_key`` are as they stand in the files;
            else ``hidden 1`` stands for the first of them, ``hidden 2`` for another.
    """
    directories = [path for root in _listed(roots) for path in _matching(root)]
    if not roots and not (directories := hydras_directories()):
        raise QueryError(nothing_of_hydras())
    if not directories:
        raise QueryError("load takes the directories that have the runs in them")
    index = index_of(directories, show_secrets=show_secrets)
    index.refresh()
    if not index.snapshot.runs:
        warnings.warn(no_runs(directories, index.secrets), stacklevel=2)
    warn_of_found(index)
    return Runs(index, index.snapshot.runs, ())


def _listed(roots: Iterable[Root | Iterable[Root]]) -> Iterator[Root]:
    for root in roots:
        if isinstance(root, str | PathLike):
            yield root
        elif isinstance(root, Iterable) and not isinstance(root, bytes):
            yield from _listed(root)
        else:
            raise TypeError(f"load takes directories as texts or paths, not {root!r}")


def _matching(root: Root) -> list[Path]:
    """The directories that a root stands for: itself, or those that match it."""
    path = Path(os.path.expanduser(root))
    if path.is_dir():  # also where its name has a bracket in it
        return [path]
    if path.exists():
        raise QueryError(f"{path} is a file; give the directory that has the runs in it")
    if glob.has_magic(str(path)):
        matches = sorted(glob.glob(str(path), recursive=True), key=natural_key)
        directories = [Path(match) for match in matches if os.path.isdir(match)]
        if not directories:
            raise QueryError(f"no directory matches {path}")
        return directories
    raise QueryError(no_directory(path, Secrets().name))
