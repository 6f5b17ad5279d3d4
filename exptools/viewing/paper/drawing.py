"""Arrange curves in panels, in a style each, and draw them with Matplotlib, the legend below."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from exptools.hints import suggestion
from exptools.viewing.configs.values import comparison_key, endings, label_among
from exptools.viewing.curves.curve_data import CurveData, GroupCurve, remark
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.downsampling import downsample
from exptools.viewing.figures.lines import Line, from_the_top, isolated
from exptools.viewing.figures.panels import reach, x_heads
from exptools.viewing.paper.scales import Scales, on_log_axes, set_scale
from exptools.viewing.paper.style import RESOLUTION, ShownFigure

# Okabe and Ito (2008), safe for colour-blind eyes; without their yellow, too pale for a line.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("solid", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))
STYLES = [(color, dashes) for dashes in DASHES for color in COLORS]  # dashed when colours run out

LINE, THIN = 1.2, 0.5  # points of 1/72 inch
PANEL = 1.6  # inches: several side by side are not narrower than this
HEIGHT = 0.52  # of a panel, in parts of its width
AROUND = 0.45  # inches above and below it for its title, ticks and label
CHARACTERS = 15  # of text that fit into an inch
MOST_LEGEND_COLUMNS = 6

_BREAKS = re.compile(r"(\s+|(?<=[/_.,=])(?=\w))")  # where a name may go on in the next line


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    title: str  # "" where the axes say it all
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Block:
    """The panels of one vertical axis."""

    metric: str
    panels: tuple[Panel, ...]

    @property
    def lines(self) -> list[Line]:
        """Those of all panels."""
        return [line for panel in self.panels for line in panel.lines]


@dataclass(frozen=True)
class Sheet:
    """A figure's content."""

    x: str
    blocks: tuple[Block, ...]  # one a metric
    legend: str  # what the labels are values of, "" where they say it themselves; and of the bands
    labels: tuple[tuple[str, int], ...]  # label and style, in the order in which the lines end

    @property
    def lines(self) -> list[Line]:
        """Those of all panels."""
        return [line for block in self.blocks for line in block.lines]


def arrange(sets: Sequence[CurveData], facet: str | None = None) -> Sheet:
    """Divide the curves of some metrics into panels: one a metric, and a value of ``facet``.

    A style stands for the same values in all panels. The legend's order is that of the last
    values, highest first, in the first panel; lines that only later panels have come after.
    """
    _check(sets)
    place = None if facet is None else _place(sets[0], facet)
    rest = [at for at in range(len(sets[0].by)) if at != place]
    styles: dict[Hashable, int] = {}
    for group in (group for curves in sets for group in curves.groups):
        styles.setdefault(_same(group, rest), len(styles))
    blocks = tuple(_block(curves, place, rest, styles) for curves in sets)
    panels = [panel for block in blocks for panel in block.panels]
    lines = [line for panel in panels for line in sorted(panel.lines, key=from_the_top)]
    labels = {line.style: line.label for line in reversed(lines)}
    order = dict.fromkeys(line.style for line in lines)
    in_order = tuple((labels[style], style) for style in order)
    legend = "; ".join(filter(None, [_legend_title(sets[0], place, rest), remark(sets)]))
    return Sheet(sets[0].x, blocks, legend, in_order)


def _check(sets: Sequence[CurveData]) -> None:
    if not any(curves.groups for curves in sets):
        raise QueryError("there is no curve to draw: no run has a value of the metric and of x")
    first = sets[0]
    for curves in sets[1:]:
        if (curves.by, curves.x) != (first.by, first.x):
            raise QueryError(
                f"{first.metric} and {curves.metric} do not go into one figure: "
                "group them by the same keys, over the same x"
            )


def _place(curves: CurveData, facet: str) -> int:
    """Which of the keys grouped by divides the curves into panels."""
    if facet in curves.by:
        return curves.by.index(facet)
    # Either may have been asked for by its end.
    alike = (facet in endings(key) or key in endings(facet) for key in curves.by)
    places = [at for at, is_alike in enumerate(alike) if is_alike]
    if len(places) == 1:
        return places[0]
    raise QueryError(
        f"the curves are not grouped by {facet!r}, so that it cannot divide them into panels; "
        f"{suggestion(facet, curves.by)}"
    )


