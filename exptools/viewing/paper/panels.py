"""What a figure of several panels shows: which curve where, in which style, in which order."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from exptools.hints import suggestion
from exptools.viewing.configs.values import comparison_key, display, short_names
from exptools.viewing.curves.query import CurveData, GroupCurve
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.lines import Line, from_the_top


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


@dataclass(frozen=True)
class Sheet:
    """A figure's content."""

    x: str
    blocks: tuple[Block, ...]  # one a metric
    legend: str  # what the labels are values of; "" where they say it themselves
    labels: tuple[tuple[str, int], ...]  # label and style, in the order in which the lines end


def arrange(sets: Sequence[CurveData], facet: str | None = None) -> Sheet:
    """Divide the curves of some metrics into panels: one a metric, and a value of ``facet``.

    A style stands for the same values in all panels. The legend's order is that of the last
    values, highest first, in the first panel; lines that only later panels have come after.
    """
    _check(sets, facet)
    rest = [at for at, key in enumerate(sets[0].by) if key != facet]
    styles: dict[Hashable, int] = {}
    for group in (group for curves in sets for group in curves.groups):
        styles.setdefault(_same(group, rest), len(styles))
    blocks = tuple(_block(curves, facet, rest, styles) for curves in sets)
    panels = [panel for block in blocks for panel in block.panels]
    lines = [line for panel in panels for line in sorted(panel.lines, key=from_the_top)]
    labels = {line.style: line.label for line in reversed(lines)}
    order = dict.fromkeys(line.style for line in lines)
    in_order = tuple((labels[style], style) for style in order)
    return Sheet(sets[0].x, blocks, _legend(sets[0], facet, rest), in_order)


def _check(sets: Sequence[CurveData], facet: str | None) -> None:
    if not any(curves.groups for curves in sets):
        raise QueryError("there is no curve to draw: no run has a value of the metric and of x")
    first = sets[0]
    for curves in sets[1:]:
        if (curves.by, curves.x) != (first.by, first.x):
            raise QueryError(
                f"{first.metric} and {curves.metric} do not go into one figure: "
                "group them by the same keys, over the same x"
            )
    if facet is not None and facet not in first.by:
        raise QueryError(
            f"the curves are not grouped by {facet!r}, so that it cannot divide them into panels; "
            f"{suggestion(facet, first.by)}"
        )


def _legend(curves: CurveData, facet: str | None, rest: Sequence[int]) -> str:
    if len(rest) != 1:
        return ""
    return curves.legend if facet is None else short_names(curves.by)[curves.by[rest[0]]]


def _block(
    curves: CurveData, facet: str | None, rest: Sequence[int], styles: dict[Hashable, int]
) -> Block:
    if facet is None:
        lines = [Line(g.label, g.curve, styles[_same(g, rest)]) for g in curves.groups]
        return Block(curves.metric, (Panel("", tuple(lines)),))
    at, names = curves.by.index(facet), short_names(curves.by)
    titles: dict[Hashable, str] = {}
    members: dict[Hashable, list[Line]] = {}
    for group in curves.groups:
        value = comparison_key(group.values[at])
        titles[value] = f"{names[facet]} = {display(group.values[at])}"
        label = _label([(names[curves.by[at]], group.values[at]) for at in rest])
        line = Line(label, group.curve, styles[_same(group, rest)])
        members.setdefault(value, []).append(line)
    panels = (Panel(titles[value], tuple(lines)) for value, lines in members.items())
    return Block(curves.metric, tuple(panels))


def _same(group: GroupCurve, keys: Sequence[int]) -> tuple[Any, ...]:
    return tuple(comparison_key(group.values[at]) for at in keys)


def _label(values: Sequence[tuple[str, Any]]) -> str:
    if len(values) == 1:
        return display(values[0][1])
    return ", ".join(f"{name}={display(value)}" for name, value in values)
