"""Values as colours: a scale for numbers; colours and shapes for what is no number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exptools.viewing.arrays import Floats
from exptools.viewing.charts.chart import colorbar, colorscale, number
from exptools.viewing.charts.quantities import Quantity
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.theme import Theme

SYMBOLS = ("circle", "square", "diamond", "triangle-up")  # each time the colours have run out
FEW = 6  # values of which each has its tick beside the scale


def scaled(values: Floats, *, log: bool) -> Floats:
    """Numbers as their scale takes them: themselves or their logarithms."""
    return np.asarray(np.log10(values) if log else values, np.float64)


def scale_marker(values: Quantity, theme: Theme) -> dict[str, Any]:
    """The part of Plotly's marker that colours each number by its place on a scale."""
    numbers = scaled(values.places, log=values.log)
    bar = colorbar(theme, values.title)
    different = np.unique(values.places[values.has_value])
    if len(different) <= FEW or values.log:
        ticks = different if len(different) <= FEW else decades(different)
        bar |= {
            "tickvals": scaled(ticks, log=values.log).tolist(),
            "ticktext": [number(tick) for tick in ticks],
        }
    return {"color": typed_array(numbers), "colorscale": colorscale(theme.marks), "colorbar": bar}


def decades(values: Floats) -> Floats:
    """The powers of ten among some positive numbers, and their ends where they are none."""
    low, high = float(values.min()), float(values.max())
    first, last = int(np.ceil(np.log10(low))), int(np.floor(np.log10(high)))
    step = max(1, (last - first) // 6 + 1)
    powers: Floats = np.power(10.0, np.arange(first, last + 1, step), dtype=np.float64)
    if len(powers) > 1:
        return powers
    return np.array([low, high])


def level_style(level: int, theme: Theme) -> dict[str, str] | None:
    """Colour and shape of one of several values; None where there are too many to tell apart."""
    cycle, place = divmod(level, len(theme.lines))
    if cycle >= len(SYMBOLS):
        return None
    return {"color": theme.lines[place], "symbol": SYMBOLS[cycle]}


def between(colors: Sequence[str], part: float) -> str:
    """The colour at a part (0 to 1) of the way from the first to the last."""
    at = part * (len(colors) - 1)
    place = min(int(at), len(colors) - 2)
    low, high = (_channels(color) for color in colors[place : place + 2])
    mixed = (1 - (at - place)) * low + (at - place) * high
    return "#" + "".join(f"{round(channel):02x}" for channel in mixed)


def _channels(color: str) -> Floats:
    return np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)], float)
