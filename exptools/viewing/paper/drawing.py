"""Arrange curves in panels, in a style each, and draw them with Matplotlib, the legend below."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from exptools.viewing.figures.downsampling import downsample
from exptools.viewing.figures.lines import Line, isolated
from exptools.viewing.figures.panels import reach, x_heads
from exptools.viewing.figures.references import Reference
from exptools.viewing.paper.scales import Scales, on_log_axes, set_scale
from exptools.viewing.paper.sheet import DASHES, Block, Panel, Sheet, style_of
from exptools.viewing.paper.style import RESOLUTION, ShownFigure

REFERENCE = "#555555"  # of lines that are no curves
LINE, THIN = 1.2, 0.5  # points of 1/72 inch
PANEL = 1.6  # inches: several side by side are not narrower than this
HEIGHT = 0.52  # of a panel, in parts of its width
AROUND = 0.45  # inches above and below it for its title, ticks and label
GAP = 6  # pixels between two names of horizontal lines
CHARACTERS = 15  # of text that fit into an inch
MOST_LEGEND_COLUMNS = 6

# Where a name may go on in the next line: not within a number, and not beside "=".
_BREAKS = re.compile(r"((?<![=<>])\s+(?![=<>])|(?<=[/_,])(?=\w)|(?<=\.)(?=[^\W\d]))")


_Placed = tuple[Block, Panel]


def draw(sheet: Sheet, width: float, scales: Scales) -> Figure:
    """Draw a sheet of this width in inches; it is as high as it needs to be."""
    rows, columns = _grid(sheet, width)
    drawn = ShownFigure(figsize=(width, width), layout="constrained")
    FigureCanvasAgg(drawn)
    places = drawn.subplots(len(rows), columns, squeeze=False)
    each = width / columns
    first: Axes = places[0, 0]
    heads: dict[str, Axes] = {}  # the first axes of each metric
    across_words = ""
    across: dict[str, Axes] = {}  # the first axes of those that share the horizontal one
    rights: dict[str, Axes] = {}  # the first right axes of each metric
    ends = {b.metric: reach([*b.lines, *(b.right.lines if b.right else ())]) for b in sheet.blocks}
    alike = x_heads(ends)
    for (row, column), (block, panel) in _placed(rows).items():
        axes: Axes = places[row, column]
        head = heads.setdefault(block.metric, axes)
        left = across.setdefault(alike[block.metric], axes)
        for share, other in ((axes.sharex, left), (axes.sharey, head)):
            if axes is not other:
                share(other)
        # After the sharing, which takes over the ticks of a scale, but not where it puts numbers.
        across_words = set_scale(axes, "x", scales.x, sheet.lines)
        up_words = set_scale(axes, "y", scales.y, block.lines)
        _draw_panel(axes, panel, each, scales)
        if column == 0 or axes is head:
            _write(axes.set_ylabel, block.title + up_words, each * HEIGHT + AROUND / 2)
        else:
            axes.tick_params(which="both", labelleft=False)
        _write(axes.set_title, panel.title, each)
        top = axes
        if block.right:
            top = twin = _draw_right(axes, block.right, panel, rights, each, scales)
            is_last = (row, column + 1) not in _placed(rows)
            twin.tick_params(which="both", labelright=is_last)
            if is_last:
                _write(twin.set_ylabel, block.right.title, each * HEIGHT + AROUND / 2)
        _draw_references(axes, block.references, scales, top)
        if block.right:
            _draw_references(top, block.right.references, scales, top)
    _show_ranges(first, heads | rights, scales)
    _finish_columns(places, _placed(rows), sheet.x + across_words, each, alike=len(across) == 1)
    legend = _legend(drawn, sheet, width) if len(sheet.labels) > 1 else None
    below = legend.get_window_extent().height / drawn.dpi if legend else 0.0
    drawn.set_size_inches(width, len(rows) * (each * HEIGHT + AROUND) + below)
    drawn.draw_without_rendering()  # makes ticks and layout while our settings hold
    _part_names(drawn)
    return drawn


def _draw_right(
    axes: Axes, block: Block, panel: Panel, heads: dict[str, Axes], width: float, scales: Scales
) -> Axes:
    """The lines of a panel's right axis, which all panels of a metric share."""
    twin: Axes = axes.twinx()
    head = heads.setdefault(block.metric, twin)
    if twin is not head:
        twin.sharey(head)
    set_scale(twin, "y", scales.y, block.lines)
    twin.grid(visible=False)
    twin.spines["right"].set_visible(True)
    _draw_panel(twin, replace(panel, lines=panel.right), width, scales)
    return twin


