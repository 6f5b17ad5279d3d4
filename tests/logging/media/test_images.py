"""Images and GIFs of every shape that users have, read back by Pillow and TensorBoard."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.util.img_mime_type_detector import from_bytes

from exptools.logging.media.images import encode_gif, encode_image

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3), np.uint8)
RGBA = RNG.integers(0, 256, (5, 7, 4), np.uint8)


def read(medium):
    return np.asarray(Image.open(io.BytesIO(medium.content)))


def chw(image):
    return image.transpose(2, 0, 1)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (GREY, GREY),
        (GREY[:, :, None], GREY),
        (GREY[None], GREY),
        (RGB, RGB),
        (chw(RGB), RGB),
        (RGBA, RGBA),
        (chw(RGBA), RGBA),
        (RGB / 255, RGB),
        (chw(RGB).astype(np.float32) / 255, RGB),
        (RGB.astype(np.int64), RGB),
        (GREY > 99, np.where(GREY > 99, 255, 0)),
        (RGB[None], RGB),
        (chw(RGB)[None], RGB),
        ([RGB], RGB),
        (torch.tensor(chw(RGB)), RGB),
        (torch.tensor(RGB / 255, requires_grad=True), RGB),
        (torch.tensor([[0, 1], [1, 0]], dtype=torch.bfloat16), [[0, 255], [255, 0]]),
        (Image.fromarray(RGB), RGB),
        (Image.fromarray(GREY > 99), np.where(GREY > 99, 255, 0)),
        (RGB[::-1, ::-1], RGB[::-1, ::-1]),
    ],
    ids=lambda image: f"{type(image).__name__}{getattr(image, 'shape', '')}",
)
def test_an_image_is_the_png_that_one_sees(image, expected):
    medium = encode_image("x", image)
    assert (medium.kind, medium.extension) == ("image", "png")
    assert (read(medium) == expected).all()


def test_a_palette_is_resolved():
    quantized = Image.fromarray(RGB).quantize(4)
    assert (read(encode_image("x", quantized)) == np.asarray(quantized.convert("RGB"))).all()


@pytest.mark.parametrize(("image", "channels"), [(GREY, 1), (RGB, 3), (RGBA, 4)])
def test_tensorboard_gets_the_image_with_its_size_and_colours(image, channels):
    medium = encode_image("a/b", image)
    (value,) = medium.summaries
    shown = value.image
    assert value.tag == "a/b"
    assert (shown.height, shown.width, shown.colorspace) == (5, 7, channels)
    assert shown.encoded_image_string == medium.content
    assert from_bytes(shown.encoded_image_string) == "image/png"


def test_where_both_layouts_fit_the_last_axis_is_the_channels():
    image = RNG.integers(0, 256, (3, 6, 3), np.uint8)
    assert (read(encode_image("x", image)) == image).all()
    told = read(encode_image("x", image, layout="CHW"))
    assert (told == image.transpose(1, 2, 0)).all()


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((5, 4, 7, 3), None), ((5, 3, 4, 7), None), ((5, 4, 7), "NHW"), ((4, 7, 3, 5), "HWCN")],
)
def test_a_batch_is_a_grid_with_a_gap(shape, layout):
    batch = RNG.integers(1, 256, shape, np.uint8)
    grid = read(encode_image("x", batch, layout))
    letters = layout or ("NHWC" if shape[3] == 3 else "NCHW")
    assert grid.shape[:2] == (4 + 2 + 4, 7 + 2 + 7 + 2 + 7)
    in_order = batch.transpose([letters.index(axis) for axis in "NHWC" if axis in letters])
    places = [grid[y : y + 4, x : x + 7] for y in (0, 6) for x in (0, 9, 18)]
    assert (np.stack(places[:5]) == in_order).all()
    assert not places[5].any()
    assert not grid[4:6].any()


def test_a_list_of_images_is_a_batch():
    grid = read(encode_image("x", [GREY, torch.tensor(GREY), Image.fromarray(GREY)]))
    assert (grid[:5, :7] == GREY).all()
    assert (grid[:5, 9:16] == GREY).all()
    assert (grid[7:12, :7] == GREY).all()


def test_floats_beyond_their_range_are_clipped_with_a_warning():
    said = "the image 'x' has floats outside of 0 to 1, which are"
    with pytest.warns(UserWarning, match=said) as warned:
        medium = encode_image("x", np.array([[-1.0, 0.5], [7.0, np.nan]]))
    assert warned[0].filename == __file__
    assert read(medium).tolist() == [[0, 128], [255, 0]]


@pytest.mark.filterwarnings("error")
def test_a_rounding_error_of_a_float_is_no_reason_to_warn():
    medium = encode_image("x", np.array([[-1e-7, 1 + 1e-7]], np.float32))
    assert read(medium).tolist() == [[0, 255]]


@pytest.mark.parametrize(
    ("image", "layout", "error", "message"),
    [
        ("cat.png", None, TypeError, "the image 'x' should be an array, a tensor or a Pillow"),
        (3, None, TypeError, "Pillow image, not int"),
        ({"a": GREY}, None, TypeError, "Pillow image, not dict"),
        (np.zeros((0, 5)), None, ValueError, r"the image 'x' is empty: its shape is \(0, 5\)"),
        ([], None, ValueError, "the image 'x' needs images of one shape, not none at all"),
        ([GREY, RGB], None, ValueError, r"images of one shape, not \(5, 7\) and \(5, 7, 3\)"),
        (np.zeros(5), None, ValueError, r"has the shape \(5,\): give \(H, W\), \(H, W, C\) or"),
        (np.zeros((8, 5, 7)), None, ValueError, r'\(8, 5, 7\): give .*layout="HWC"'),
        (np.zeros((2, 5, 7, 2)), None, ValueError, r"1, 3 or 4 channels C"),
        (np.zeros((5, 7, 2)), "HWC", ValueError, r"\(5, 7, 2\): give .* 1, 3 or 4 channels"),
        (RGB, "HW", ValueError, r"has the shape \(5, 7, 3\), whose axes are not 'HW'"),
        (RGB, "hwc", ValueError, "a layout names each axis by a letter of NHWC, as in 'HWC', not"),
        (RGB, "HHW", ValueError, "a layout names each axis by a letter"),
        (RGB, "NCH", ValueError, "a layout names each axis by a letter"),
        (GREY.astype(int) - 300, None, ValueError, "has integers from -296 to -52, not within 0"),
        (np.full((2, 2), 256), None, ValueError, "scale them, or give floats from 0 to 1"),
        (np.zeros((2, 2), complex), None, TypeError, "real numbers, not ndarray of complex128"),
        (np.array([["a"]]), None, TypeError, "not ndarray of <U1"),
    ],
)
def test_what_is_no_image_is_refused_by_its_tag(image, layout, error, message):
    with pytest.raises(error, match=message):
        encode_image("x", image, layout)


def frames_of(medium):
    gif = Image.open(io.BytesIO(medium.content))
    frames, durations = [], []
    for number in range(gif.n_frames):
        gif.seek(number)
        frames.append(np.asarray(gif.convert("RGB")))
        durations.append(gif.info["duration"])
    return np.stack(frames), durations, gif


# Few colours, so that the palette of a GIF holds them all.
VIDEO = (RNG.integers(0, 2, (6, 5, 7, 3)) * 255).astype(np.uint8)


@pytest.mark.parametrize(
    "frames",
    [
        VIDEO,
        VIDEO.transpose(0, 3, 1, 2),
        VIDEO / 255,
        list(VIDEO),
        [torch.tensor(chw(frame)) for frame in VIDEO],
        map(Image.fromarray, VIDEO),
    ],
    ids=["THWC", "TCHW", "floats", "list", "tensors", "iterator"],
)
def test_a_gif_has_the_frames_in_their_order(frames):
    medium = encode_gif("x", frames)
    assert (medium.kind, medium.extension) == ("gif", "gif")
    shown, durations, gif = frames_of(medium)
    assert (shown == VIDEO).all()
    assert durations == [100] * 6
    assert gif.info["loop"] == 0


def test_a_grey_gif_needs_no_channels():
    grey = VIDEO[..., 0]
    for frames in (grey, grey[..., None], list(grey), list(grey[:3])):
        shown, _, _ = frames_of(encode_gif("x", frames))
        assert (shown[..., 1] == grey[: len(frames)]).all()


def test_transparent_pixels_show_no_frame_before():
    video = np.zeros((2, 4, 4, 4), np.uint8)
    video[0, :, :2] = 255
    video[1, :, 2:] = (255, 0, 0, 255)
    gif = Image.open(io.BytesIO(encode_gif("x", video).content))
    gif.seek(1)
    alpha = np.asarray(gif.convert("RGBA"))[..., 3]
    assert (alpha[:, :2] == 0).all()
    assert (alpha[:, 2:] == 255).all()


def test_tensorboard_plays_a_gif_among_the_images():
    medium = encode_gif("x", VIDEO)
    (value,) = medium.summaries
    assert (value.image.height, value.image.width, value.image.colorspace) == (5, 7, 3)
    assert from_bytes(value.image.encoded_image_string) == "image/gif"


@pytest.mark.parametrize(("fps", "total"), [(30, 200), (24, 250), (60, 120), (0.5, 12e3)])
def test_a_gif_plays_at_its_speed_on_average_and_never_too_fast_for_browsers(fps, total):
    _, durations, _ = frames_of(encode_gif("x", VIDEO, fps))
    assert sum(durations) == total
    assert min(durations) >= 20


@pytest.mark.parametrize(
    ("frames", "fps", "message"),
    [
        (VIDEO, 0, "the GIF 'x' needs fps, a number above 0, not 0"),
        (VIDEO, float("nan"), "needs fps, a number above 0, not nan"),
        (VIDEO, "10", "needs fps, a number above 0, not '10'"),
        (VIDEO, 0.001, "from 0.0016 on, not 0.001: a GIF shows a frame for 655 seconds at most"),
        (VIDEO, 1e-320, "from 0.0016 on, not 1e-320"),
        (RGB, 10, r"the GIF 'x' has the shape \(5, 7, 3\): give"),
        ([], 10, "the GIF 'x' needs images of one shape, not none at all"),
    ],
)
def test_what_is_no_gif_is_refused_by_its_tag(frames, fps, message):
    with pytest.raises(ValueError, match=message):
        encode_gif("x", frames, fps)
