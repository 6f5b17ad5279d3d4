"""Where a run's code came from. Standard library only.

``status.json`` has the commit; ``.exptools/provenance.json`` has all of it, and ``diff.patch``
beside it what differs from the commit. What the jobs of a sweep have in common is gathered once,
in the sweep's directory, and linked into theirs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import socket
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from exptools.plain_files import refuse_linked_directory, refuse_other
from exptools.plain_json import parse_json
from exptools.provenance.git_changes import Changes, changes_around
from exptools.rundir import (
    PATCH_FILE,
    PROVENANCE,
    PROVENANCE_FILE,
    read_regular,
    write_atomic,
)

MAX_LEFT_OUT = 100  # files that are named
MAX_FACTS = 3 * 2**20  # bytes of what was written of the code: a status has to hold some of it
MAX_SHARED = 2**28  # bytes of what is copied from a sweep: more is no patch of ours
_DISTRIBUTION = re.compile(r"([A-Za-z0-9][\w.]*)-(\d[^-]*)(?:-[^/]*)?\.(?:dist|egg)-info")


def git_state(directory: Path) -> Mapping[str, str | bool] | None:
    """The commit checked out around a directory and whether the files there differ from it.

    Where they do, ``diff`` is a digest of how. None where there is no git, no repository or no
    commit yet.
    """
    changes = changes_around(directory)
    return None if changes is None else _as_fields(changes)


def main_script() -> Mapping[str, str] | None:
    """The file that this process runs, and a digest of what it says; None where there is none."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if file is None:
        return None
    try:
        content = Path(file).read_bytes()
    except OSError:
        return None
    return {"path": os.path.abspath(file), "sha256": hashlib.sha256(content).hexdigest()}


def command_line() -> tuple[str, ...]:
    """The command that started this process, interpreter first, as it was typed."""
    return tuple(sys.orig_argv)


def write_provenance(run_dir: Path, code: Path) -> None:
    """Write ``provenance.json`` and ``diff.patch`` into a run's or a sweep's ``.exptools``.

    In a job whose sweep has gathered them (the environment says where) they are linked.

    Args:
        run_dir: the directory, which exists.
        code: a directory in the repository of the code, if it is in any.

    Raises:
        OSError: they cannot be written.
    """
    refuse_linked_directory(str(run_dir / PROVENANCE_FILE))  # before anything there is removed
    shared = os.environ.get(PROVENANCE)
    # A job may start runs of other code, which go elsewhere.
    if shared and Path(shared) in run_dir.parents and _link(Path(shared), run_dir):
        return
    facts, patch = _gather(code)
    if patch:
        write_atomic(run_dir / PATCH_FILE, patch)
    else:
        (run_dir / PATCH_FILE).unlink(missing_ok=True)
    text = json.dumps(facts, ensure_ascii=False, indent=1)
    write_atomic(run_dir / PROVENANCE_FILE, text.encode(errors="replace"))


class Provenance(NamedTuple):
    """The part of a run's provenance that ``status.json`` says, too."""

    git: Mapping[str, str | bool] | None  # as `git_state` says it
    command: tuple[str, ...]
    script: Mapping[str, str] | None  # as `main_script` says it


def read_provenance(run_dir: Path) -> Provenance:
    """What stands in ``provenance.json``; where it could not be written, this process's command."""
    try:
        facts = parse_json(read_regular(run_dir / PROVENANCE_FILE, MAX_FACTS))
        names = ("commit", "dirty", "diff")
        git = facts["git"] and {name: facts["git"][name] for name in names if name in facts["git"]}
        return Provenance(git, tuple(facts["command"]), facts.get("script"))
    except (OSError, ValueError, KeyError, TypeError):
        return Provenance(None, command_line(), None)


def this_provenance(code: Path) -> Provenance:
    """The same of what this process runs; ``code`` is a directory in the repository, if any."""
    return Provenance(git_state(code), command_line(), main_script())


def _link(shared: Path, run_dir: Path) -> bool:
    """Whether the files of the sweep are in the run's directory now."""
    if not (shared / PROVENANCE_FILE).is_file():
        return False
    for name in (PATCH_FILE, PROVENANCE_FILE):
        source, target = shared / name, run_dir / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            _share(source, target)
        except FileNotFoundError:
            continue  # nothing differs from the commit
        except OSError:  # somebody has put something else in its place
            return False
    return True


def _share(source: Path, target: Path) -> None:
    """Give a file a second name, or a copy, and never what a link in its place leads to."""
    refuse_other(source)
    with contextlib.suppress(OSError):  # another file system, or one without links
        os.link(source, target, follow_symlinks=os.link not in os.supports_follow_symlinks)
        if stat.S_ISREG(target.lstat().st_mode):
            return
        target.unlink()
    write_atomic(target, read_regular(source, MAX_SHARED))


def _gather(code: Path) -> tuple[dict[str, object], bytes]:
    changes = changes_around(code)
    facts: dict[str, object] = {
        "version": 1,
        "git": None if changes is None else _all_fields(changes),
        "command": list(command_line()),
        "script": main_script(),
        "directory": str(code),
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "packages": dict(sorted(_packages())),
    }
    return facts, b"" if changes is None else changes.patch


def _all_fields(changes: Changes) -> dict[str, object]:
    return {
        **_as_fields(changes),
        "branch": changes.branch,
        "patch_cut": changes.is_cut,
        "left_out": [
            {"path": one.path, "reason": one.reason} for one in changes.left_out[:MAX_LEFT_OUT]
        ],
        "left_out_count": len(changes.left_out),
    }


def _as_fields(changes: Changes) -> dict[str, str | bool]:
    state: dict[str, str | bool] = {"commit": changes.commit, "dirty": changes.dirty}
    return state if changes.digest is None else {**state, "diff": changes.digest}


def _packages() -> Iterator[tuple[str, str]]:
    """Installed packages and their versions, by the names of the directories that describe them.

    The first one on ``sys.path`` counts, as for imports. Reading what the directories hold, as
    ``importlib.metadata`` does, takes twenty times as long.
    """
    for place in reversed(sys.path):
        with contextlib.suppress(OSError), os.scandir(place or ".") as entries:
            for entry in entries:
                if name := _DISTRIBUTION.fullmatch(entry.name):
                    yield name[1].replace("_", "-").lower(), name[2]
