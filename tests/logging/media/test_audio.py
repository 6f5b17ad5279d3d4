"""Sounds: what the standard library and TensorBoard read of them."""

import io
import json
import wave

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.audio.audio_plugin import AudioPlugin
from tensorboard.plugins.base_plugin import TBContext
from werkzeug.test import Client

from exptools.logging.media.audio import encode_audio
from exptools.logging.writers.tensorboard import TensorBoardWriter


def read(samples, rate=8000):
    with wave.open(io.BytesIO(encode_audio("tone", samples, rate).content)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert (file.getframerate(), file.getsampwidth()) == (rate, 2)
        return frames.reshape(-1, file.getnchannels()).tolist()


@pytest.mark.parametrize(
    ("samples", "frames"),
    [
        ([0, 0.5, -1.0], [[0], [16384], [-32767]]),
        (torch.tensor([0.0, 1.0, -1.0], requires_grad=True), [[0], [32767], [-32767]]),
        (np.array([0, -32768, 32767], np.int16), [[0], [-32768], [32767]]),
        (np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]), [[0, 32767], [32767, 0], [0, 0]]),
        (np.array([[0.0, 1.0, 0.0]]), [[0], [32767], [0]]),
        (torch.zeros(2, 3, dtype=torch.bfloat16), [[0, 0]] * 3),
    ],
)
def test_a_sound_is_a_wav_of_16_bits_whatever_its_channels(samples, frames):
    assert read(samples) == frames


def test_floats_that_are_too_loud_are_clipped_and_said():
    with pytest.warns(UserWarning, match="the sound 'tone' has floats outside of -1 to 1, which"):
        assert read([2.0, -3.0, float("nan"), 0.0]) == [[32767], [-32767], [0], [0]]


def test_tensorboard_plays_a_sound_as_the_wav_that_it_is(tmp_path):
    medium = encode_audio("tone", np.zeros((100, 2)), 16000)
    assert (medium.kind, medium.extension) == ("audio", "wav")
    writer = TensorBoardWriter(tmp_path / "events.out.tfevents.1.host")
    writer.write_summary(medium.summaries, 7, 1.0)
    writer.close()
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(tmp_path))
    pages = AudioPlugin(TBContext(data_provider=provider)).get_plugin_apps()
    listed = Client(pages["/audio"]).get("/?run=.&tag=tone&sample=0")
    (sound,) = json.loads(listed.data)
    assert (sound["step"], sound["contentType"]) == (7, "audio/wav")
    assert Client(pages["/individualAudio"]).get(f"/?{sound['query']}").data == medium.content


@pytest.mark.parametrize(
    ("samples", "rate", "error", "words"),
    [
        ([], 8000, ValueError, "the sound 'tone' is empty"),
        (np.zeros((9, 9)), 8000, ValueError, r"has the shape \(9, 9\): give \(time,\), \(time, "),
        (np.zeros((1, 2, 3)), 8000, ValueError, r"has the shape \(1, 2, 3\)"),
        ([40_000], 8000, ValueError, "has integers from 40000 to 40000, not of 16 bits"),
        ([0.0], 0, ValueError, "needs a sample_rate from 1 on, such as 16000, not 0"),
        ([0.0], 44.1, TypeError, "needs a sample_rate, an integer such as 16000, not 44.1"),
        ("tone", 8000, TypeError, "the sound 'tone' should be an array"),
    ],
)
def test_what_is_no_sound_is_refused_in_a_sentence(samples, rate, error, words):
    with pytest.raises(error, match=words):
        encode_audio("tone", samples, rate)
