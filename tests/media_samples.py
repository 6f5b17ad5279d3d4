"""Media of a run as the logger leaves them, without a logger."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from exptools.logging.media import artifacts
from exptools.logging.media.histograms import encode_histogram
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


def write_image(run: Path, tag: str, step: int, color: str = "#2b62d1") -> MediaRecord:
    """A PNG of 16 × 16 pixels in one colour."""
    png = io.BytesIO()
    Image.new("RGB", (16, 16), color).save(png, "png")
    return write_medium(run, tag, step, EncodedMedium("image", "png", png.getvalue()), 1.7e9)


def write_histogram(run: Path, tag: str, step: int, middle: float = 0.0) -> MediaRecord:
    """A histogram of 100 numbers around one."""
    numbers = np.linspace(middle - 1, middle + 1, 100)
    return write_medium(run, tag, step, encode_histogram(tag, numbers, bins=10), 1.7e9)


def write_wall(run: Path, steps: Sequence[int] = (0, 10, 20)) -> None:
    """An image and a histogram at each step, and a text at the last one."""
    for step in steps:
        write_image(run, "samples/image", step)
        write_histogram(run, "weights", step, step / 10)
    text = EncodedMedium("text", "txt", b"<img src=x onerror='window.hacked=1'>")
    write_medium(run, "notes", steps[-1], text, 1.7e9)
