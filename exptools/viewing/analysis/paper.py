"""Both analyses as figures for a paper, by Matplotlib, as curves are drawn there."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from exptools.viewing.analysis.importance import SETTING, Importance
from exptools.viewing.analysis.importance_chart import shown_effects
from exptools.viewing.analysis.verdict import Improvement
from exptools.viewing.paper.compose import check_numbers, parse_size, save
from exptools.viewing.paper.sheet import COLORS
from exptools.viewing.paper.style import drawn_by
from exptools.viewing.wording import escape_invalid_unicode, shortened

if TYPE_CHECKING:  # it is imported where the paper's figures are
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW, AROUND = 0.2, 0.5  # inches: a bar, and what is around all
PANELS = 1.9  # inches: the height of a comparison
GREY = "#8a8f98"
BESIDE = 28  # letters of a name in a line beside an axis
PER_INCH = 16  # letters below one: the widest have room
LINES = 3  # of a name: two conditions often differ at their ends

Size = str | float
Out = str | PathLike[str] | None


def importance_figure(found: Importance, *, size: Size = "column", out: Out = None) -> Figure:
    """A bar for each key with its interval; ``size`` and ``out`` as of curves."""
    rows = shown_effects(found)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(rows))
        shares = np.array([100 * row.share for row in rows])
        alone = np.nan_to_num([100 * row.alone for row in rows])
        colors = [COLORS[0] if row.kind == SETTING else GREY for row in rows]
        beyond = np.where(alone > shares, alone, 0)  # a shorter one would only notch its bar
        axes.barh(places, beyond, 0.6, facecolor="none", edgecolor=COLORS[0], linewidth=0.6)
        axes.barh(places, np.nan_to_num(shares), 0.6, color=colors)
        low = shares - np.array([100 * row.low for row in rows])
        high = np.array([100 * row.high for row in rows]) - shares
        there = np.isfinite(low) & np.isfinite(high)
        reach = np.stack([low, high])[:, there]
        axes.errorbar(shares[there], places[there], xerr=np.maximum(reach, 0), **_MARKS)
        _name(axes, [row.label for row in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, min(100.0, axes.get_xlim()[1]))
        _below(figure, axes, f"% of the variance of the {found.words}")

    return _figure(draw, size, AROUND + ROW * len(rows), out)


def improvement_figure(found: Improvement, *, size: Size = "column", out: Out = None) -> Figure:
    """The runs of both groups and the difference with its interval; options as of curves."""
    gap = found.difference
    for label, values in zip(found.labels, found.values, strict=True):
        check_numbers(f"the group {label}", values)
    check_numbers("the difference", [gap.value, gap.low, gap.high])

    def draw(figure: Figure) -> None:
        runs, below = figure.subplots(2, height_ratios=[2, 1])
        for at, (values, mean) in enumerate(zip(found.values, found.means, strict=True)):
            runs.plot(values, np.full(len(values), at), "o", color=COLORS[at], alpha=0.5, ms=3)
            runs.plot([mean], [at], "D", color=COLORS[at], ms=5, mec="white", mew=0.6)
        _name(runs, found.labels, LINES)
        runs.set_ylim(1.6, -0.6)
        _below(figure, runs, found.words)
        known = not math.isnan(gap.low)
        reach = [[gap.value - gap.low], [gap.high - gap.value]] if known else None
        below.axvline(0, color=GREY, linewidth=0.8, linestyle=":")
        below.errorbar([gap.value], [0], xerr=reach, marker="o", ms=4, **_MARKS)
        below.set_yticks([])
        below.grid(visible=False, axis="y")
        below.set_xlabel(f"difference of the means, {found.interval.numbers[0]:g} % interval")

    return _figure(draw, size, PANELS, out)


_MARKS: dict[str, Any] = {
    "fmt": " ",
    "color": "black",
    "elinewidth": 0.8,
    "capsize": 2,
    "capthick": 0.8,
}


def _name(axes: Axes, labels: Sequence[str], lines: int = 1) -> None:
    """Rows with their names, in so many lines at most; a $ in one is one."""
    names = [
        textwrap.fill(_plain(label, lines * BESIDE), BESIDE, max_lines=lines, placeholder=" …")
        for label in labels
    ]
    axes.set_yticks(np.arange(len(labels)), names, parse_math=False)
    axes.grid(visible=False, axis="y")


def _below(figure: Figure, axes: Axes, text: str) -> None:
    """What an axis is of, in a few lines; a long one ends where the axis does."""
    letters = int(figure.get_figwidth() * PER_INCH)
    text = _plain(text, LINES * letters)
    lines = textwrap.wrap(text, letters, max_lines=LINES, placeholder=" …")
    is_long = max(map(len, lines)) > letters // 2
    axes.set_xlabel("\n".join(lines), loc="right" if is_long else "center", parse_math=False)


def _plain(text: str, letters: int) -> str:
    return shortened(escape_invalid_unicode(" ".join(text.split())), letters)


def _figure(draw: Callable[[Figure], None], size: Size, height: float, out: Out) -> Figure:
    drawn = drawn_by(draw, parse_size(size), height)
    if out is not None:
        save(drawn, out)
    return drawn
