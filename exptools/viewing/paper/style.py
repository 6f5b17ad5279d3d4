"""Matplotlib's settings for a paper, and figures that are written and shown in them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import is_color_like, to_hex
from matplotlib.figure import Figure

RESOLUTION = 300  # points an inch: of a PNG, and of what is kept of long curves
ON_SCREEN = 144  # CSS pixels an inch in a notebook, where a figure may be larger than in print

FORMATS: dict[str, dict[str, Any]] = {  # and what keeps dates out of them
    "pdf": {"CreationDate": None, "ModDate": None},
    "svg": {"Date": None},
    "png": {},
}
SETTINGS: dict[str, Any] = {
    "font.family": ["STIXGeneral", "DejaVu Sans"],  # come with Matplotlib: the same everywhere
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "figure.dpi": RESOLUTION,
    "savefig.dpi": RESOLUTION,
    "path.simplify": False,  # what is drawn are the very numbers
    "pdf.fonttype": 42,  # TrueType, as venues demand
    "svg.hashsalt": "exptools",
}
OURS: Any = ["default", SETTINGS]  # on top of Matplotlib's own settings and not of the user's


class ShownFigure(Figure):
    """A figure that a notebook shows by itself, also without pyplot and its backend."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = (round(float(side) * ON_SCREEN) for side in self.get_size_inches())
        return encoded(self, "png"), {"width": width, "height": height}


def encoded(drawn: Figure, kind: str) -> bytes:
    """A figure as a file of one of ``FORMATS``."""
    content = io.BytesIO()
    with matplotlib.style.context(OURS):
        drawn.savefig(content, format=kind, metadata=FORMATS[kind])
    return content.getvalue()


def drawn_by(draw: Callable[[Figure], None], width: float, height: float) -> Figure:
    """A figure of this size in inches, in our style, as a function draws it."""
    with matplotlib.style.context(OURS):
        drawn = ShownFigure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawn)
        draw(drawn)
    return drawn


def hex_color(color: object) -> str | None:
    """A colour as ``#d9580a``; None where Matplotlib knows none of this name."""
    return to_hex(color) if isinstance(color, str) and is_color_like(color) else None
