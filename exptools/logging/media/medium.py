"""What is logged besides scalars: texts, histograms, images, GIFs, figures, hyperparameters.

An encoder turns what the user logged into a :class:`Medium`: a file for the run directory, and
what TensorBoard shows of it. Encoders that need more than the standard library stand in modules
of their own (``images``, ``histogram``, ``figures``, ``hparams``), which are imported when the
first of their kind is logged. ``media_store`` keeps the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary


@dataclass(frozen=True)
class Medium:
    """Something logged, as it goes to the disk."""

    kind: str  # text, histogram, image, gif, figure, hparams
    extension: str  # of the file, without the dot
    content: bytes  # of the file
    summaries: tuple[Summary.Value, ...] = ()  # for the event file; none where it cannot be shown


def encode_text(tag: str, text: str) -> Medium:
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
    return Medium("text", "txt", content, (value,))
