"""A drawing's lines, bands, axes and legend as the page's HTML has them.

The first picture stands where Plotly will draw the same, in the same sizes. Colours are the page's
variables, so that it is light or dark before any script has run. The browser lays it out: how wide
a text is, nobody else knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from exptools.viewing.app.compare.axes import axes, panel_title, place_of
from exptools.viewing.app.compare.bands import LARGEST
from exptools.viewing.app.compare.chart import (
    CROWD,
    columns_of,
    legend_text,
    names_of,
    thinned,
    window_of,
)
from exptools.viewing.app.compare.content import bands_on_demand, x_heads_of
from exptools.viewing.app.compare.panels import Drawing, Panel
from exptools.viewing.app.compare.reference_lines import ReferencePlace, reference_places
from exptools.viewing.app.painted.ticks import Tick, ticks, time_ticks
from exptools.viewing.app.view import View
from exptools.viewing.arrays import Bools, Floats
from exptools.viewing.figures.encoding import banded
from exptools.viewing.figures.lines import (
    Line,
    from_the_top,
    isolated,
    most_runs,
    part_of_fewer,
    style_of,
)
from exptools.viewing.figures.theme import DARK, LIGHT, short_text

UNITS = 2000  # of a panel's width and height, in which its lines are written
ROOM = 0.05 / 0.9  # that Plotly leaves above and below, in parts of the data's range
STROKES = {
    "solid": "",
    "dash": "9 9",
    "dot": "3 3",
    "dashdot": "9 3 3 3",
    "longdash": "15 15",
    "longdashdot": "15 3 3 3",
    "2px,5px": "2 5",
}


@dataclass(frozen=True)
class Size:
    """How large a picture is going to be seen, and how much of it can be told apart there."""

    width: int  # px, about: the browser alone knows it
    up: int  # ticks of a vertical axis, at most
    points: int  # of all lines together
    line: float  # px, of a line's width
    words: bool = True  # with a legend and titles of its axes


# As the chart is; the page should not be much larger than without it.
WHOLE = Size(width=1200, up=7, points=4000, line=2.2)


class _Axis(NamedTuple):
    """What an axis shows; where it is logarithmic, by exponents of ten."""

    low: float
    high: float
    log: bool
    title: str
    dates: bool  # in ms since 1970
    marks: Sequence[tuple[float, str]] | None  # its ticks and their texts, where it knows them

    def places(self, values: Floats) -> Floats:
        """The values in a panel's units; NaN where they cannot be."""
        low, high = self.low / 2, self.high / 2  # in halves a span is a number, however wide
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            shown = np.log10(values) if self.log else values
            places = np.clip((shown / 2 - low) / (high - low) * UNITS, -9 * UNITS, 9 * UNITS)
        return np.where(np.isfinite(shown), places, np.nan)

    def ticks(self, most: int) -> list[Tick]:
        if self.marks is not None:
            span = self.high - self.low
            inside = [(at, text) for at, text in self.marks if self.low <= at <= self.high]
            return [Tick((at - self.low) / span, text) for at, text in inside]
        if self.dates:
            return time_ticks(self.low / 1000, self.high / 1000, most)
        return ticks(self.low, self.high, most, log=self.log)


