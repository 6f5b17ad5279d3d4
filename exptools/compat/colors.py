"""Colours that can be told apart, as many as are asked for: ``exptools.colors``."""

from __future__ import annotations

import colorsys

_GOLDEN = 0.618033988749895  # of a turn: hues that follow each other are far apart


def get_rgb_colors(n: int) -> list[tuple[float, float, float]]:
    """So many colours, as red, green and blue from 0 to 1."""
    return [
        colorsys.hsv_to_rgb(number * _GOLDEN % 1, 0.6, 0.8 if number % 2 else 0.55)
        for number in range(int(n))
    ]


def get_colors(n: int) -> list[str]:
    """So many colours, each as a text of three numbers."""
    return [" ".join(f"{part:.4g}" for part in color) for color in get_rgb_colors(n)]
