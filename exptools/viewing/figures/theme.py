"""How figures look: colours, dashes, fonts, axes, and texts short enough for a legend."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from exptools.visible import visible

LEGEND_CHARACTERS = 30
CLEAR = "rgba(0,0,0,0)"
# Each time the colours have run out.
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "2px,5px")
FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Theme:
    """The colours of a figure; the lines' stay apart for colour-blind eyes, too."""

    lines: tuple[str, ...]
    background: str  # of the page behind the figure
    text: str
    muted: str
    grid: str
    cells: tuple[str, ...]  # from low to high, of areas: further and further from the page
    marks: tuple[str, ...]  # from low to high, of dots and lines, all of which stand out


LIGHT = Theme(
    lines=("#2b62d1", "#d9580a", "#159a8c", "#571a4f", "#a83279", "#7a4a00"),
    background="#ffffff",
    text="#1c2230",
    muted="#667085",
    grid="#eceef2",
    cells=("#eef3ff", "#b6c9f9", "#6d92f2", "#2b62d1", "#1b3a86", "#0e1d47"),
    marks=("#d97b00", "#c94a4a", "#96307a", "#5a2184", "#1c1150"),
)
DARK = Theme(
    lines=("#6f9dff", "#ff9248", "#5fdcc4", "#d6457f", "#f3e9a6", "#c9b3ff"),
    background="#171a21",
    text="#e8eaf0",
    muted="#98a1b3",
    grid="#262b36",
    cells=("#1d2536", "#24407f", "#3567c9", "#6f9dff", "#b3ccff", "#f0f5ff"),
    marks=("#5566d8", "#9c74e0", "#e88fc0", "#ffbd96", "#fff4bf"),
)


def base_layout(theme: Theme) -> dict[str, Any]:
    """What the layouts of all figures have in common."""
    return {
        "font": {"family": FONT, "color": theme.text, "size": 13},
        "paper_bgcolor": theme.background,
        "plot_bgcolor": theme.background,
        "margin": {"l": 8, "r": 8, "t": 28, "b": 8},
        "modebar": {"bgcolor": CLEAR, "color": theme.muted, "activecolor": theme.text},
        "hoverlabel": {
            "bgcolor": theme.background,
            "bordercolor": theme.grid,
            "font": {"color": theme.text, "size": 12, "family": FONT},
        },
    }


def base_axis(theme: Theme) -> dict[str, Any]:
    """What the axes of all figures have in common."""
    return {
        "showline": False,
        "zeroline": False,
        "gridcolor": theme.grid,
        "tickfont": {"color": theme.muted, "size": 12},
        "automargin": True,
    }


def short_text(text: str, characters: int = LEGEND_CHARACTERS) -> str:
    """One short line, with nothing in it that Plotly would take for markup, or that turns it."""
    text = visible(" ".join(text.split()))
    if len(text) > characters:
        half = characters // 2
        text = f"{text[: half - 1]}…{text[-half:]}"
    return html.escape(text, quote=False)  # Plotly knows no &quot;


def css_name(label: str) -> str:
    """The label in letters that Plotly can put into a CSS selector, as it does with these names."""
    return label.encode(errors="surrogatepass").hex()


def translucent(color: str, opacity: float) -> str:
    """A colour of a ``Theme`` with some of what is behind it."""
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
