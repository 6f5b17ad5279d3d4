import itertools

import numpy as np
import pytest

from exptools.viewing.figures.theme import DARK, LIGHT

THEMES = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
# Linear RGB as people without green or red cones see it (Machado, Oliveira, Fernandes 2009).
NO_GREEN = [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]]
NO_RED = [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]]
EYES = pytest.mark.parametrize("eyes", [np.eye(3), NO_GREEN, NO_RED])


def linear(color: str) -> np.ndarray:
    channels = np.array([int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.0888]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@THEMES
@pytest.mark.parametrize("colors", ["lines", "marks"])
def test_lines_and_dots_stand_out_from_the_page(theme, colors):
    page = linear(theme.background) @ [0.2126, 0.7152, 0.0722]
    for color in getattr(theme, colors):
        luminance = linear(color) @ [0.2126, 0.7152, 0.0722]
        assert (max(page, luminance) + 0.05) / (min(page, luminance) + 0.05) >= 3


@THEMES
@EYES
def test_lines_stay_apart_for_colour_blind_eyes(theme, eyes):
    for one, other in itertools.combinations(theme.lines, 2):
        seen = [lab(np.array(eyes) @ linear(color)) for color in (one, other)]
        assert np.linalg.norm(seen[0] - seen[1]) > 10, (one, other)


@THEMES
@EYES
@pytest.mark.parametrize("scale", ["cells", "marks"])
def test_scales_go_one_way_from_light_to_dark_for_colour_blind_eyes_too(theme, eyes, scale):
    lightness = [lab(np.array(eyes) @ linear(color))[0] for color in getattr(theme, scale)]
    steps = np.diff(lightness)
    assert (steps > 5).all() or (steps < -5).all()
