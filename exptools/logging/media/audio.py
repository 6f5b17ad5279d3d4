"""Sounds as WAV. Imported when the first one is logged."""

from __future__ import annotations

import io
import operator
import wave
from typing import SupportsIndex

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.audio.metadata import Encoding, create_summary_metadata

from exptools.logging.errors import warn_user
from exptools.logging.media.store import EncodedMedium
from exptools.logging.rows.arrays import Array, as_array

MOST_CHANNELS = 8  # a longer axis is time
_LOUDEST = 2**15 - 1  # of 16 bits


def encode_audio(tag: str, samples: object, sample_rate: SupportsIndex) -> EncodedMedium:
    """A sound as WAV with 16 bits a sample, which browsers and TensorBoard play.

    Args:
        samples: floats from -1 to 1, or integers of 16 bits as they are; of shape (time,),
            (time, channels) or (channels, time): of two axes the shorter one is the channels.
            Floats beyond are clipped and NaN is silence; a warning says so.
        sample_rate: samples a second.

    Raises:
        TypeError: the samples are no real numbers, or the rate is no integer.
        ValueError: there are none, their shape or range is no sound's, or the rate is below 1.
    """
    what = f"the sound {tag!r}"
    rate = _rate(what, sample_rate)
    frames = _as_16_bits(what, _time_first(what, as_array(what, samples)))
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(frames.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(frames.astype("<i2").tobytes())
    content = file.getvalue()
    return EncodedMedium("audio", "wav", content, (_summary(tag, content),))


def _summary(tag: str, wav: bytes) -> Summary.Value:
    """What TensorBoard plays; of Summary.Audio its default loader forgets that it is a WAV."""
    metadata = create_summary_metadata("", "", Encoding.Value("WAV"))
    sounds_and_labels = TensorShapeProto(dim=[{"size": 1}, {"size": 2}])
    tensor = TensorProto(dtype=DT_STRING, tensor_shape=sounds_and_labels, string_val=[wav, b""])
    return Summary.Value(tag=tag, metadata=metadata, tensor=tensor)


def _rate(what: str, sample_rate: SupportsIndex) -> int:
    try:
        rate = operator.index(sample_rate)
    except TypeError as error:
        raise TypeError(
            f"{what} needs a sample_rate, an integer such as 16000, not {sample_rate!r}"
        ) from error
    if not 1 <= rate < 2**31:
        raise ValueError(f"{what} needs a sample_rate from 1 on, such as 16000, not {rate}")
    return rate


def _time_first(what: str, array: Array) -> Array:
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 2 and array.shape[0] < array.shape[1]:
        array = array.T
    if array.ndim != 2 or array.shape[1] > MOST_CHANNELS:
        raise ValueError(
            f"{what} has the shape {array.shape}: give (time,), (time, channels) or "
            f"(channels, time) with at most {MOST_CHANNELS} channels"
        )
    return array


def _as_16_bits(what: str, frames: Array) -> Array:
    if frames.dtype.kind != "f":
        if frames.min() < -(2**15) or frames.max() > _LOUDEST:
            raise ValueError(
                f"{what} has integers from {frames.min()} to {frames.max()}, not of 16 bits: "
                "scale them, or give floats from -1 to 1"
            )
        return frames
    if not (frames.min() >= -1.001 and frames.max() <= 1.001):
        warn_user(f"{what} has floats outside of -1 to 1, which are clipped (NaN is silence)")
    whole: Array = np.rint(np.clip(np.nan_to_num(frames, nan=0), -1, 1) * _LOUDEST)
    return whole
