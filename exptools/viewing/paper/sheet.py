"""What a paper's figure shows: curves divided into panels, each line in a style."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exptools.hints import suggestion
from exptools.viewing.configs.values import comparison_key, endings, label_among
from exptools.viewing.curves.curve_data import CurveData, GroupCurve, remark
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.lines import Line, from_the_top, x_title
from exptools.viewing.figures.references import (
    Reference,
    check_labels,
    references_by_metric,
    with_own_names,
)
from exptools.viewing.figures.several import PLAIN, Look, check_references, check_together, name_of
from exptools.viewing.figures.together import Telling, reach_of, shared_panels

# Okabe and Ito (2008), safe for colour-blind eyes; without their yellow, too pale for a line.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("solid", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))
STYLES = [(color, dashes) for dashes in DASHES for color in COLORS]  # dashed when colours run out


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    title: str  # "" where the axes say it all
    lines: tuple[Line, ...]
    right: tuple[Line, ...] = ()  # those of the axis at its right


@dataclass(frozen=True)
class Block:
    """The panels of one vertical axis."""

    metric: str
    panels: tuple[Panel, ...]
    title: str  # what the axis says
    references: tuple[Reference, ...] = ()
    right: Block | None = None  # of the axis at its right

    @property
    def lines(self) -> list[Line]:
        """Those of all panels, of the left axis."""
        return [line for panel in self.panels for line in panel.lines]


@dataclass(frozen=True)
class Sheet:
    """A figure's content."""

    x: str
    blocks: tuple[Block, ...]  # one a metric
    legend: str  # what the labels are values of, "" where they say it themselves; and of the bands
    labels: tuple[Line, ...]  # one for each entry of the legend, in the order in which they end

    @property
    def lines(self) -> list[Line]:
        """Those of all panels."""
        panels = (panel for block in self.blocks for panel in block.panels)
        return [line for panel in panels for line in (*panel.lines, *panel.right)]


def arrange(sets: Sequence[CurveData], facet: str | None = None, look: Look = PLAIN) -> Sheet:
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
    check_references(look, sets)
    references = references_by_metric(look.references, [curves.metric for curves in sets])
    blocks = [
        _block(curves, place, rest, styles, look, references.get(curves.metric, ()))
        for curves in sets
    ]
    title = _legend_title(sets[0], place, rest)
    check_labels(
        [*look.labels, *look.colors], [line.label for block in blocks for line in block.lines]
    )
    if look.together and len(sets) > 1:
        check_together([curves.metric for curves in sets])
        telling = Telling.of({block.metric: block.lines for block in blocks}, len(COLORS))
        title, blocks = telling.title(title), _together(blocks, telling)
    legend = "; ".join(filter(None, [title, remark(sets)]))
    return Sheet(x_title(sets[0].x), tuple(blocks), legend, _legend_lines(blocks))


def _legend_lines(blocks: Sequence[Block]) -> tuple[Line, ...]:
    """A line for each name and style, in the order in which they end, panel by panel."""
    sides = [side for b in blocks for panel in b.panels for side in (panel.lines, panel.right)]
    once: dict[tuple[Any, ...], Line] = {}
    for line in (line for side in sides for line in sorted(side, key=from_the_top)):
        once.setdefault((line.style, line.dash), line)
    return tuple(once.values())


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


def _together(blocks: Sequence[Block], telling: Telling) -> list[Block]:
    """The blocks of metrics that share an axis as one, and that of another scale at its right."""
    by_metric = {block.metric: block for block in blocks}
    reaches = {metric: reach_of(block.lines) for metric, block in by_metric.items()}
    made = []
    for shared in shared_panels(reaches):
        left = _merged([by_metric[metric] for metric in shared.left], telling)
        if shared.right:
            right = _merged([by_metric[metric] for metric in shared.right], telling)
            of_left, of_right = ({p.title: p.lines for p in b.panels} for b in (left, right))
            panels = [Panel(t, of_left.get(t, ()), of_right.get(t, ())) for t in of_left | of_right]
            left = replace(left, panels=tuple(panels), right=right)
        made.append(left)
    return made


def _merged(blocks: Sequence[Block], telling: Telling) -> Block:
    """One block of the lines of several metrics."""
    panels: dict[str, list[Line]] = {}
    for block in blocks:
        for panel in block.panels:
            own = [telling.told(line, block.metric) for line in panel.lines]
            panels.setdefault(panel.title, []).extend(own)
    return Block(
        blocks[0].metric,
        tuple(Panel(title, tuple(lines)) for title, lines in panels.items()),
        ", ".join(block.title for block in blocks),
        tuple(one for block in blocks for one in block.references),
    )


