"""Several metrics in one panel, those of another scale with an axis at its right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from exptools.viewing.app.compare.panels import Panel
from exptools.viewing.figures.lines import Line
from exptools.viewing.figures.theme import LIGHT
from exptools.viewing.figures.together import Telling, reach_of, shared_panels


def in_one_panel(panels: Sequence[Panel], legend: str) -> tuple[list[Panel], str]:
    """The panels with their metrics put together, and what the legend is then headed by.

    Those that lie over others, with the axis at the right, stand behind all of these.
    """
    lines: dict[str, list[Line]] = {}
    for panel in panels:
        lines.setdefault(panel.metric, []).extend(panel.lines)
    if len(lines) < 2:
        return list(panels), legend
    telling = Telling.of(lines, len(LIGHT.lines))
    titles = list(dict.fromkeys(panel.title for panel in panels))
    below: list[Panel] = []
    above: list[Panel] = []
    for shared in shared_panels({metric: reach_of(of) for metric, of in lines.items()}):
        for title in titles:
            left = _merged(_those(panels, shared.left, title), telling)
            right = _merged(_those(panels, shared.right, title), telling)
            if right is not None and left is not None:
                above.append(replace(right, over=len(below)))
            below += [part for part in (left or right,) if part is not None]
    return [*below, *above], telling.title(legend)


def _those(panels: Sequence[Panel], metrics: Sequence[str], title: str) -> list[Panel]:
    return [panel for panel in panels if panel.metric in metrics and panel.title == title]


def _merged(panels: Iterable[Panel], telling: Telling) -> Panel | None:
    """One panel of the lines of several; None of none."""
    parts = list(panels)
    if not parts:
        return None
    return replace(
        parts[0],
        lines=tuple(telling.told(line, part.metric) for part in parts for line in part.lines),
        groups=tuple(group for part in parts for group in part.groups),
        runs=tuple(runs for part in parts for runs in part.runs),
        says=", ".join(part.says for part in parts),
        metrics=tuple(part.metric for part in parts),
    )
