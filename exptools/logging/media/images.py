"""Images, GIFs and figures. Imported when the first one is logged.

Axes are named by letters: H is height, W width, C channels, N the images of a batch, T the frames
of a GIF. Where a layout is not given, the shape says which it is:

- two axes are HW; three are HWC if the last has 1, 3 or 4 entries, else CHW if the first has;
- four are the same behind N or T. So where both fit (3×H×3), the last axis is the channels.

Three axes without channels are not taken for a batch of grey images, for three of those would look
like one image: say ``layout="NHW"``. In a GIF they are: its first axis can only be T.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary

from exptools.logging.errors import as_logging_error, warn_user
from exptools.logging.media.store import EncodedMedium
from exptools.logging.rows.arrays import Array, as_array

CHANNELS = (1, 3, 4)  # grey, RGB, RGBA; also TensorBoard's numbers for these colour spaces
GAP = 2  # pixels between the images of a grid
LONGEST = 655  # seconds of a frame, which are 16 bits of hundredths
FASTEST = 50  # frames a second; browsers show a GIF that wants more with 10

_SHAPES = (
    "(H, W), (H, W, C) or (C, H, W) with 1, 3 or 4 channels C, with a batch's or a GIF's axis "
    'before them, or name the axes, as in layout="HWC"'
)


def encode_image(tag: str, image: object, layout: str | None = None) -> EncodedMedium:
    """An image, or a batch of them as a grid, as PNG.

    Values are bool, integers from 0 to 255, or floats from 0 to 1. Floats beyond that are clipped,
    as TensorBoard's writers do, and NaN is black; a warning says so.

    Args:
        image: an array or tensor, a Pillow image, or a list of them, all of one shape.
        layout: the axes in their order, letters of "NHWC"; None goes by the shape, see above.

    Raises:
        TypeError: it is no image.
        ValueError: its shape is none of an image, the layout does not fit, it is empty, or has
            integers outside of 0 to 255.
    """
    what = f"the image {tag!r}"
    batch = _in_bytes(what, _in_order(what, image, layout, "N"))
    pixels = _grid(batch)
    file = io.BytesIO()
    _to_pillow(pixels).save(file, format="PNG")
    return _encoded("image", tag, pixels.shape, "png", file.getvalue())


def encode_gif(
    tag: str, frames: object, fps: float = 10, layout: str | None = None
) -> EncodedMedium:
    """Frames as a GIF that repeats for ever; TensorBoard plays it among the images.

    A GIF shows a frame for whole hundredths of a second; ours alternate so that the speed is right
    on average. It has 256 colours a frame, and pixels are opaque or not.

    Args:
        frames: an array or tensor, or an iterable of images, all of one shape.
        fps: frames a second; more than 50 are shown with 50, which is what browsers can.
        layout: the axes in their order, letters of "THWC"; None goes by the shape, see above.

    Raises:
        TypeError, ValueError: as :func:`encode_image`, or ``fps`` is not above 0, or below 0.0016.
    """
    return gif_of(tag, video_frames(f"the GIF {tag!r}", frames, fps, layout), fps)


def video_frames(what: str, frames: object, fps: float, layout: str | None) -> Array:
    """Frames as bytes with the axes THWC; raises as :func:`encode_gif`, of which it is a part."""
    if not isinstance(fps, Real) or not 0 < fps < math.inf:
        raise ValueError(f"{what} needs fps, a number above 0, not {fps!r}")
    return _in_bytes(what, _in_order(what, frames, layout, "T"))


def gif_of(tag: str, video: Array, fps: float) -> EncodedMedium:
    """The GIF of such frames.

    Raises:
        ValueError: a frame would be shown for longer than a GIF can say.
    """
    if fps * LONGEST < 1:
        raise ValueError(
            f"the GIF {tag!r} needs fps from {math.ceil(1e4 / LONGEST) / 1e4} on, not {fps!r}: "
            f"a GIF shows a frame for {LONGEST} seconds at most"
        )
    first, *others = map(_to_pillow, video)
    file = io.BytesIO()
    first.save(
        file,
        format="GIF",
        save_all=True,
        append_images=others,
        duration=_durations(len(video), fps),
        loop=0,
        # What is behind a transparent pixel is the page, not the frame before.
        disposal=2 if video.shape[3] == 4 else 0,
    )
    return _encoded("gif", tag, video.shape[1:], "gif", file.getvalue())


def encode_figure(tag: str, figure: Any) -> EncodedMedium:
    """A figure: of matplotlib as PNG, of plotly as plotly's JSON, which keeps it interactive.

    TensorBoard shows matplotlib's. Of plotly's it shows nothing: to draw them without a browser
    is not possible, and starting one takes seconds. The figure is left as it is, also open.

    Raises:
        TypeError: it is no figure of one of them, nor axes of matplotlib's.
    """
    if callable(getattr(figure, "to_plotly_json", None)):
        return EncodedMedium("figure", "json", figure.to_json().encode())
    figure = getattr(figure, "figure", figure)
    if not callable(getattr(figure, "savefig", None)) or isinstance(figure, type):
        kind = type(figure).__name__
        raise TypeError(f"the figure {tag!r} should be one of matplotlib or plotly, not {kind}")
    file = io.BytesIO()
    with as_logging_error(Path(f"the figure {tag!r}")):  # fonts are files, too
        figure.savefig(file, format="png")
    width, height = Image.open(file).size
    return _encoded("figure", tag, (height, width, 4), "png", file.getvalue())


def _encoded(
    kind: str, tag: str, shape: tuple[int, ...], extension: str, content: bytes
) -> EncodedMedium:
    height, width, channels = shape
    image = Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=content
    )
    summary = Summary.Value(tag=tag, image=image)
    return EncodedMedium(kind, extension, content, (summary,))


def _in_order(what: str, value: object, layout: str | None, many: str) -> Array:
    """The value with the axes many, H, W, C, those that it lacks with one entry."""
    if layout is not None and not isinstance(layout, str):
        raise TypeError(f"{what}: a layout is text, as in 'HWC', not {layout!r}")
    if isinstance(value, Image.Image) or hasattr(value, "__array__"):
        array = _pixels(what, value)
        letters = layout or _layout_of(what, array.shape, many)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes | dict):
        array = _stacked(what, value)
        letters = layout or many + _layout_of_image(what, array.shape[1:])
        letters = letters if many in letters else many + letters
    else:
        kind = type(value).__name__
        raise TypeError(f"{what} should be an array, a tensor or a Pillow image, not {kind}")
    axes = many + "HWC"
    if sorted(set(letters)) != sorted(letters) or not {"H", "W"} <= set(letters) <= set(axes):
        raise ValueError(
            f"{what}: a layout names each axis by a letter of {axes}, as in 'HWC', not {letters!r}"
        )
    if len(letters) != array.ndim:
        raise ValueError(f"{what} has the shape {array.shape}, whose axes are not {letters!r}")
    missing = "".join(axis for axis in axes if axis not in letters)
    full: Array = array.reshape(array.shape + (1,) * len(missing))
    ordered: Array = full.transpose([(letters + missing).index(axis) for axis in axes])
    if ordered.shape[-1] not in CHANNELS:
        raise _shape_error(what, array.shape)
    return ordered


def _pixels(what: str, image: object) -> Array:
    if isinstance(image, Image.Image) and image.mode not in ("1", "L", "RGB", "RGBA"):
        # The array of a palette's or a printer's mode is not what one sees.
        has_alpha = "A" in image.getbands() or "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
    return as_array(what, image)


def _stacked(what: str, images: Iterable[object]) -> Array:
    arrays = [_pixels(what, image) for image in images]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) != 1:
        given = " and ".join(map(str, shapes[:2])) or "none at all"
        raise ValueError(f"{what} needs images of one shape, not {given}")
    return np.stack(arrays)


def _layout_of(what: str, shape: tuple[int, ...], many: str) -> str:
    if len(shape) == 4:
        return many + _layout_of_image(what, shape[1:])
    if many == "N":
        return _layout_of_image(what, shape)
    if len(shape) == 3 and shape[2] not in CHANNELS:
        return "THW"
    raise _shape_error(what, shape)  # most likely one image


def _layout_of_image(what: str, shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        return "HW"
    if len(shape) == 3 and shape[2] in CHANNELS:
        return "HWC"
    if len(shape) == 3 and shape[0] in CHANNELS:
        return "CHW"
    raise _shape_error(what, shape)


def _shape_error(what: str, shape: tuple[int, ...]) -> ValueError:
    return ValueError(f"{what} has the shape {shape}: give {_SHAPES}")


def _in_bytes(what: str, array: Array) -> Array:
    """The values as integers from 0 to 255."""
    if array.dtype.kind == "b":
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype.kind == "f":
        return _floats_in_bytes(what, array)
    low, high = array.min(), array.max()
    if low < 0 or high > 255:
        raise ValueError(
            f"{what} has integers from {low} to {high}, not within 0 to 255: scale them, "
            "or give floats from 0 to 1"
        )
    return array.astype(np.uint8)


def _floats_in_bytes(what: str, array: Array) -> Array:
    array = array.astype(np.float32)
    # So that rounding errors of whoever computed the image go without a warning.
    if not (array.min() >= -0.001 and array.max() <= 1.001):
        warn_user(
            f"{what} has floats outside of 0 to 1, which are clipped (NaN is black); "
            "if they go from 0 to 255, give integers"
        )
    whole: Array = np.rint(np.clip(np.nan_to_num(array, nan=0), 0, 1) * 255)
    return whole.astype(np.uint8)


def _grid(batch: Array) -> Array:
    """The images of a batch in rows, as nearly square as their number allows."""
    count, height, width, channels = batch.shape
    if count == 1:
        only: Array = batch[0]
        return only
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    tall, wide = height + GAP, width + GAP
    grid = np.zeros((rows * tall - GAP, columns * wide - GAP, channels), np.uint8)
    for number, image in enumerate(batch):
        top, left = number // columns * tall, number % columns * wide
        grid[top : top + height, left : left + width] = image
    return grid


def _to_pillow(pixels: Array) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _durations(count: int, fps: float) -> list[int]:
    """How long to show each frame, in milliseconds, whole hundredths of a second each."""
    ends = np.rint(np.arange(count + 1) * 100 / min(fps, FASTEST)).astype(int)
    return [int(hundredths) * 10 for hundredths in np.diff(ends)]
