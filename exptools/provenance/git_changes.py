"""What a working tree differs in from its commit, as a patch that git can apply to the commit.

Files that git does not track are in it, too, if they are text and so may be code. It is bounded in
size and time, for data may differ by gigabytes; what it lacks is named. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from exptools.provenance.untracked import CODE, CodeNotInPatch, NotInPatch, UntrackedFiles, creation

MAX_PATCH = 2**20  # bytes
# Of a directory of the user's, git takes files such as `config` and `HEAD` for a repository of his,
# and runs what they say, whoever has put them there.
_GIT = ("git", "--no-optional-locks", "-c", "safe.bareRepository=explicit")
_TIMEOUT = 10  # seconds, for each question to git
_MAX_TRACKED = 32 * 2**20  # bytes of a changed file of which git is asked for the difference
_MAX_READ = 16 * 2**20  # bytes of what git answers
_MAX_UNTRACKED_READ = 16 * 2**20  # bytes of the patch's parts that are made of such files
_MAX_UNTRACKED = 500  # files in the patch that git does not track
_ANSWER = re.compile(r"([0-9a-f]{40,})\n(.+)\n(.+)\n", re.DOTALL)  # commit, top directory, branch


class LeftOut(NamedTuple):
    """What the patch lacks."""

    path: str  # from the top of the repository
    reason: str
    is_code: bool  # as far as we can tell


@dataclass(frozen=True)
class Changes:
    """How a working tree differs from its commit."""

    commit: str
    branch: str  # "HEAD" where none is checked out
    dirty: bool  # whether tracked files differ, or there are others that may be code
    patch: bytes
    digest: str | None  # tells changes of the code from others; None where only data is new
    left_out: tuple[LeftOut, ...]  # no code, as far as names tell, is not named

    @property
    def is_cut(self) -> bool:
        """Whether the patch lacks what may be code."""
        return any(one.is_code for one in self.left_out)


def changes_around(directory: Path) -> Changes | None:
    """How the repository around a directory differs from its commit.

    None where there is no git, no repository or no commit yet. The repository, its index included,
    stays as it is.
    """
    asked = _git(directory, "rev-parse", "HEAD", "--show-toplevel", "--abbrev-ref", "HEAD")
    # Where a program ignores the ends of its children, each seems to have succeeded.
    answer = _ANSWER.fullmatch(os.fsdecode(asked or b""))
    if answer is None:
        return None
    commit, top, branch = answer.groups()
    top_dir = Path(top)
    # An order that the user has configured, whose file may be gone, is none of the status's.
    status = _git(
        top_dir,
        *("-c", "diff.orderFile=/dev/null", "status", "--porcelain=v2", "-z", "--no-renames"),
        *("--untracked-files=normal", "--ignore-submodules=dirty"),
    )
    patch = _Patch()
    if status is None:  # where git takes too long for the answer, the code is not called clean
        patch.leave_out(
            ".", CodeNotInPatch(f"git fails, or takes more than {_TIMEOUT} s, to say what changed")
        )
        left_out = tuple(patch.left_out)
        return Changes(
            commit, branch, dirty=True, patch=b"", digest=patch.digest, left_out=left_out
        )
    lines = [os.fsdecode(line) for line in status.split(b"\0")]
    tracked = [line for line in lines if line[:1] in ("1", "u")]
    untracked = [line[2:] for line in lines if line[:2] == "? "]
    if tracked:
        untracked += _add_tracked(patch, top_dir, tracked)
    submodules = _changed_submodules(top_dir)
    for path in submodules:
        patch.leave_out(path, CodeNotInPatch("a submodule that has changes of its own"))
    others = _add_untracked(patch, top_dir, untracked)
    left_out = tuple(patch.left_out)
    dirty = bool(tracked or submodules) or others
    return Changes(commit, branch, dirty, b"".join(patch.parts), patch.digest, left_out)


class _Patch:
    """Grows by the parts of files, as many as fit in."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.left_out: list[LeftOut] = []
        self._room = MAX_PATCH
        self._code: list[bytes] = []

    @property
    def digest(self) -> str | None:
        """Tells the code in it, and what there was no room for, from other code."""
        return hashlib.sha256(b"\0".join(self._code)).hexdigest() if self._code else None

    def add(self, path: str, part: bytes, *, is_data: bool = False) -> None:
        if len(part) > self._room:
            self.leave_out(path, CodeNotInPatch(f"{len(part)} bytes"), is_data=is_data)
            return
        self.parts.append(part)
        self._room -= len(part)
        if not is_data:
            self._code.append(part)

    def leave_out(self, path: str, reason: NotInPatch, *, is_data: bool = False) -> None:
        is_code = isinstance(reason, CodeNotInPatch)
        self.left_out.append(LeftOut(path, str(reason), is_code))
        if is_code and not is_data:
            self._code.append(os.fsencode(f"{path}: {reason}"))


