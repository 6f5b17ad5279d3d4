"""``media/``: files of what is logged besides scalars, and an index that says what each is.

An encoder (here that of texts; ``images``, ``histograms``, ``hparams``) turns what the user logged
into an :class:`EncodedMedium`; what it needs is imported when the first of its kind is logged.

Nothing is overwritten: what is logged again for a tag and step gets a file and a line of its own.
Nothing is kept open: a file has its whole content before it has its line in the index.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from exptools.logging.errors import LoggingError, as_logging_error
from exptools.logging.writers.append_file import first_free, first_free_number
from exptools.plain_files import Unwritten, open_plain, read_plain
from exptools.plain_json import parse_json
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


class MediaStore:
    """The files that this process adds to ``media/`` of a run, from any of its threads."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        # What each tag's last file was called, and its number: so that whoever logs again and
        # again for one step need not look through what is there. Only time depends on it, for
        # a name that another process has taken meanwhile cannot be taken twice.
        self._last: dict[str, tuple[tuple[int, str], int]] = {}

    def write(self, tag: str, step: int, medium: EncodedMedium, wall_time: float) -> MediaRecord:
        """Write the file of a medium; it counts as soon as its record is in the index.

        Raises:
            LoggingError: it cannot be written; nothing of it stays.
        """
        directory = f"{MEDIA_DIR}/{directory_of(tag).as_posix()}"
        name = (step, medium.extension)
        last_name, number = self._last.get(tag, (None, 0))
        first = number + 1 if last_name == name else 0
        where, number = self._create(directory, name, first, medium.content)
        self._last[tag] = (name, number)
        digest, size = _sha256(medium.content), len(medium.content)
        return MediaRecord(tag, step, medium.kind, where, wall_time, digest, size)

    def remove(self, record: MediaRecord) -> None:
        """Delete a file that has not come into the index."""
        (self._run_dir / record.path).unlink(missing_ok=True)

    def _create(
        self, directory: str, name: tuple[int, str], number: int, content: bytes
    ) -> tuple[str, int]:
        """Write ``<step>.<ext>``, or ``<step>.<number>.<ext>`` from a number on: path and number.

        It is not written aside: without a line in the index it does not count.
        """

        def where(number: int) -> str:
            step, extension = name
            return f"{directory}/{step}{f'.{number}' if number else ''}.{extension}"

        while True:
            path = self._run_dir / where(number)
            try:
                with as_logging_error(path):
                    self._write_new(path, content)
                return where(number), number
            except LoggingError as error:
                if error.errno != errno.EEXIST:
                    raise
            number = first_free_number(lambda n: self._run_dir / where(n), start=number)

    def _write_new(self, path: Path, content: bytes) -> None:
        try:
            file = FileIO(path, "x")
        except FileNotFoundError:
            try:
                make_media_dir(self._run_dir)
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                if error.errno != errno.EEXIST:
                    raise
                # A link that leads nowhere, say: that no directory can be made takes no name.
                words = "it is no directory"
                raise NotADirectoryError(errno.ENOTDIR, words, error.filename) from error
            file = FileIO(path, "x")
        try:
            with file:
                rest = memoryview(content)
                while rest:
                    rest = rest[file.write(rest) :]
        except BaseException:
            path.unlink(missing_ok=True)
            raise


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
        try:
            content = read_plain(index) if index.exists() else b""
        except Unwritten:  # nothing of it counts
            index.rename(_free_name(index))
            return [], []
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
        with as_logging_error(index):
            write_atomic(_free_name(index), b"".join(lines[False]))
            write_atomic(index, b"".join(lines[True]) + content[size:].lstrip(b"\n"))
    return records[False], records[True]


def _free_name(index: Path) -> Path:
    return first_free(lambda n: index.with_suffix(f".{n}{index.suffix}"), start=1)


@lru_cache(maxsize=256)
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

    To be called in the process's turn to write to the run.

    Raises:
        LoggingError: the disk is full, or the index cannot be written.
    """
    fields = {key: value for key, value in vars(record).items() if value is not None}
    line = json.dumps(fields).encode() + b"\n"
    path = run_dir / MEDIA_INDEX
    with as_logging_error(path), open(path, "ab+", 0, opener=open_plain) as file:
        status = os.fstat(file.fileno())
        file.seek(max(status.st_size - 1, 0))
        if file.read(1) not in (b"", b"\n"):
            line = b"\n" + line  # after half a line, which a crash of the machine can leave
        if status.st_nlink > 1:  # a backup has the file, too, which should stay as it is
            write_atomic(path, read_plain(path) + line)
        elif (written := file.write(line)) != len(line):
            file.truncate(os.fstat(file.fileno()).st_size - written)
            raise LoggingError(None, "the disk is full", str(path))


def _parse(line: bytes) -> MediaRecord | None:
    try:
        fields: dict[str, Any] = parse_json(line)
        record = MediaRecord(**fields)
        # Those that others are compared with; what is of another type nobody of ours has written.
        return replace(record, step=int(record.step), wall_time=float(record.wall_time))
    except (ValueError, TypeError, OverflowError):
        return None


def safe_name(part: str) -> str:
    """What a file system can have of a name: not hidden, no way out, not long."""
    return _UNSAFE.sub("_", part)[:_LONGEST].strip(" .") or "_"


def _sha256(content: bytes) -> str:
    import hashlib  # loads OpenSSL, which a run without media does not need

    return hashlib.sha256(content).hexdigest()


def _directory_name(part: str) -> str:
    safe = safe_name(part)
    return safe.replace(".", "_") if _OURS.fullmatch(safe) else safe
