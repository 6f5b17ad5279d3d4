"""What other loggers' values are in our words."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from exptools.logging.rows.arrays import Array, as_array


def frames_of(tag: str, videos: Any) -> Array:
    """A batch of videos of shape (N, T, C, H, W) as one video (T, C, H, N·W), side by side.

    Raises:
        TypeError: it holds no real numbers.
        ValueError: it has another shape.
    """
    array = as_array(f"the video {tag!r}", videos)
    if array.ndim != 5:
        raise ValueError(
            f"the video {tag!r} should have the shape (N, T, C, H, W), not {array.shape}"
        )
    return np.concatenate(list(array), axis=-1)


def close_figure(figure: Any) -> None:
    """Let pyplot forget a figure; those that it did not make need no closing."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
