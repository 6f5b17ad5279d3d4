"""Videos: MP4 where there is an encoder, GIFs where there is none."""

import io
import re
import sys

import numpy as np
import pytest
from PIL import Image

from exptools.logging.media import videos
from exptools.logging.media.videos import encode_video

FRAMES = np.zeros((4, 10, 15, 3), np.uint8)

# Says what it was asked, and how many bytes it was given, in place of a video.
STAND_IN = """#!/bin/sh
for last; do :; done
echo "$@" > "$last"
wc -c >> "$last"
"""


@pytest.fixture
def ffmpeg(tmp_path, monkeypatch):
    """Put a program in the place of all encoders; without a script there is none."""

    def put(script=None):
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin" if script else str(tmp_path))
        monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
        if script:
            (tmp_path / "ffmpeg").write_text(script)
            (tmp_path / "ffmpeg").chmod(0o755)
        videos._say_once.cache_clear()

    return put


def test_ffmpeg_is_given_even_frames_and_makes_an_mp4(ffmpeg):
    ffmpeg(STAND_IN)
    medium = encode_video("v", FRAMES, 12.5)
    assert (medium.kind, medium.extension, medium.summaries) == ("video", "mp4", ())
    asked, size = medium.content.decode().splitlines()
    assert "-pix_fmt rgb24 -s 16x10 -r 12.5 -i - " in asked
    assert "-c:v libx264" in asked
    assert int(size) == 4 * 10 * 16 * 3


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (None, "videos are logged as GIFs, for ffmpeg is not found; `pip install imageio-ffmpeg`"),
        (
            "#!/bin/sh\necho Unknown encoder libx264 >&2\nexit 1\n",
            "for .*ffmpeg failed: Unknown encoder libx264",
        ),
        ("#!/no/such/shell\n", "ffmpeg cannot be started: No such file"),
    ],
)
def test_without_an_encoder_a_video_is_a_gif_and_that_is_said_once(ffmpeg, script, why, recwarn):
    ffmpeg(script)
    for _ in range(2):
        medium = encode_video("v", FRAMES, 10)
        assert (medium.kind, medium.extension) == ("gif", "gif")
    with Image.open(io.BytesIO(medium.content)) as animation:
        assert (animation.size, animation.n_frames) == ((15, 10), 1)  # all frames are alike
    (warning,) = recwarn.list
    assert re.search(why, str(warning.message))


@pytest.mark.parametrize("fps", [0, -1, float("nan"), "30", None])
def test_a_rate_that_is_none_is_refused_in_a_sentence(fps):
    with pytest.raises(ValueError, match="the video 'v' needs fps, a number above 0, not"):
        encode_video("v", FRAMES, fps)


@pytest.mark.skipif(not list(videos._programs()), reason="there is no ffmpeg")
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_real_ffmpeg_makes_an_mp4_of_frames_of_any_size(channels):
    frames = np.zeros((3, 7, 9, channels), np.uint8)
    medium = encode_video("v", frames)
    assert medium.kind == "video"
    assert medium.content[4:8] == b"ftyp"
    assert medium.content.index(b"moov") < medium.content.index(b"mdat")  # so that it starts early
