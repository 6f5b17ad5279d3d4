"""Several metrics in one panel: which of them share an axis, and what tells their lines apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exptools.viewing.figures.lines import Line
from exptools.viewing.figures.numbers import largest
from exptools.viewing.figures.panels import x_heads

BETWEEN = " · "  # of a group and a metric, in a legend


@dataclass(frozen=True)
class Shared:
    """What one panel shows: the metrics of its left axis, and of its right one."""

    left: tuple[str, ...]
    right: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.left, *self.right)


def shared_panels(reaches: Mapping[str, float]) -> list[Shared]:
    """The panels for some metrics, given how far from 0 the numbers of each reach.

    Those within a factor of ten share an axis; a panel has one at its left and one at its right.
    """
    heads = x_heads(reaches)
    axes: dict[str, list[str]] = {}
    for metric, head in heads.items():
        axes.setdefault(head, []).append(metric)
    groups = [tuple(axis) for axis in axes.values()]
    return [Shared(*groups[at : at + 2]) for at in range(0, len(groups), 2)]


def reach_of(lines: Sequence[Line]) -> float:
    """How far from 0 some lines go."""
    return largest(line.curve.center for line in lines)


@dataclass(frozen=True)
class Telling:
    """How the lines of several metrics are told apart: colour for the group, dashes for the metric.

    Where there are fewer groups than metrics it is the other way round, unless somebody has given
    the groups colours.
    """

    groups: tuple[str, ...]  # their labels
    metrics: tuple[str, ...]
    colors: int  # so many there are before they come again
    by_group: bool  # whether colours stand for groups

    @classmethod
    def of(cls, lines: Mapping[str, Sequence[Line]], colors: int) -> Telling:
        """By the lines of each metric, whichever panel they are in."""
        every = [line for of in lines.values() for line in of]
        groups = tuple(dict.fromkeys(line.label for line in every))
        by_group = len(groups) >= len(lines) or any(line.color for line in every)
        return cls(groups, tuple(lines), colors, by_group)

    def told(self, line: Line, metric: str) -> Line:
        """A line of a metric as it stands among the others."""
        number = self.metrics.index(metric)
        place = (line.style // self.colors) * len(self.metrics) + number
        look = (
            replace(line, dash=place)
            if self.by_group
            else replace(line, style=number, dash=self.groups.index(line.label))
        )
        name = metric if len(self.groups) == 1 else f"{line.shown}{BETWEEN}{metric}"
        return replace(look, label=f"{line.label}{BETWEEN}{metric}", name=name)

    def title(self, legend: str) -> str:
        """What colours and dashes stand for; ``legend`` is what the groups are values of."""
        if len(self.groups) == 1:
            return "metric"
        colors, dashes = ("colour", "dashes") if self.by_group else ("dashes", "colour")
        return f"{legend or 'group'} ({colors}){BETWEEN}metric ({dashes})"
