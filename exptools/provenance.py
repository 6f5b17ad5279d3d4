"""Where a run's code came from, for ``status.json``. Standard library only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def git_state(directory: Path) -> Mapping[str, str | bool] | None:
    """The commit checked out around a directory and whether tracked files differ from it.

    None where there is no git, no repository or no commit yet.
    """
    commit = _git(directory, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(directory, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit.strip(), "dirty": bool(changes)}


def command_line() -> tuple[str, ...]:
    """The command that started this process, interpreter first, as it was typed."""
    return tuple(sys.orig_argv)


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            check=False,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
