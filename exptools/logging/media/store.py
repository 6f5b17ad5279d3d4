"""``media/``: files of what is logged besides scalars, and an index that says what each is.

Nothing is overwritten: what is logged again for a tag and step gets a file and a line of its own.
Nothing is kept open: a file has its whole content before it has its line in the index.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from exptools.logging.errors import LoggingError, naming
from exptools.logging.writers.append_file import first_free
from exptools.rundir import MEDIA_DIR, MEDIA_INDEX, write_atomic

if TYPE_CHECKING:
    from exptools.logging.media.medium import Medium

FILES = "files"  # in media/, the directory of artifacts

_UNSAFE = re.compile(r"[^\w .=+@,-]")
# Names that files have: a directory of that name would be in their way.
_OURS = re.compile(r"(-?\d+|index)(\.\d+)?\.\w+")
_LONGEST = 60  # characters of a name, at most 240 of the 255 bytes that it may have
_DEEPEST = 8  # directories


@dataclass(frozen=True)
class MediaRecord:
    """A line of the index."""

    tag: str
    step: int
    kind: str  # text, histogram, image, gif, figure, hparams, file
    path: str  # from the run directory, with slashes
    wall_time: float  # Unix seconds
    sha256: str  # of the content, in hex
    size: int  # bytes
    source: str | None = None  # of a file: where it came from
    link: Literal["hard", "symbolic"] | None = None  # of a file that was not copied


def write_medium(
    run_dir: Path, tag: str, step: int, medium: Medium, wall_time: float
) -> MediaRecord:
    """Write the file of a medium and its line of the index; the system has both on return.

    Args:
        run_dir: must exist.
        tag: any text.
        step: of the row that it belongs to.
        medium: what an encoder gave.
        wall_time: Unix seconds.

    Raises:
        LoggingError: it cannot be written; what was logged before stays as it is.
    """
    made_media_dir(run_dir)
    path = _claimed(run_dir / MEDIA_DIR / directory_of(tag), step, medium.extension)
    digest = _sha256(medium.content)
    where = path.relative_to(run_dir).as_posix()
    size = len(medium.content)
    record = MediaRecord(tag, step, medium.kind, where, wall_time, digest, size)
    try:
        with naming(path):
            write_atomic(path, medium.content)
        add_to_index(run_dir, record)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return record


def read_index(run_dir: Path) -> list[MediaRecord]:
    """What the index says, in the order in which it was logged; half-written lines are left out.

    Raises:
        LoggingError: there is an index that cannot be read.
    """
    return [record for _, record in _lines(_index(run_dir)) if record is not None]


def index_size(run_dir: Path) -> int:
    """How many bytes the index has, 0 where there is none."""
    path = run_dir / MEDIA_INDEX
    return path.stat().st_size if path.exists() else 0


def set_aside_media(run_dir: Path, after: int | None, size: int) -> None:
    """Move the lines of what an attempt replaces to ``index.<attempt>.jsonl``; the files stay.

    Args:
        run_dir: the run.
        after: the step from which the attempt goes on; None if it starts afresh.
        size: bytes of the index that earlier attempts have written; the rest is this one's.

    Raises:
        LoggingError: the index cannot be read or written.
    """
    content = _index(run_dir)
    kept: list[bytes] = []
    moved: list[bytes] = []
    for line, record in _lines(content[:size]):
        counts = record is not None and after is not None and record.step <= after
        (kept if counts else moved).append(line)
    if moved:
        index = run_dir / MEDIA_INDEX
        free = first_free(lambda n: index.with_suffix(f".{n}{index.suffix}"), start=1)
        with naming(index):
            write_atomic(free, b"".join(moved))
            write_atomic(index, b"".join(kept) + content[size:].lstrip(b"\n"))


def directory_of(tag: str) -> Path:
    """The directory, within ``media/``, of a tag's files.

    Slashes make subdirectories. A tag of which a file system cannot have all, or that would leave
    the directory or hide in it, gets what it can have and a part of its hash.
    """
    parts = [_directory_name(part) for part in tag.split("/")[:_DEEPEST]]
    if "/".join(parts) != tag or parts[0].casefold() == FILES:
        digest = _sha256(tag.encode(errors="replace"))
        parts[-1] += f"~{digest[:8]}"  # no tag that stays as it is has this character
    return Path(*parts)


def made_media_dir(run_dir: Path) -> Path:
    """``media/`` of a run, made where it is missing; the run itself is not made again."""
    path = run_dir / MEDIA_DIR
    with naming(path):
        path.mkdir(exist_ok=True)
    return path


def add_to_index(run_dir: Path, record: MediaRecord) -> None:
    """Add a line in one write, or leave the index as it was and raise.

    Raises:
        LoggingError: the disk is full, or the index cannot be written.
    """
    fields = {key: value for key, value in asdict(record).items() if value is not None}
    line = json.dumps(fields).encode() + b"\n"
    path = run_dir / MEDIA_INDEX
    with naming(path), open(path, "ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        if file.read(1) not in (b"", b"\n"):
            line = b"\n" + line  # after half a line, which a crash of the machine can leave
        if (written := file.write(line)) != len(line):
            file.truncate(os.fstat(file.fileno()).st_size - written)
            raise LoggingError(None, "the disk is full", str(path))


def _index(run_dir: Path) -> bytes:
    path = run_dir / MEDIA_INDEX
    with naming(path):
        return path.read_bytes() if path.exists() else b""


def _lines(content: bytes) -> list[tuple[bytes, MediaRecord | None]]:
    return [(line + b"\n", _parsed(line)) for line in content.split(b"\n") if line]


def _parsed(line: bytes) -> MediaRecord | None:
    try:
        fields: dict[str, Any] = json.loads(line)
        return MediaRecord(**fields)
    except (ValueError, TypeError):
        return None


def _claimed(directory: Path, step: int, extension: str) -> Path:
    """An empty file that nobody else has: ``<step>.<ext>``, or ``<step>.1.<ext>`` and so on."""
    with naming(directory):
        directory.mkdir(parents=True, exist_ok=True)
        for path in _numbered(directory, step, extension):
            try:
                path.touch(exist_ok=False)
            except FileExistsError:
                continue
            return path
    raise AssertionError("numbers do not end")


def _numbered(directory: Path, step: int, extension: str) -> Iterator[Path]:
    yield directory / f"{step}.{extension}"
    for number in count(1):
        yield directory / f"{step}.{number}.{extension}"


def safe_name(part: str) -> str:
    """What a file system can have of a name: not hidden, no way out, not long."""
    return _UNSAFE.sub("_", part)[:_LONGEST].strip(" .") or "_"


def _sha256(content: bytes) -> str:
    import hashlib  # loads OpenSSL, which a run without media does not need

    return hashlib.sha256(content).hexdigest()


def _directory_name(part: str) -> str:
    safe = safe_name(part)
    return safe.replace(".", "_") if _OURS.fullmatch(safe) else safe
