"""Videos: MP4 where there is ffmpeg, GIFs elsewhere. Imported when the first one is logged.

ffmpeg encodes in a process of its own, so that a training's threads go on meanwhile. It comes from
the system or, without rights there, from ``pip install imageio-ffmpeg``, which brings the program
along. PyAV would be a second way to the same file, and within this process.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from exptools.logging.errors import warn_user
from exptools.logging.media.images import gif_of, video_frames
from exptools.logging.media.store import EncodedMedium
from exptools.logging.rows.arrays import Array

# H.264 in 4:2:0, which all browsers play.
_ENCODING = (
    *("-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18"),
    *("-pix_fmt", "yuv420p", "-movflags", "+faststart"),
)


class _NoEncoder(Exception):
    """There is no ffmpeg that encodes H.264; the message says what there is."""


def encode_video(
    tag: str, frames: object, fps: float = 30, layout: str | None = None
) -> EncodedMedium:
    """Frames as MP4 (H.264) or, where no ffmpeg is found, as a GIF, which is said once.

    What is transparent is not in an MP4, and TensorBoard shows only the GIF.

    Args:
        frames, layout: as ``encode_gif`` takes them.
        fps: frames a second.

    Raises:
        TypeError, ValueError: as ``encode_gif``.
    """
    what = f"the video {tag!r}"
    pixels = video_frames(what, frames, fps, layout)
    try:
        return EncodedMedium("video", "mp4", _mp4(pixels, fps))
    except _NoEncoder as why:
        _say_once(
            f"videos are logged as GIFs, for {why}; `pip install imageio-ffmpeg` brings an encoder"
        )
        return gif_of(tag, pixels, fps)


def _mp4(pixels: Array, fps: float) -> bytes:
    if pixels.shape[3] == 4:
        pixels = pixels[..., :3]
    odd = [(0, size % 2) for size in pixels.shape[1:3]]  # colours are for two by two pixels
    pixels = np.pad(pixels, [(0, 0), *odd, (0, 0)], "edge") if np.any(odd) else pixels
    failure = "ffmpeg is not found"
    for program in _programs():
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "video.mp4")
            failure = _run(program, pixels, fps, path)
            if not failure:
                return path.read_bytes()
    raise _NoEncoder(failure)


def _programs() -> Iterator[str]:
    if program := shutil.which("ffmpeg"):
        yield program
    try:
        import imageio_ffmpeg
    except ImportError:
        return
    try:
        yield imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:  # its package has none for this platform
        return


def _run(program: str, pixels: Array, fps: float, path: Path) -> str:
    """Encode to a file; "" or why it failed, as ffmpeg says it last."""
    _, height, width, channels = pixels.shape
    form = "gray" if channels == 1 else "rgb24"
    raw = ("-f", "rawvideo", "-pix_fmt", form, "-s", f"{width}x{height}", "-r", str(float(fps)))
    command = [program, "-v", "error", "-nostdin", *raw, "-i", "-", *_ENCODING, str(path)]
    try:
        done = subprocess.run(command, input=pixels.tobytes(), capture_output=True, check=False)
    except OSError as error:
        return f"{program} cannot be started: {error.strerror}"
    if done.returncode == 0:
        return ""
    said = done.stderr.decode(errors="replace").strip().splitlines() or [str(done.returncode)]
    return f"{program} failed: {said[-1]:.200}"


@functools.cache
def _say_once(message: str) -> None:
    warn_user(message)