def _add_tracked(patch: _Patch, top: Path, lines: Sequence[str]) -> list[str]:
    """Add how tracked files differ; lines as git's status has them.

    Returns:
        the directories in the place of such files, of which git's status says nothing.
    """
    excluded, directories = [], []
    for line in lines:
        fields = line.split(" ", 10 if line[0] == "u" else 8)
        path, is_submodule = fields[-1], fields[2][0] == "S"
        size = _size(top / path)
        if size > _MAX_TRACKED:
            patch.leave_out(path, CodeNotInPatch(f"{size} bytes"))
            excluded.append(path)
        elif not is_submodule and (top / path).is_dir() and not (top / path).is_symlink():
            directories.append(f"{path}/")
    try:
        parts, is_whole = _diff(top, excluded)
    except OSError:  # of more paths than a command takes
        parts, is_whole = [], False
    for path, part in parts:
        patch.add(path, part)
    if not is_whole:
        reason = f"git took more than {_TIMEOUT} s, or said more than {_MAX_READ} bytes"
        patch.leave_out("other tracked files", CodeNotInPatch(reason))
    return directories


def _changed_submodules(top: Path) -> list[str]:
    """The submodules that have changes of their own, or of which git does not say whether.

    Each is asked itself. For a status of the whole git asks them, too, but then it runs what their
    settings say, whoever has put these there.
    """
    if not (top / ".gitmodules").is_file():
        return []
    files = (_git(top, "ls-files", "--stage", "-z") or b"").split(b"\0")
    paths = [os.fsdecode(one.partition(b"\t")[2]) for one in files if one.startswith(b"160000 ")]
    there = [path for path in paths if (top / path / ".git").exists()]
    return [path for path in there if _is_changed(top / path)]


def _is_changed(submodule: Path) -> bool:
    status = _git(submodule, "status", "--porcelain", "--ignore-submodules=dirty")
    return status != b"" or bool(_changed_submodules(submodule))


def _add_untracked(patch: _Patch, top: Path, paths: Sequence[str]) -> bool:
    """Add the files that may be code, of paths that git does not track: are there any?"""
    if paths and str(top) == os.path.expanduser("~"):
        patch.leave_out("untracked files", NotInPatch("the repository is a home directory"))
        return False

    def not_ignored(some: list[str]) -> list[str]:
        answer = _git(top, "check-ignore", "-z", "--stdin", asked="\0".join(some), may_be=(0, 1))
        ignored = set(os.fsdecode(answer or b"").split("\0"))
        return [path for path in some if path not in ignored]

    number = made = 0
    for path in UntrackedFiles(top, paths, not_ignored, patch.leave_out).paths:
        is_data = not path.endswith(CODE)  # which the run itself may have written
        try:
            if made > _MAX_UNTRACKED_READ:  # a few bytes on the disk may have thousands of names
                raise CodeNotInPatch(f"more than {_MAX_UNTRACKED_READ} bytes of such files")
            part = creation(top, path)
            made += len(part)
        except CodeNotInPatch as reason:
            patch.leave_out(path, reason, is_data=is_data)
        except NotInPatch as reason:
            patch.leave_out(path, reason)
            continue
        else:
            if number < _MAX_UNTRACKED:
                patch.add(path, part, is_data=is_data)
            else:
                too_many = CodeNotInPatch(f"more than {_MAX_UNTRACKED} files")
                patch.leave_out(path, too_many, is_data=is_data)
        number += 1
    return number > 0


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:  # deleted
        return 0


def _diff(top: Path, excluded: Sequence[str]) -> tuple[list[tuple[str, bytes]], bool]:
    """How tracked files differ from the commit, each with its path, and whether that is all."""
    # Whatever the user has configured, git can apply the patch.
    settings = ("core.quotePath", "core.safecrlf", "diff.autoRefreshIndex", "diff.relative")
    plain = [word for name in settings for word in ("-c", f"{name}=false")]
    how = ["--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--unified=3"]
    how += ["--src-prefix=a/", "--dst-prefix=b/", "-O/dev/null"]
    how += ["--submodule=short", "--ignore-submodules=dirty"]
    paths = [".", *(f":(exclude,top,literal){path}" for path in excluded)]
    command = [*_GIT, *plain, "diff", "HEAD", *how, "--", *paths]
    with subprocess.Popen(
        command,
        cwd=top,
        env={**os.environ, "GIT_DIFF_OPTS": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        watchdog = threading.Timer(_TIMEOUT, process.kill)
        watchdog.start()
        assert process.stdout is not None
        output = process.stdout.read(_MAX_READ + 1)
        if len(output) > _MAX_READ:
            process.kill()
        process.wait()
        watchdog.cancel()
        watchdog.join()  # a fork should find no thread of ours
    is_whole = process.returncode == 0
    # A line of a file begins with a sign, and what is binary has no spaces.
    parts = re.split(rb"^(?=diff --git )", output, flags=re.MULTILINE)[1:]
    if not is_whole:
        parts = parts[:-1]  # it may be cut
    return [(_path_of(part), part) for part in parts], is_whole


def _path_of(part: bytes) -> str:
    """The path that a part of a patch is about, as well as its first line tells."""
    line = part.partition(b"\n")[0].removeprefix(b"diff --git ")
    same = re.fullmatch(rb'"?a/(.*?)"? "?b/\1"?', line)
    return os.fsdecode(same[1] if same else line)


def _git(
    directory: Path, *arguments: str, asked: str | None = None, may_be: Sequence[int] = (0,)
) -> bytes | None:
    """What git answers; None where it fails or takes too long."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [*_GIT, "--literal-pathspecs", *arguments],
            check=False,
            cwd=directory,
            input=None if asked is None else os.fsencode(asked),
            stdin=subprocess.DEVNULL if asked is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT,
        )
        return done.stdout if done.returncode in may_be else None
    return None
