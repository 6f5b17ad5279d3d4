"""Files that git does not track and that may be code: found, read, and put as parts of a patch.

Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from exptools.plain_files import open_plain

MAX_FILE = 2**20  # bytes
_MAX_LOOKED_AT = 5000  # names in directories that git does not track
_LONGEST_LOOK = 1.0  # seconds, for these directories
_TEXT_HEAD = 8000  # bytes: git, too, takes what has a NUL byte there for binary

# Directories that hold no code of this repository, though nobody ignores them: not looked into.
_NO_CODE = re.compile(
    r"__pycache__|node_modules|wandb|mlruns|lightning_logs|\.hydra|\.exptools|\.git|\.tox|\.nox"
    r"|\.(mypy|pytest|ruff)_cache|\.ipynb_checkpoints|.*\.egg-info"
)
# What a run, a sweep or an environment has in it.
_MARKS = {".hydra", ".exptools", "multirun.yaml", "pyvenv.cfg", "conda-meta", "CACHEDIR.TAG"}
_OUTPUT = re.compile(r"(^|/)(outputs|multirun|runs|logs|results|data)/")  # looked into last
_LOG = re.compile(r".*\.(log|out|err|pyc|pyo)|progress(\.\d+)?\.csv|multirun\.yaml")
CODE = (
    *(".py", ".pyx", ".ipynb", ".sh", ".yaml", ".yml", ".toml", ".cfg", ".ini"),
    *(".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".jl", ".r", ".R", ".lua", ".rs"),
)
# A patch is shown to whoever may see the run.
_SECRET = re.compile(
    r"\.env(\..*)?|\.netrc|\.pypirc|\.npmrc|\.pgpass|\.git-credentials|.*\.(pem|key|kdbx)"
    r"|id_(rsa|dsa|ecdsa|ed25519).*|\.(ssh|aws|gnupg|kube|docker)"
    r"|.*(credential|secret|password|api_?key).*\.(json|ya?ml|ini|toml|cfg|txt|env)"
    r"|(credentials?|secrets?|passwords?|(.*_)?token)(\.txt)?|kaggle\.json",
    re.IGNORECASE,
)


class NotInPatch(Exception):
    """Something is left out; the message says why."""


class CodeNotInPatch(NotInPatch):
    """Something is left out that may be code, since it is too much."""


class UntrackedFiles:
    """The files below some paths that git does not track, those first that are code.

    Args:
        top: of the repository.
        paths: from there; a directory ends with a slash.
        not_ignored: which of some paths git does not ignore.
        leave_out: is told of each path below which nothing is looked at, and why.
    """

    def __init__(
        self,
        top: Path,
        paths: Sequence[str],
        not_ignored: Callable[[list[str]], list[str]],
        leave_out: Callable[[str, NotInPatch], None],
    ) -> None:
        self._top = top
        self._not_ignored = not_ignored
        self._leave_out = leave_out
        self.paths = sorted(self._find(paths), key=_usefulness)

    def _find(self, paths: Sequence[str]) -> Iterator[str]:
        """Level by level, as code is seldom deep down; what is named like data comes last."""
        ends, looked_at = time.monotonic() + _LONGEST_LOOK, 0
        level, data = list(paths), list[str]()
        while level or data:
            below: list[str] = []
            # The names of a thousand files should keep nobody from the directories beside them.
            now = [p for p in level if p.endswith(("/", *CODE)) and not _is_output(p)]
            data += [p for p in level if not p.endswith(("/", *CODE)) or _is_output(p)]
            if not now:
                now, data = data, []
            for path in sorted(now, key=_is_output):
                looked_at += 1
                if looked_at > _MAX_LOOKED_AT or time.monotonic() > ends:
                    self._leave_out(path, NotInPatch("and what comes after it: too many files"))
                    return
                if not path.endswith("/"):
                    yield path
                    continue
                try:
                    below += self._entries(path)
                except NotInPatch as reason:
                    self._leave_out(path, reason)
            level = self._not_ignored(below) if below else []

    def _entries(self, directory: str) -> list[str]:
        """What is in a directory; nothing where it holds no code."""
        name = directory.rstrip("/").rpartition("/")[2]
        if _NO_CODE.fullmatch(name):
            return []
        _refuse_secret(name)
        try:
            with os.scandir(self._top / directory) as entries:
                some = islice(entries, _MAX_LOOKED_AT)
                inside = {entry.name: entry.is_dir(follow_symlinks=False) for entry in some}
        except OSError as error:
            raise NotInPatch(f"cannot be read: {error.strerror}") from error
        if ".git" in inside:
            raise NotInPatch("a repository of its own")
        if _MARKS & inside.keys() and not any(name.endswith(".py") for name in inside):
            return []
        if len(inside) == _MAX_LOOKED_AT:
            raise NotInPatch(f"{_MAX_LOOKED_AT} files or more")
        return [f"{directory}{name}{'/' if inside[name] else ''}" for name in sorted(inside)]


def creation(top: Path, path: str) -> bytes:
    """The part of a patch that creates a file as it is now.

    Raises:
        NotInPatch: it is no text, or not for everybody's eyes, or cannot be read.
        CodeNotInPatch: it is text, but too much of it.
    """
    name = path.rpartition("/")[2]
    _refuse_secret(name)
    if _LOG.fullmatch(name):
        raise NotInPatch("a log")
    file = top / path
    try:
        mode = file.lstat().st_mode
        if stat.S_ISLNK(mode):
            return _creation(path, "120000", os.fsencode(os.readlink(file)))
        if not stat.S_ISREG(mode):
            raise NotInPatch("no regular file")
        return _creation(path, "100755" if mode & 0o100 else "100644", _text(file))
    except OSError as error:
        raise NotInPatch(f"cannot be read: {error.strerror}") from error


def _text(file: Path) -> bytes:
    with open(file, "rb", opener=open_plain) as opened:  # whatever stands there by now
        head = opened.read(_TEXT_HEAD)
        if b"\0" in head:
            raise NotInPatch("binary")
        content = head + opened.read(MAX_FILE)
        if len(content) > MAX_FILE:
            raise CodeNotInPatch(f"{os.fstat(opened.fileno()).st_size} bytes")
    return content


def _creation(path: str, mode: str, content: bytes) -> bytes:
    old, new = _quoted(f"a/{path}"), _quoted(f"b/{path}")
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    numbers = f"new file mode {mode}\nindex {'0' * 40}..{blob}\n".encode()
    head = b"diff --git %s %s\n%s" % (old, new, numbers)
    if not content:
        return head
    lines = content.split(b"\n")
    end = b"\n\\ No newline at end of file\n"
    if not lines[-1]:
        lines.pop()
        end = b"\n"
    tab = b"\t" if b" " in new else b""  # without it the name would end at the space
    count = b",%d" % len(lines) if len(lines) > 1 else b""
    hunk = b"--- /dev/null\n+++ %s%s\n@@ -0,0 +1%s @@\n+" % (new, tab, count)
    return head + hunk + b"\n+".join(lines) + end


def _quoted(path: str) -> bytes:
    """A path as git writes it: between quotes, and escaped as in C, where it must be."""
    name = os.fsencode(path)
    escaped = re.sub(rb'[\x00-\x1f\x7f"\\]', _escaped, name)
    return name if escaped == name else b'"' + escaped + b'"'


def _escaped(character: re.Match[bytes]) -> bytes:
    if at := b'\a\b\t\n\v\f\r"\\'.find(character[0]) + 1:
        return b"\\" + b'abtnvfr"\\'[at - 1 : at]
    return b"\\%03o" % character[0][0]


def _refuse_secret(name: str) -> None:
    if _SECRET.fullmatch(name):
        raise NotInPatch("may hold secrets")


def _is_output(path: str) -> bool:
    return _OUTPUT.search(path) is not None


def _usefulness(path: str) -> tuple[bool, int, str]:
    return not path.endswith(CODE), path.count("/"), path
