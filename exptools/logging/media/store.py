"""``media/``: files of what is logged besides scalars, and an index that says what each is.

An encoder (here that of texts; ``images``, ``histograms``, ``hparams``) turns what the user logged
into an :class:`EncodedMedium`; what it needs is imported when the first of its kind is logged.

Nothing is overwritten: what is logged again for a tag and step gets a file and a line of its own.
Nothing is kept open: a file has its whole content before it has its line in the index.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from exptools.logging.errors import LoggingError, as_logging_error
from exptools.logging.writers.append_file import first_free
from exptools.rundir import MEDIA_DIR, MEDIA_INDEX, write_atomic

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

FILES = "files"  # in media/, the directory of artifacts

_UNSAFE = re.compile(r"[^\w .=+@,-]")
# Names that files have: a directory of that name would be in their way.
_OURS = re.compile(r"(-?\d+|index)(\.\d+)?\.\w+")
_LONGEST = 60  # characters of a name, at most 240 of the 255 bytes that it may have
_DEEPEST = 8  # directories


@dataclass(frozen=True)
class EncodedMedium:
    """Something logged that is no scalar, as it goes to the disk."""

    kind: str  # text, histogram, image, gif, figure, hparams
    extension: str  # of the file, without the dot
    content: bytes  # of the file
    summaries: tuple[Summary.Value, ...] = ()  # for the event file; none where it cannot be shown


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


def encode_text(tag: str, text: str) -> EncodedMedium:
    """A text, which TensorBoard shows as Markdown; the file holds it as it is, in UTF-8.

    Raises:
        TypeError: it is no text.
    """
    if not isinstance(text, str):
        kind = type(text).__name__
        raise TypeError(f"the text {tag!r} should be a str, not {kind}: give str(value)")
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.text.metadata import create_summary_metadata

    # What stands for bytes that are no UTF-8 cannot be written; the rest of it can.
    content = text.encode(errors="replace")
    value = Summary.Value(
        tag=tag,
        metadata=create_summary_metadata(display_name=None, description=None),
        tensor=TensorProto(dtype=DT_STRING, string_val=[content]),
    )
    return EncodedMedium("text", "txt", content, (value,))


def write_medium(
    run_dir: Path, tag: str, step: int, medium: EncodedMedium, wall_time: float
) -> MediaRecord:
    """Write the file of a medium and its line of the index; the system has both on return.

    Raises:
        LoggingError: it cannot be written; what was logged before stays as it is.
    """
    make_media_dir(run_dir)
    path = _claim(run_dir / MEDIA_DIR / directory_of(tag), step, medium.extension)
    digest = _sha256(medium.content)
    where = path.relative_to(run_dir).as_posix()
    size = len(medium.content)
    record = MediaRecord(tag, step, medium.kind, where, wall_time, digest, size)
    try:
        with as_logging_error(path):
            write_atomic(path, medium.content)
        add_to_index(run_dir, record)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return record


def index_size(run_dir: Path) -> int:
    """How many bytes the index has, 0 where there is none."""
    path = run_dir / MEDIA_INDEX
    return path.stat().st_size if path.exists() else 0


def set_aside_media(
    run_dir: Path, counts: Callable[[int, MediaRecord], bool], size: int
) -> tuple[list[MediaRecord], list[MediaRecord]]:
    """Move the lines of what an attempt replaces to ``index.<attempt>.jsonl``; the files stay.

    Args:
        run_dir: the run.
        counts: whether a medium stays, whose line begins at some byte of the index.
        size: bytes of the index that earlier attempts have written; the rest is this one's.

    Returns:
        the media whose lines have moved, and those whose lines stay.

    Raises:
        LoggingError: the index cannot be read or written.
    """
    index = run_dir / MEDIA_INDEX
    with as_logging_error(index):
        content = index.read_bytes() if index.exists() else b""
    lines: dict[bool, list[bytes]] = {False: [], True: []}
    records: dict[bool, list[MediaRecord]] = {False: [], True: []}
    position = 0
    for line in content[:size].split(b"\n"):
        if line:
            record = _parse(line)
            stays = record is not None and counts(position, record)
            lines[stays].append(line + b"\n")
            if record is not None:
                records[stays].append(record)
        position += len(line) + 1
    if lines[False]:
        free = first_free(lambda n: index.with_suffix(f".{n}{index.suffix}"), start=1)
        with as_logging_error(index):
            write_atomic(free, b"".join(lines[False]))
            write_atomic(index, b"".join(lines[True]) + content[size:].lstrip(b"\n"))
    return records[False], records[True]


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


def make_media_dir(run_dir: Path) -> Path:
    """``media/`` of a run, made where it is missing; the run itself is not made again."""
    path = run_dir / MEDIA_DIR
    with as_logging_error(path):
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
    with as_logging_error(path), open(path, "ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        if file.read(1) not in (b"", b"\n"):
            line = b"\n" + line  # after half a line, which a crash of the machine can leave
        if (written := file.write(line)) != len(line):
            file.truncate(os.fstat(file.fileno()).st_size - written)
            raise LoggingError(None, "the disk is full", str(path))


def _parse(line: bytes) -> MediaRecord | None:
    try:
        fields: dict[str, Any] = json.loads(line)
        return MediaRecord(**fields)
    except (ValueError, TypeError, RecursionError):
        return None


def _claim(directory: Path, step: int, extension: str) -> Path:
    """An empty file that nobody else has: ``<step>.<ext>``, or ``<step>.1.<ext>`` and so on."""

    def path_number(number: int) -> Path:
        return directory / f"{step}{f'.{number}' if number else ''}.{extension}"

    with as_logging_error(directory):
        directory.mkdir(parents=True, exist_ok=True)
        while True:
            path = first_free(path_number, start=0)
            with contextlib.suppress(FileExistsError):  # another process was faster
                path.touch(exist_ok=False)
                return path


def safe_name(part: str) -> str:
    """What a file system can have of a name: not hidden, no way out, not long."""
    return _UNSAFE.sub("_", part)[:_LONGEST].strip(" .") or "_"


def _sha256(content: bytes) -> str:
    import hashlib  # loads OpenSSL, which a run without media does not need

    return hashlib.sha256(content).hexdigest()


def _directory_name(part: str) -> str:
    safe = safe_name(part)
    return safe.replace(".", "_") if _OURS.fullmatch(safe) else safe