def picture(content: Drawing, view: View, size: Size = WHOLE) -> str:
    """The drawing as HTML; "" where it shows nothing, or what it cannot: an axis at the right."""
    if not content.panels or any(panel.over is not None for panel in content.panels):
        return ""
    columns = columns_of(content, view)
    number = max(1, sum(len(panel.lines) for panel in content.panels))
    points = max(40, min(400, size.points // number))
    panels = [_panel(content, view, at, columns, points, size) for at in range(len(content.panels))]
    longest = max((panel.widest for panel in panels), key=len)
    legend = _legend(content, view) if size.words else ""
    untitled = "" if panels[-1].title else " painted-untitled"
    names = "".join(panel.named for panel in panels)
    unnamed = "" if names else " painted-unnamed"
    return (
        f'<div class="painted-plot{untitled}{unnamed}">'
        f'<div class="painted-room" aria-hidden="true">{longest}{names}</div>'
        f'<div class="painted-panels">{"".join(panel.html for panel in panels)}</div>{legend}</div>'
    )


def colors() -> str:
    """The lines' colours as variables of the page, light and dark."""
    names = ["painted-grid", *(f"painted-{place}" for place in range(len(LIGHT.lines)))]
    light, dark = (
        "".join(f"--{n}:{c};" for n, c in zip(names, (theme.grid, *theme.lines), strict=True))
        for theme in (LIGHT, DARK)
    )
    return f':root{{{light}}}[data-mantine-color-scheme="dark"]{{{dark}}}'


class _Drawn(NamedTuple):
    html: str
    widest: str  # of the texts at its left, if there is nothing before it
    title: str  # of its horizontal axis
    named: str  # the title of its vertical axis, as HTML


def _panel(content: Drawing, view: View, at: int, columns: int, points: int, size: Size) -> _Drawn:
    panel = content.panels[at]
    rows = -(-len(content.panels) // columns)
    window = window_of(content, view, panel.metric)
    lines = [thinned(line, view, points, window) for line in panel.lines]
    most = {line.label: most_runs(line.curve) for line in panel.lines}
    layout = axes(content, view, LIGHT, at, columns, rows)
    x, y = (_axis(layout, letter, content, view, at) for letter in "xy")
    order = sorted(lines, key=from_the_top)
    shapes = "".join(
        [
            *(_band(line, x, y) for line in order if not bands_on_demand(content, view)),
            *(_center(line, x, y, most[line.label]) for line in order),
            *(_reference(one, y) for one in reference_places(content, panel, view)),
        ]
    )
    left, right, bottom, top = place_of(at, columns, rows)
    box = f"left:{left:.2%};width:{right - left:.2%};top:{1 - top:.2%};height:{top - bottom:.2%}"
    below = at + columns >= len(content.panels)
    across = x.ticks(_most((right - left) * size.width))
    up = y.ticks(min(5, size.up) if rows > 1 else size.up)
    texts = [
        *(f'<i class="painted-line" style="bottom:{t.place:.2%}"></i>' for t in up),
        *(f'<span class="painted-up" style="bottom:{t.place:.2%}">{t.text}</span>' for t in up),
        *(f'<i class="painted-mark" style="left:{t.place:.2%}"></i>' for t in across),
        *(
            f'<span class="painted-across" style="left:{t.place:.2%}">{t.text}</span>'
            for t in across
        ),
    ]
    title = x.title if below and size.words else ""
    if title:
        texts.append(f'<span class="painted-title">{title}</span>')
    if len(content.panels) > 1:
        texts.append(f'<b class="painted-panel-title">{panel_title(content, at)}</b>')
    svg = f'<svg viewBox="0 0 {UNITS} {UNITS}" preserveAspectRatio="none">{shapes}</svg>'
    if size.words:
        texts += [_reference_name(one, y) for one in reference_places(content, panel, view)]
    grid = "".join(texts)
    widest = max((tick.text for tick in up), key=len, default="") if left == 0 else ""
    light = min(1.0, CROWD / max(1, len(lines)))  # as ``chart`` makes many lines
    width, fill = size.line * max(0.6, light), 0.16 * max(0.3, light)
    look = f"--painted-width:{width:.2f}px;--painted-fill:{fill:.3f}"
    middle = f"top:{1 - (top + bottom) / 2:.2%}"
    named = (
        f'<span class="painted-up-title" style="{middle}">{y.title}</span>'
        if y.title and size.words
        else ""
    )
    shown = f'<div class="painted-panel" style="{box};{look}">{grid}{svg}</div>'
    return _Drawn(shown, widest, title, named)


def _most(width: float) -> int:
    """The ticks that Plotly makes on so many px."""
    return int(min(9, max(4, width / 80))) + 1


def _axis(layout: dict[str, Any], letter: str, content: Drawing, view: View, at: int) -> _Axis:
    """The axis of a panel: its range as the layout has it or, if it leaves it open, the data's."""
    axis = next(value for name, value in layout.items() if name.startswith(f"{letter}axis"))
    log, title = axis["type"] == "log", str(axis.get("title", {}).get("text", ""))
    marks = (
        list(zip(axis["tickvals"], axis["ticktext"], strict=True)) if "tickvals" in axis else None
    )
    low, high = axis.get("range") or _free_range(axis, letter, content, view, at)
    return _Axis(low, high, log, title, view.x == "wall_time" and letter == "x", marks)


def _free_range(
    axis: dict[str, Any], letter: str, content: Drawing, view: View, at: int
) -> tuple[float, float]:
    """Where an axis goes that is to show all: its data, or to where the layout ends it."""
    log, metric, heads = axis["type"] == "log", content.panels[at].metric, x_heads_of(content)
    alike = heads if letter == "x" else {m: m for m in heads}
    shown = [p for p in content.panels if alike[p.metric] == alike[metric]]
    low, high = _extent(content, shown, letter, view, log=log)
    if letter == "x":
        return low, high
    room = 2 * ROOM * (high / 2 - low / 2)
    ends = axis.get("autorangeoptions")
    if ends:
        start, end = (
            np.log10(ends[name]) if log else ends[name] for name in ("clipmin", "clipmax")
        )
        return max(low - room, float(start)), min(high + room, float(end))
    return max(low - room, -LARGEST), min(high + room, LARGEST)


def _extent(
    content: Drawing, panels: Sequence[Panel], letter: str, view: View, *, log: bool
) -> tuple[float, float]:
    """The lowest and the highest value that can be shown, apart."""
    parts = []
    for panel in panels:
        for line in panel.lines:
            curve = line.curve
            parts += [curve.x] if letter == "x" else [curve.center, curve.low, curve.high]
        if letter == "y":
            places = [one.place for one in reference_places(content, panel, view)]
            parts.append(np.array(places, np.float64))
    values = np.concatenate([*parts, np.empty(0)])
    values = values[np.isfinite(values) & (values > 0 if log else True)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if letter == "x" and view.x == "wall_time":
        low, high = low * 1000, high * 1000
    if log:
        low, high = float(np.log10(low)), float(np.log10(high))
    return (low, high) if low < high else (low - 1, high + 1)


def _band(line: Line, x: _Axis, y: _Axis) -> str:
    there = banded(line.curve)
    if not there.any():
        return ""
    across, low, high = (
        axis.places(part)
        for axis, part in ((x, line.curve.x), (y, line.curve.low), (y, line.curve.high))
    )
    there &= np.isfinite(across) & np.isfinite(low) & np.isfinite(high)
    path = "".join(
        f"M{_points(across[rows], high[rows])}L{_points(across[rows][::-1], low[rows][::-1])}Z"
        for rows in _stretches(there)
    )
    return f'<path class="painted-band" style="fill:{_color(line)}" d="{path}"/>'


def _center(line: Line, x: _Axis, y: _Axis, most: int) -> str:
    across, up = x.places(line.curve.x), y.places(line.curve.center)
    there = np.isfinite(across) & np.isfinite(up)
    stretches = _stretches(there)
    start = part_of_fewer(line.curve, most)
    path = _path([rows[rows < start] for rows in stretches], across, up)
    thin = _path([rows[rows >= start - 1] for rows in stretches if rows[-1] >= start], across, up)
    alone = there & isolated(np.where(there, up, np.nan))
    dots = "".join(f"M{_points(across[[row]], up[[row]])}h0" for row in np.flatnonzero(alone))
    look = f'style="stroke:{_color(line)}" stroke-dasharray="{_strokes(line)}"'
    dot = f'<path class="painted-dot" style="stroke:{_color(line)}" d="{dots}"/>' if dots else ""
    few = f'<path class="painted-center painted-few" {look} d="{thin}"/>' if thin else ""
    return f'<path class="painted-center" {look} d="{path}"/>{few}{dot}'


def _path(stretches: Sequence[Any], across: Floats, up: Floats) -> str:
    return "".join(f"M{_points(across[rows], up[rows])}" for rows in stretches if len(rows))


def _stretches(there: Bools) -> list[Any]:
    rows = np.flatnonzero(there)
    return [part for part in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if len(part)]


def _points(x: Floats, y: Floats) -> str:
    pairs = zip(
        np.rint(x).astype(int).tolist(), np.rint(UNITS - y).astype(int).tolist(), strict=True
    )
    return " ".join(f"{left},{top}" for left, top in pairs)


def _color(line: Line) -> str:
    return line.color or f"var(--painted-{line.style % len(LIGHT.lines)})"


def _strokes(line: Line) -> str:
    return STROKES[style_of(line, LIGHT)[1]]


def _reference(line: ReferencePlace, y: _Axis) -> str:
    up = UNITS - round(float(y.places(np.array([line.place]))[0]))
    look = f'style="stroke:var(--muted)" stroke-dasharray="{STROKES[line.dash]}"'
    return f'<path class="painted-center painted-few" {look} d="M0,{up}H{UNITS}"/>'


def _reference_name(line: ReferencePlace, y: _Axis) -> str:
    up = float(y.places(np.array([line.place]))[0]) / UNITS
    return (
        f'<span class="painted-reference" style="bottom:{up:.2%}">{short_text(line.label)}</span>'
    )


def _legend(content: Drawing, view: View) -> str:
    """As Plotly has it: where there is more than one line, in the order in which they end."""
    named: dict[str, Line] = {}
    for panel in content.panels:
        for line in sorted(panel.lines, key=from_the_top):
            named.setdefault(line.label, line)
    if not (len(named) > 1 or (named and (view.selected or view.where))):
        return ""
    names = names_of(content)
    rows = [
        f'<li><svg viewBox="0 0 40 21"><path class="painted-center" style="stroke:{_color(line)}" '
        f'stroke-dasharray="{_strokes(line)}" d="M5,10.5h30"/></svg>'
        f"{legend_text(names[label])}</li>"
        for label, line in named.items()
    ]
    title = f"<p>{short_text(content.legend)}</p>" if content.legend else ""
    return f'<div class="painted-legend">{title}<ul>{"".join(rows)}</ul></div>'