def _draw_references(
    axes: Axes, references: Sequence[Reference], scales: Scales, top: Axes
) -> None:
    """Horizontal lines, each with its name over its beginning, on the panel's uppermost axes."""
    for number, one in enumerate(references):
        if scales.y == "log" and one.value <= 0:
            continue
        dashes = DASHES[1 + number % (len(DASHES) - 1)]
        axes.axhline(one.value, color=REFERENCE, linestyle=dashes, linewidth=0.8, zorder=2.2)
        top.annotate(
            _literal(one.label, 20),
            (0.01, one.value),
            xycoords=axes.get_yaxis_transform(),
            xytext=(0, 1),
            textcoords="offset points",
            color=REFERENCE,
            fontsize=6,
            va="bottom",
            parse_math=False,
            path_effects=[withStroke(linewidth=2, foreground="white")],  # no line strikes through
        )


def _part_names(drawn: Figure) -> None:
    """Move names of horizontal lines to where no curve and no other name goes through them."""
    for axes in drawn.axes:
        there: list[Bbox] = []
        for name in axes.texts:
            own = name.get_window_extent()
            at_end = own.translated(axes.bbox.x1 - GAP - own.x1, 0)
            places = [_beside(there, own, 1), _beside(there, at_end, -1)]
            fit = [one for one in places if axes.bbox.x0 <= one.x0 and one.x1 <= axes.bbox.x1]
            free = (one for one in fit if not _is_crossed(drawn, axes, one))
            there.append(next(free, [*fit, own][0]))
            if isinstance(name, Annotation) and there[-1] is not own:
                along, value = name.xy
                name.xy = (along + (there[-1].x0 - own.x0) / axes.bbox.width, value)


def _beside(there: Sequence[Bbox], box: Bbox, to: int) -> Bbox:
    """A box where it is or, to the right (1) or the left (-1) of it, over none of the others."""
    while other := next((one for one in there if one.overlaps(box)), None):
        past = other.x1 + GAP - box.x0 if to > 0 else other.x0 - GAP - box.x1
        box = box.translated(past, 0)
    return box


def _is_crossed(drawn: Figure, axes: Axes, box: Bbox) -> bool:
    """Whether a curve of a panel, on either of its y-axes, goes through a box of it."""
    here = (one for one in drawn.axes if one.bbox.bounds == axes.bbox.bounds)
    curves = (line for one in here for line in one.lines if line.get_transform() is one.transData)
    return any(
        line.get_path().transformed(line.get_transform()).intersects_bbox(box, filled=False)
        for line in curves
    )


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
                places[row, column].tick_params(which="both", labelbottom=False)


def _draw_panel(axes: Axes, panel: Panel, width: float, scales: Scales) -> None:
    for line in on_log_axes(panel.lines, scales):
        # An inch's lowest and highest point, of the centre and of both edges of its band.
        curve = downsample(line.curve, int(width * RESOLUTION * 2 * 3))
        _draw_line(axes, replace(line, curve=curve))


def _draw_line(axes: Axes, line: Line) -> None:
    curve = line.curve
    color, dashes = style_of(line)
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
            for color, dashes in map(style_of, labels)
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
        for text, line in zip(legend.get_texts(), labels, strict=True):
            text.set(text=_literal(line.shown, width - 0.5), parse_math=False)
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