def _block(
    curves: CurveData,
    facet: int | None,
    rest: Sequence[int],
    styles: dict[Hashable, int],
    look: Look,
    references: Sequence[Reference],
) -> Block:
    def named(lines: Sequence[Line]) -> tuple[Line, ...]:
        return tuple(with_own_names(lines, look.labels, look.colors))

    alone = len(styles) == 1  # then there is no legend, which would say it
    if facet is None:
        lines = [Line(g.label, g.curve, styles[_same(g, rest)], name_of(g)) for g in curves.groups]
        title = "".join(_kept_settings(curves, rest).values()).strip(" ()") if alone else ""
        return Block(curves.metric, (Panel(title, named(lines)),), curves.title, tuple(references))
    names = curves.heads or curves.by
    shows = [label_among([g.values[at] for g in curves.groups]) for at in range(len(names))]
    kept, own = _kept_settings(curves, rest), _kept_settings(curves, [facet])
    titles: dict[Hashable, str] = {}
    members: dict[Hashable, list[Line]] = {}
    for group in curves.groups:
        value = comparison_key(group.values[facet])
        titles[value] = f"{names[facet]} = {shows[facet](group.values[facet])}"
        titles[value] += own.get(_same(group, [facet]), "") if alone else ""
        label = _label([(names[at], shows[at](group.values[at])) for at in rest])
        told = f"{kept.get(_same(group, rest), '')}{' (baseline)' * group.is_baseline}"
        name = f"{label}{told}" if told else ""
        line = Line(label, group.curve, styles[_same(group, rest)], name)
        members.setdefault(value, []).append(line)
    panels = (Panel(titles[value], named(lines)) for value, lines in members.items())
    return Block(curves.metric, tuple(panels), curves.title, tuple(references))


def _kept_settings(curves: CurveData, rest: Sequence[int]) -> dict[Hashable, str]:
    """What a line's label says of its best setting: " (lr=0.5)"; where panels have others, of each.

    By the line's values of the keys that do not divide the curves into panels.
    """
    shows = [
        label_among([group.setting[at] for group in curves.groups if group.setting])
        for at in range(len(curves.over))
    ]
    texts: dict[Hashable, dict[str, None]] = {}
    for group in curves.groups:
        if group.setting:
            values = [show(value) for show, value in zip(shows, group.setting, strict=True)]
            pairs = zip(curves.over, values, strict=True)
            text = ", ".join(f"{name}={value}" for name, value in pairs)
            texts.setdefault(_same(group, rest), {})[text] = None
    return {same: f" ({' | '.join(several)})" for same, several in texts.items()}


def _same(group: GroupCurve, keys: Sequence[int]) -> tuple[Any, ...]:
    return tuple(comparison_key(group.values[at]) for at in keys)


def _label(values: Sequence[tuple[str, str]]) -> str:
    if len(values) == 1:
        return values[0][1]
    return ", ".join(f"{name}={value}" for name, value in values)


def without_bands(sheet: Sheet) -> Sheet:
    """The sheet with its lines alone."""

    def alone(line: Line) -> Line:
        nothing = np.full(len(line.curve.x), np.nan)
        return replace(line, curve=replace(line.curve, low=nothing, high=nothing))

    def bare(panel: Panel) -> Panel:
        sides = (tuple(map(alone, side)) for side in (panel.lines, panel.right))
        return Panel(panel.title, *sides)

    blocks = (replace(block, panels=tuple(map(bare, block.panels))) for block in sheet.blocks)
    return replace(sheet, blocks=tuple(blocks))


def style_of(line: Line) -> tuple[str, Any]:
    """Colour and dashes of a line.

    Raises:
        QueryError: so many kinds of dashes there are not.
    """
    cycle, place = divmod(line.style, len(COLORS))
    dash = cycle if line.dash is None else line.dash
    if dash >= len(DASHES):
        raise QueryError(
            f"so many lines in a panel cannot be told apart: {len(COLORS)} colours with "
            f"{len(DASHES)} kinds of dashes can; choose fewer groups or metrics"
        )
    return line.color or COLORS[place], DASHES[dash]
