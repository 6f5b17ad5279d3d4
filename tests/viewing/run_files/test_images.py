"""How many pixels a browser would have to hold of an image, by its file."""

import io

import numpy as np
import pytest

from exptools.logging.media.images import encode_gif
from exptools.viewing.run_files.images import ImageSize, image_size

PNG = b"\x89PNG\r\n\x1a\n"
SCREEN = b"GIF89a" + (7).to_bytes(2, "little") * 2


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + bytes(4)


HEADER = chunk(b"IHDR", (640).to_bytes(4, "big") + (480).to_bytes(4, "big") + bytes(5))
ANIMATION = chunk(b"acTL", (5000).to_bytes(4, "big") + bytes(4))


def frame(side: int) -> bytes:
    """A frame of a GIF with nothing in it."""
    return b"," + bytes(4) + side.to_bytes(2, "little") * 2 + b"\0" + b"\2\0"


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (PNG + HEADER, ImageSize(640, 480)),
        (PNG + HEADER + chunk(b"tEXt", b"x" * 99) + ANIMATION, ImageSize(640, 480, 5000)),
        (PNG + HEADER + chunk(b"IDAT", b"x") + ANIMATION, ImageSize(640, 480)),  # which is too late
        (SCREEN + bytes(3), ImageSize(7, 7)),
        (SCREEN + bytes(3) + frame(7) * 3 + b";", ImageSize(7, 7, 3)),
        (SCREEN + bytes(3) + frame(60_000), ImageSize(60_000, 60_000)),  # which browsers show
        (SCREEN + bytes(3) + frame(7)[:-3], ImageSize(7, 7)),
        (b"<svg onload=alert(1)>", None),
        (b"", None),
    ],
)
def test_the_size_of_an_image_is_in_its_file(content, size):
    assert image_size(io.BytesIO(content)) == size


def test_the_frames_of_a_gif_are_counted_though_it_says_nowhere_how_many():
    frames = np.random.default_rng(0).integers(0, 255, (9, 20, 30, 3), np.uint8)
    content = encode_gif("x", frames, 10.0, "THWC").content
    assert image_size(io.BytesIO(content)) == ImageSize(30, 20, 9)


def test_what_has_a_thousand_chunks_before_its_pixels_is_no_picture():
    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + b"\0" * 4

    side = (4096).to_bytes(4, "big")
    begin = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", side + side + b"\x08\x02\0\0\0")
    frames = chunk(b"acTL", (5000).to_bytes(4, "big") + b"\0" * 4)
    assert image_size(io.BytesIO(begin + frames)) == ImageSize(4096, 4096, 5000)
    assert image_size(io.BytesIO(begin + 1200 * chunk(b"tEXt", b"") + frames)) is None
