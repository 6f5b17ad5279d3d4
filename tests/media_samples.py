"""Media of a run as the logger leaves them, without a logger."""

from pathlib import Path
from typing import Any

from exptools.logging.media import artifacts
from exptools.logging.media.store import EncodedMedium, MediaRecord, MediaStore, add_to_index


def write_medium(
    run: Path, tag: str, step: int, medium: EncodedMedium, wall_time: float
) -> MediaRecord:
    """A medium with its line in the index."""
    return in_index(run, MediaStore(run).write(tag, step, medium, wall_time))


def store_file(run: Path, *arguments: Any, **options: Any) -> MediaRecord:
    """A file that was logged, with its line in the index."""
    return in_index(run, artifacts.store_file(run, *arguments, **options))


def in_index(run: Path, record: MediaRecord) -> MediaRecord:
    add_to_index(run, record)
    return record
