"""Texts. TensorBoard's messages are imported when the first one is logged."""

from __future__ import annotations

from exptools.logging.media.store import EncodedMedium


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