def _legend_title(curves: CurveData, facet: int | None, rest: Sequence[int]) -> str:
    if len(rest) != 1:
        return ""
    return curves.legend if facet is None else (curves.heads or curves.by)[rest[0]]


def _block(
    curves: CurveData, facet: int | None, rest: Sequence[int], styles: dict[Hashable, int]
) -> Block:
    if facet is None:
        lines = [Line(g.label, g.curve, styles[_same(g, rest)]) for g in curves.groups]
        return Block(curves.metric, (Panel("", tuple(lines)),))
    names = curves.heads or curves.by
    shows = [label_among([g.values[at] for g in curves.groups]) for at in range(len(names))]
    titles: dict[Hashable, str] = {}
    members: dict[Hashable, list[Line]] = {}
    for group in curves.groups:
        value = comparison_key(group.values[facet])
        titles[value] = f"{names[facet]} = {shows[facet](group.values[facet])}"
        label = _label([(names[at], shows[at](group.values[at])) for at in rest])
        line = Line(label, group.curve, styles[_same(group, rest)])
        members.setdefault(value, []).append(line)
    panels = (Panel(titles[value], tuple(lines)) for value, lines in members.items())
    return Block(curves.metric, tuple(panels))


def _same(group: GroupCurve, keys: Sequence[int]) -> tuple[Any, ...]:
    return tuple(comparison_key(group.values[at]) for at in keys)


def _label(values: Sequence[tuple[str, str]]) -> str:
    if len(values) == 1:
        return values[0][1]
    return ", ".join(f"{name}={value}" for name, value in values)


_Placed = tuple[Block, Panel]


def without_bands(sheet: Sheet) -> Sheet:
    """The sheet with its lines alone."""

    def alone(line: Line) -> Line:
        nothing = np.full(len(line.curve.x), np.nan)
        return replace(line, curve=replace(line.curve, low=nothing, high=nothing))

    def bare(panel: Panel) -> Panel:
        return replace(panel, lines=tuple(map(alone, panel.lines)))

    blocks = (replace(block, panels=tuple(map(bare, block.panels))) for block in sheet.blocks)
    return replace(sheet, blocks=tuple(blocks))


def draw(sheet: Sheet, width: float, scales: Scales) -> Figure:
    """Draw a sheet of this width in inches; it is as high as it needs to be."""
    rows, columns = _grid(sheet, width)
    drawn = ShownFigure(figsize=(width, width), layout="constrained")
    FigureCanvasAgg(drawn)
    places = drawn.subplots(len(rows), columns, squeeze=False)
    each = width / columns
    first: Axes = places[0, 0]
    heads: dict[str, Axes] = {}  # the first axes of each metric
    across_words = up_words = ""
    across: dict[str, Axes] = {}  # the first axes of those that share the horizontal one
    ends = {b.metric: reach(b.lines) for b in sheet.blocks}
    alike = x_heads(ends)
    for (row, column), (block, panel) in _placed(rows).items():
        axes: Axes = places[row, column]
        head = heads.setdefault(block.metric, axes)
        left = across.setdefault(alike[block.metric], axes)
        if axes is left:
            across_words = set_scale(axes, "x", scales.x, sheet.lines)
        if axes is head:
            up_words = set_scale(axes, "y", scales.y, block.lines)
        for share, other in ((axes.sharex, left), (axes.sharey, head)):
            if axes is not other:
                share(other)
        _draw_panel(axes, panel, each, scales)
        if column == 0 or axes is head:
            _write(axes.set_ylabel, block.metric + up_words, each * HEIGHT + AROUND / 2)
        else:
            axes.tick_params(labelleft=False)
        _write(axes.set_title, panel.title, each)
    _show_ranges(first, heads, scales)
    _finish_columns(places, _placed(rows), sheet.x + across_words, each, alike=len(across) == 1)
    legend = _legend(drawn, sheet, width) if len(sheet.labels) > 1 else None
    below = legend.get_window_extent().height / drawn.dpi if legend else 0.0
    drawn.set_size_inches(width, len(rows) * (each * HEIGHT + AROUND) + below)
    drawn.draw_without_rendering()  # makes ticks and layout while our settings hold
    return drawn


def _show_ranges(first: Axes, heads: dict[str, Axes], scales: Scales) -> None:
    if scales.x_range:
        first.set_xlim(scales.x_range)
    for metric, axes in heads.items():
        span = scales.range_of(metric)
        if span:
            axes.set_ylim(span)


