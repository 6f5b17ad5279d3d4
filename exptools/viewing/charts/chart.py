"""What every chart is made of: its figure, its sentence, and the style that all have in common."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exptools.viewing.configs.values import plain_power
from exptools.viewing.curves.statistics.options import Option
from exptools.viewing.curves.summaries import Cell
from exptools.viewing.figures.names import telling
from exptools.viewing.figures.theme import CLEAR, Theme, base_axis, base_layout, short_text

HOVER_CHARACTERS = 80
HEIGHT = 360  # px, where nothing makes a chart higher


@dataclass(frozen=True)
class Chart:
    """A figure as it is drawn, and what it shows."""

    figure: dict[str, Any]  # Plotly's; in customdata the names of the runs that marks stand for
    caption: str  # a sentence or two: what is shown, of how many runs, with which interval
    height: int = HEIGHT  # px that it needs to be readable
    fills: bool = True  # whether it may be drawn higher, to fill the page
    headline: str = ""  # what came out, in a sentence before the caption
    notes: tuple[str, ...] = ()  # what else a reader must know, in sentences that stand below


def layout(theme: Theme, **parts: Any) -> dict[str, Any]:
    """Plotly's layout in the house's style, with the parts that make it this chart."""
    legend = {
        "font": {"color": theme.text, "size": 12},
        "bgcolor": CLEAR,
        "orientation": "h",
        "x": 0,
        "y": 1.02,
        "yanchor": "bottom",
    }
    common = base_layout(theme)
    common |= {
        "margin": {"l": 8, "r": 16, "t": 36, "b": 8},
        "hovermode": "closest",
        "hoverlabel": common["hoverlabel"] | {"align": "left"},
        "showlegend": False,
    }
    return common | {"legend": legend | parts.pop("legend", {})} | parts


def axis(theme: Theme, title: str = "", **parts: Any) -> dict[str, Any]:
    """An axis in the house's theme."""
    room = {"ticks": "outside", "ticklen": 6, "tickcolor": CLEAR}  # for the labels
    style = base_axis(theme) | room
    text = {"text": short_text(title, 60), "font": {"size": 12, "color": theme.muted}}
    return style | ({"title": text | {"standoff": 8}} if title else {}) | parts


def named(levels: Sequence[str], **parts: Any) -> dict[str, Any]:
    """The parts of an axis on which the values at 0, 1, 2, … have names."""
    ticks = {"tickmode": "array", "tickvals": list(range(len(levels)))}
    ends = telling(levels)
    names = [short_text(ends[level]) for level in levels]
    return ticks | {"ticktext": names, "zeroline": False} | parts


def colorscale(colors: Sequence[str]) -> list[list[Any]]:
    """Colours from low to high as Plotly takes them."""
    return [[at / (len(colors) - 1), color] for at, color in enumerate(colors)]


def colorbar(theme: Theme, title: str) -> dict[str, Any]:
    """The scale of colours beside a chart."""
    return {
        "title": {
            "text": short_text(title, 40),
            "side": "right",
            "font": {"color": theme.muted, "size": 12},
        },
        "tickfont": {"color": theme.muted, "size": 12},
        "thickness": 10,
        "outlinewidth": 0,
        "ticks": "",
        "len": 1,
        "lenmode": "fraction",
    }


def note(text: str, size: int, color: str, **place: Any) -> dict[str, Any]:
    """A text on a chart."""
    return {"text": text, "showarrow": False, "font": {"size": size, "color": color}} | place


def number(value: float) -> str:
    """A number as hovers and captions have it: four digits, and more only before the point."""
    size = abs(value)
    if not 1e-4 <= size < 1e9:
        return plain_power(f"{value:.4g}")
    decimals = max(0, 3 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def count(n: int, thing: str = "run") -> str:
    """A number of things: "1 run", "9 runs"."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def each(numbers: Collection[int]) -> str:
    """How many runs some things have: "3 each", "2 to 5 each"."""
    low, high = min(numbers), max(numbers)
    return f"n = {low}" if low == high else f"n = {low} to {high}"


def runs_of(cell: Cell) -> str:
    """How many runs a cell is of: "3", "2 of 3" where one has no value, and who ended early."""
    number = str(cell.n) if cell.n == cell.runs else f"{cell.n} of {cell.runs}"
    unfinished = [f"{cell.early} ended early"] if cell.early else []
    unfinished += [f"{cell.going} still running"] if cell.going else []
    return f"{number} ({', '.join(unfinished)})" if unfinished else number


def hover(lines: Mapping[str, str], head: str = "") -> str:
    """What a hover says: a bold head, and lines of a name and a value."""
    parts = [f"<b>{short_text(head, HOVER_CHARACTERS)}</b>"] if head else []
    parts += [
        f"{short_text(name)}: {short_text(value, HOVER_CHARACTERS)}"
        for name, value in lines.items()
    ]
    return "<br>".join(parts)


def summary_words(summary: Option) -> str:
    """How a run's number comes about, before the name of its metric."""
    if summary.name == "mean":
        return f"mean of the last {summary.numbers[0]:g} values of"
    if summary.name == "at":
        return f"value at step {summary.numbers[0]:g} of"
    words = {
        "last": "last",
        "min": "lowest",
        "max": "highest",
        "auc": "area under the curve of",
    }
    return words[summary.name]
