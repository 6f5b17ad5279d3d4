"""Files that users log: copied or linked into ``media/files/``, each content once."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from exptools.asides import written_aside
from exptools.hints import did_you_mean
from exptools.logging.errors import as_logging_error
from exptools.logging.media.store import FILES, MediaRecord, make_media_dir, safe_name
from exptools.plain_files import is_sparse, open_plain

_CHUNK = 2**20  # bytes
_MOST_ALIKE = 4  # files that may have a content: there is one, but for what others put there
_WITH_ENDING = re.compile(r"(.+)(\.\w{1,14})", re.DOTALL)


def store_file(
    run_dir: Path,
    tag: str,
    source: str | os.PathLike[str],
    step: int,
    wall_time: float,
    *,
    link: bool = False,
) -> MediaRecord:
    """Keep a file as it is now: ``media/files/<part of its hash>/<its name>``.

    A content that is there already is not stored again. It counts as soon as its record is in the
    index.

    Args:
        link: not to copy, but to make a hard link, or where the file system cannot, a symbolic
            one. It costs no space, and shows what the file later becomes if it is written to.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is a directory, or another thing that is no regular file.
        LoggingError: it cannot be read or stored; what was logged before stays as it is.
    """
    path = Path(source).absolute()
    _validate(tag, path)
    files = make_media_dir(run_dir) / FILES
    with as_logging_error(files):
        files.mkdir(exist_ok=True)
    kind_of_link = None
    with ExitStack() as until_stored:
        until_stored.enter_context(as_logging_error(files))
        copy = None if link else until_stored.enter_context(written_aside(files / path.name))
        digest, size = _hash(path, copy)
        home = files / digest[:16]
        stored = _find_content(home, digest, size, path.resolve())
        if stored is None:
            stored = home / _name(path.name)
            home.mkdir(exist_ok=True)
            if copy is None:
                kind_of_link = _link(path, stored)
            else:
                copy.replace(stored)
    where = stored.relative_to(run_dir).as_posix()
    origin = str(path)
    return MediaRecord(tag, step, "file", where, wall_time, digest, size, origin, kind_of_link)


def _name(name: str) -> str:
    if match := _WITH_ENDING.fullmatch(name):
        return safe_name(match[1]) + match[2]
    return safe_name(name)


def _validate(tag: str, path: Path) -> None:
    if path.is_dir():
        raise ValueError(
            f"the file {tag!r} should be one file, not the directory {path}: log its files, or an "
            "archive of it (shutil.make_archive)"
        )
    if not path.exists():
        siblings = os.listdir(path.parent) if path.parent.is_dir() else []
        hint = did_you_mean(path.name, siblings)
        raise FileNotFoundError(f"the file {tag!r} is not there: {path}{hint}")
    if not path.is_file():
        raise ValueError(f"the file {tag!r} should be a regular file, which {path} is not")


def _link(path: Path, stored: Path) -> Literal["hard", "symbolic"]:
    stored.unlink(missing_ok=True)  # a link to what has become another content
    try:
        os.link(path.resolve(), stored)  # not to a link, which may lead elsewhere from there
    except OSError:  # another file system, or one without
        stored.symlink_to(path.resolve())
        return "symbolic"
    return "hard"


def _hash(path: Path, copy: Path | None) -> tuple[str, int]:
    """SHA-256 and size of a file, which is copied at the same time, so that they are the copy's."""
    digest, size = hashlib.sha256(), 0
    with ExitStack() as files:
        with as_logging_error(path):
            source = files.enter_context(open(path, "rb"))
        files.enter_context(as_logging_error(copy or path))
        target = files.enter_context(open(copy, "wb", opener=open_plain)) if copy else None
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if target:
                target.write(chunk)
    return digest.hexdigest(), size


def _find_content(home: Path, digest: str, size: int, source: Path) -> Path | None:
    """The file that has the content of a source, or the link to that."""
    if not home.is_dir():
        return None
    alike = 0
    for path in sorted(home.iterdir()):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            if path.readlink() == source:
                return path
        elif stat.S_ISREG(status.st_mode) and status.st_size == size and alike < _MOST_ALIKE:
            alike += 1
            if _has_content(path, digest, size):
                return path
    return None


def _has_content(path: Path, digest: str, size: int) -> bool:
    found, left = hashlib.sha256(), size
    try:
        with open(path, "rb", opener=open_plain) as file:
            if is_sparse(file.fileno()):
                return False
            while left > 0 and (chunk := file.read(min(_CHUNK, left))):
                found.update(chunk)
                left -= len(chunk)
    except OSError:  # another user's, who keeps it from us
        return False
    return found.hexdigest() == digest