def _grid(sheet: Sheet, width: float) -> tuple[list[list[_Placed]], int]:
    """The panels row by row, and the number of columns; a metric with facets has its own rows."""
    blocks = [[(block, panel) for panel in block.panels] for block in sheet.blocks]
    if not sheet.blocks[0].panels[0].title:
        blocks = [[placed for block in blocks for placed in block]]
    columns = max(1, min(int(width / PANEL), max(map(len, blocks))))
    rows = [block[at : at + columns] for block in blocks for at in range(0, len(block), columns)]
    return rows, columns


def _placed(rows: list[list[_Placed]]) -> dict[tuple[int, int], _Placed]:
    return {
        (row, column): placed
        for row, panels in enumerate(rows)
        for column, placed in enumerate(panels)
    }


def _finish_columns(
    places: NDArray[Any], filled: Collection[tuple[int, int]], x: str, width: float, *, alike: bool
) -> None:
    """The horizontal axis belongs under the lowest panel of each column; places without go."""
    rows, columns = places.shape
    for column in range(columns):
        lowest = max(row for row in range(rows) if (row, column) in filled)
        for row in range(rows):
            if (row, column) not in filled:
                places[row, column].remove()
            elif row == lowest:
                _write(places[row, column].set_xlabel, x, width)
            elif alike:
                places[row, column].tick_params(labelbottom=False)


def _draw_panel(axes: Axes, panel: Panel, width: float, scales: Scales) -> None:
    for line in on_log_axes(panel.lines, scales):
        # An inch's lowest and highest point, of the centre and of both edges of its band.
        curve = downsample(line.curve, int(width * RESOLUTION * 2 * 3))
        _draw_line(axes, Line(line.label, curve, line.style))


def _draw_line(axes: Axes, line: Line) -> None:
    curve = line.curve
    color, dashes = STYLES[line.style]
    style: dict[str, Any] = {"color": color, "zorder": 2.5}
    axes.fill_between(curve.x, curve.low, curve.high, color=color, alpha=0.2, linewidth=0, zorder=2)
    whole = np.where(curve.n == np.max(curve.n), curve.center, np.nan)
    if np.isnan(whole).sum() > np.isnan(curve.center).sum():
        axes.plot(curve.x, curve.center, linewidth=THIN, linestyle=dashes, **style)
    axes.plot(curve.x, whole, linewidth=LINE, linestyle=dashes, **style)
    alone = isolated(curve.center)
    if alone.any():
        x, low, high = curve.x[alone], curve.low[alone], curve.high[alone]
        axes.plot(x, curve.center[alone], "o", markersize=3, **style)
        axes.vlines(x, low, high, color=color, linewidth=LINE, alpha=0.5, zorder=2)


def _legend(drawn: Figure, sheet: Sheet, width: float) -> Legend:
    """A legend below the panels, of as many columns as fit, to be read row by row."""
    number = len(sheet.labels)
    columns = min(number, MOST_LEGEND_COLUMNS)
    while True:
        # Matplotlib fills column by column; its first columns are the longer ones.
        order = [at for first in range(columns) for at in range(first, number, columns)]
        labels = [sheet.labels[at] for at in order]
        handles = [
            Line2D([], [], color=color, linestyle=dashes, linewidth=LINE)
            for color, dashes in (STYLES[style] for _, style in labels)
        ]
        legend = drawn.legend(
            handles,
            [""] * number,
            loc="outside lower center",
            ncols=columns,
            title=_literal(sheet.legend, width) or None,
            handlelength=2.2,
            columnspacing=1.2,
            borderaxespad=0.2,
        )
        legend.get_title().set_parse_math(False)
        for text, (label, _) in zip(legend.get_texts(), labels, strict=True):
            text.set(text=_literal(label, width - 0.5), parse_math=False)
        if columns == 1 or legend.get_window_extent().width <= drawn.bbox.width:
            return legend
        legend.remove()
        columns -= 1


def _write(setter: Callable[..., Any], text: str, room: float) -> None:
    if text:
        setter(_literal(text, room), parse_math=False)


def _literal(text: str, room: float) -> str:
    """A text to be drawn as it is, in lines that fit into some inches."""
    line = " ".join(text.split())
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    wrapper = textwrap.TextWrapper(max(8, int(room * CHARACTERS)))
    wrapper.wordsep_re = _BREAKS
    return "\n".join(wrapper.wrap(printable))
