"""Points for TensorBoard's projector, in the files that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exptools.logging.errors import LoggingError, as_logging_error
from exptools.logging.media.store import directory_of, make_media_dir
from exptools.logging.rows.arrays import as_array
from exptools.plain_files import read_plain
from exptools.rundir import MEDIA_DIR, write_atomic

if TYPE_CHECKING:
    from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo

_CONFIG = "projector_config.pbtxt"  # where TensorBoard looks for it: in the run directory


def write_embedding(
    run_dir: Path, tag: str, points: Any, labels: Sequence[object] | None, images: Any
) -> EmbeddingInfo:
    """Write points and labels to ``media/projector/<tag>/``; returns what the config should say.

    Args:
        run_dir: the run.
        tag: an earlier embedding of that tag is replaced.
        points: [points, dimensions].
        labels: a text a point.
        images: [points, channels, height, width], as ``log_image`` takes them.

    Raises:
        TypeError: points are no real numbers.
        ValueError: points are not two-dimensional, or there is not a label for each.
        LoggingError: a file cannot be written.
    """
    from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo

    what = f"the embedding {tag!r}"
    array = as_array(what, points)
    if array.ndim != 2:
        raise ValueError(f"{what} should be [points, dimensions], not {array.shape}")
    labels = None if labels is None else list(labels)
    pictures = None if images is None else as_array(f"the images of {what}", images)
    for name, given in (("labels", labels), ("images", pictures)):
        if given is not None and len(given) != len(array):
            raise ValueError(f"{what} has {len(array)} points and {len(given)} {name}")
    make_media_dir(run_dir)
    home = f"{MEDIA_DIR}/projector/{directory_of(tag).as_posix()}"
    entry = EmbeddingInfo(tensor_name=tag, tensor_path=f"{home}/tensors.tsv")
    _write_lines(run_dir / entry.tensor_path, ("\t".join(map(repr, row)) for row in array.tolist()))
    if labels is not None:
        entry.metadata_path = f"{home}/metadata.tsv"
        _write_lines(run_dir / entry.metadata_path, (" ".join(str(x).split()) for x in labels))
    if pictures is not None:
        entry.sprite.image_path = f"{home}/sprite.png"
        content, size = _sprite(tag, pictures)
        entry.sprite.single_image_dim.extend(size)
        with as_logging_error(run_dir / entry.sprite.image_path):
            write_atomic(run_dir / entry.sprite.image_path, content)
    return entry


def add_to_projector(run_dir: Path, entry: EmbeddingInfo) -> None:
    """Have the projector's config name an embedding, in the process's turn to write to the run.

    Raises:
        LoggingError: the config cannot be read or written.
    """
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    path, config = run_dir / _CONFIG, ProjectorConfig()
    with as_logging_error(path):
        if path.exists():
            try:
                text_format.Parse(read_plain(path).decode(), config)
            except (UnicodeDecodeError, text_format.ParseError) as error:
                words = "it is no config of TensorBoard's projector: move it away"
                raise LoggingError(None, words, str(path)) from error
        others = [e for e in config.embeddings if e.tensor_name != entry.tensor_name]
        del config.embeddings[:]
        config.embeddings.extend([*others, entry])
        write_atomic(path, text_format.MessageToString(config).encode())


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with as_logging_error(path):
        write_atomic(path, "\n".join(lines).encode(errors="replace"))


def _sprite(tag: str, images: Any) -> tuple[bytes, tuple[int, int]]:
    """All images in one square of rows, as the projector takes them, and the size of each."""
    import math

    import numpy as np

    from exptools.logging.media.images import encode_image

    if images.ndim != 4:
        raise ValueError(
            f"the images of the embedding {tag!r} should be [points, channels, height, width], "
            f"not {images.shape}"
        )
    count, channels, height, width = images.shape
    side = math.ceil(math.sqrt(count))
    square = np.zeros((side * side, channels, height, width), images.dtype)
    square[:count] = images
    rows = square.reshape(side, side, channels, height, width)
    sprite = rows.transpose(0, 3, 1, 4, 2).reshape(side * height, side * width, channels)
    return encode_image(tag, sprite, "HWC").content, (width, height)
