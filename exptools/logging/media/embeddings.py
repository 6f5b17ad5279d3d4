"""Points for TensorBoard's projector, in the files that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exptools.logging.errors import as_logging_error
from exptools.logging.media.store import directory_of
from exptools.rundir import MEDIA_DIR, write_atomic

_CONFIG = "projector_config.pbtxt"  # where TensorBoard looks for it: in the run directory


def write_embedding(
    run_dir: Path, tag: str, points: Any, texts: Sequence[object] | None, images: Any
) -> None:
    """Write points and labels to ``media/projector/<tag>/``, and add them to the config.

    Args:
        tag: an earlier embedding of that tag is replaced.
        points: [points, dimensions].
        texts: a label a point.
        images: [points, channels, height, width], as ``log_image`` takes them.

    Raises:
        ValueError: points are not two-dimensional, or there is not a label for each.
        LoggingError: a file cannot be written.
    """
    import numpy as np
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    array = np.asarray(points)
    if array.ndim != 2:
        raise ValueError(f"the embedding {tag!r} should be [points, dimensions], not {array.shape}")
    for labels in (texts, images):
        if labels is not None and len(labels) != len(array):
            raise ValueError(
                f"the embedding {tag!r} has {len(array)} points and {len(labels)} labels"
            )
    home = Path(MEDIA_DIR) / "projector" / directory_of(tag)
    config = ProjectorConfig()
    path = run_dir / _CONFIG
    with as_logging_error(path):
        if path.exists():
            text_format.Parse(path.read_text(), config)
        others = [e for e in config.embeddings if e.tensor_name != tag]
        del config.embeddings[:]
        config.embeddings.extend(others)
        entry = config.embeddings.add(tensor_name=tag, tensor_path=str(home / "tensors.tsv"))
        lines = ("\t".join(map(repr, row)) for row in array.tolist())
        write_atomic(run_dir / entry.tensor_path, "\n".join(lines).encode())
        if texts is not None:
            entry.metadata_path = str(home / "metadata.tsv")
            lines = (" ".join(str(text).split()) for text in texts)
            write_atomic(run_dir / entry.metadata_path, "\n".join(lines).encode(errors="replace"))
        if images is not None:
            entry.sprite.image_path = str(home / "sprite.png")
            content, size = _sprite(tag, np.asarray(images))
            entry.sprite.single_image_dim.extend(size)
            write_atomic(run_dir / entry.sprite.image_path, content)
        write_atomic(path, text_format.MessageToString(config).encode())


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
