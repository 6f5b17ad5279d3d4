"""Curves as figures for a paper, by Matplotlib: PDF, SVG and PNG, the same bytes each time.

What is drawn are the numbers of the ``CurveData``. Only a curve with more points than print can
show is thinned for the drawing, and by picking points, never by averaging: of each 1/300 inch of
x stay the lowest and the highest point of the line and of both edges of its band, and the gaps.
Nothing here touches the user's own Matplotlib settings, opens a window, or needs TeX.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from exptools.hints import suggestion
from exptools.viewing.arrays import Floats
from exptools.viewing.curves.curve_data import CurveData, GroupCurve, caveats
from exptools.viewing.curves.statistics.centers import CENTERS, band_words
from exptools.viewing.curves.statistics.options import one_name
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.lines import x_title
from exptools.viewing.figures.references import Reference
from exptools.viewing.figures.several import Look
from exptools.viewing.groups.metric_names import find_metric
from exptools.viewing.paper.drawing import draw
from exptools.viewing.paper.scales import Range, Scales
from exptools.viewing.paper.sheet import STYLES, Sheet, arrange, without_bands
from exptools.viewing.paper.style import FORMATS, OURS, ShownFigure, encoded

# Inches, as the style files of the venues have them.
SIZES = {
    "column": 3.25,  # one of two columns: ICML; CVPR, ACL and IEEE differ by 0.25 at most
    "text": 5.5,  # a page of one column: NeurIPS, ICLR
    "page": 6.75,  # both columns of a page: ICML; CVPR, ACL and IEEE differ by 0.5 at most
}
NARROWEST, WIDEST = 1.5, 20.0  # inches
LETTERS = 15  # of a sentence, in an inch
MAX_PANELS = 100  # which take some seconds
LARGEST = 1e300  # Matplotlib's axes overflow beyond


def figure(  # noqa: PLR0913 (each says one thing about the figure)
    curves: CurveData | Sequence[CurveData],
    *,
    facet: str | None = None,
    size: str | float = "column",
    out: str | PathLike[str] | None = None,
    bands: bool = True,
    x_scale: str = "linear",
    y_scale: str = "linear",
    x_range: Range | None = None,
    y_range: Range | Mapping[str, Range] | None = None,
    together: bool = False,
    references: Sequence[str | Reference] = (),
    labels: Mapping[str, str] | None = None,
    colors: Mapping[str, str] | None = None,
) -> Figure:
    """Draw curves with their bands, the legend below; several metrics in a panel each.

    A line is thin where fewer of its runs have a value than elsewhere, and a dot where it is one
    point.

    Args:
        curves: of one metric, or of several that are grouped by the same keys.
        facet: one of the keys grouped by: a panel for each of its values, on shared axes. The
            other keys make the lines.
        size: ``column``, ``text`` or ``page``, or the width in inches.
        out: a file to write, too, as ``save`` does.
        bands: whether they are drawn around their lines.
        x_scale: ``linear``, ``log``, which leaves values ≤ 0 out, or ``symlog``: linear around 0.
        y_scale: likewise.
        x_range: from where to where; None: all of the curves.
        y_range: likewise, of all metrics or, in a dict, of each.
        together: several metrics in one panel; those with other scales have the axis at its right.
        references: horizontal lines with a name, as ``"0.95 PPO (paper)"`` of the first metric,
            ``"test/loss = 0.3 theirs"`` of another one, or ``xv.Reference(0.95, "PPO")``.
        labels: own names of lines, by what the legend calls them.
        colors: own colours of lines, likewise, as ``{"0.01": "#d9580a"}``.
    """
    sets = _several(curves)
    if isinstance(y_range, Mapping):
        metrics = [one.metric for one in sets]
        y_range = {find_metric(metrics, (), name): span for name, span in y_range.items()}
    width, scales = parse_size(size), Scales(x_scale, y_scale, x_range, y_range)
    scales.check()
    facet = None if facet is None else one_name("facet", facet)
    look = Look(together, references, labels or {}, colors or {})
    sheet = arrange(sets, facet, look)
    sheet = sheet if bands else without_bands(sheet)
    _check(sheet)
    with matplotlib.style.context(OURS):
        drawn = draw(sheet, width, scales)
    if out is not None:
        save(drawn, out)
    return drawn


def without_curves(
    notes: Sequence[str],
    *,
    size: str | float = "column",
    out: str | PathLike[str] | None = None,
    **_shown: Any,
) -> Figure:
    """A figure of ``size`` that says why it is empty; of what is drawn otherwise nothing counts."""
    width = parse_size(size)
    letters = int(width * LETTERS)
    lines = [textwrap.fill(note, letters) for note in notes]
    with matplotlib.style.context(OURS):
        drawn = ShownFigure(figsize=(width, width * 0.6))
        FigureCanvasAgg(drawn)
        text = drawn.text(0.5, 0.5, "\n".join(lines), ha="center", va="center")
        text.set_parse_math(False)  # a $ is one
    if out is not None:
        save(drawn, out)
    return drawn


def save(drawn: Figure, path: str | PathLike[str]) -> None:
    """Write a figure as its suffix says: ``.pdf``, ``.svg`` or ``.png`` (300 dots an inch).

    The same figure gives the same bytes with the same version of Matplotlib: no dates, no random
    names. Fonts are embedded, in SVG as outlines.
    """
    kind = Path(path).suffix[1:].lower()
    if kind not in FORMATS:
        meant = suggestion(kind, FORMATS) if kind else "this name has no suffix"
        raise QueryError(f"{path}: a figure is a file .pdf, .svg or .png; {meant}")
    Path(path).write_bytes(encoded(drawn, kind))


def caption(curves: CurveData | Sequence[CurveData]) -> str:
    """What a figure's lines and bands are, in sentences for its caption.

    They say how many of the runs ended early or are still running, and which intervals are of too
    few runs.
    """
    sets = _several(curves)
    first, counts = sets[0], [g.curve.n.max() for s in sets for g in s.groups]
    low, high = min(counts, default=0), max(counts, default=0)
    number = f"{high} run{'s' if high != 1 else ''}" if low == high else f"{low} to {high} runs"
    bands = " and ".join(dict.fromkeys(band_words(s.band) for s in sets if s.band != "none"))
    parts = [
        f"{', '.join(s.metric for s in sets)} over {x_title(first.x)}: "
        f"{CENTERS[first.center]} of {number}",
        "thin where it is of fewer" if any(_thins(g) for s in sets for g in s.groups) else "",
        f"smoothed ({first.smooth})" if first.smooth != "none" else "",
        f"band: {bands}" if bands else "",
    ]
    return " ".join([", ".join(filter(None, parts)) + ".", *caveats(sets)])


def parse_size(size: str | float) -> float:
    """The width in inches that a size stands for."""
    if isinstance(size, str) and size in SIZES:
        return SIZES[size]
    try:
        width = float(size)
    except (TypeError, ValueError):
        raise QueryError(f"there is no size {size!r}; {suggestion(str(size), SIZES)}") from None
    if not NARROWEST <= width <= WIDEST:
        raise QueryError(f"a figure is {NARROWEST:g} to {WIDEST:g} inches wide, not {size}")
    return width


def _check(sheet: Sheet) -> None:
    """Raise QueryError where there is too much to be told apart, or what cannot be drawn."""
    if len(sheet.labels) > len(STYLES):
        raise QueryError(
            f"{len(sheet.labels)} lines in a figure cannot be told apart, {len(STYLES)} can: "
            "group by fewer keys, give one its own panels, or choose among the runs"
        )
    panels = sum(len(block.panels) for block in sheet.blocks)
    if panels > MAX_PANELS:
        raise QueryError(
            f"{panels} panels are more than a figure has room for, which is {MAX_PANELS}: choose "
            "among the metrics, or among the runs"
        )
    for line in sheet.lines:
        curve = line.curve
        check_numbers(f"the line {line.label}", curve.x, curve.center, curve.low, curve.high)


def check_numbers(what: str, *parts: Floats | Sequence[float]) -> None:
    """Raise a QueryError where Matplotlib cannot draw numbers; ``what`` has them."""
    if any((np.abs(numbers) > LARGEST).any() for numbers in parts):
        raise QueryError(
            f"{what} has numbers beyond ±{LARGEST:g}, which cannot be drawn: leave out the runs "
            "with such numbers"
        )


def _thins(group: GroupCurve) -> bool:
    n = group.curve.n[np.isfinite(group.curve.center)]
    return bool((n < np.max(group.curve.n)).any())


def _several(curves: CurveData | Sequence[CurveData]) -> tuple[CurveData, ...]:
    sets = (curves,) if isinstance(curves, CurveData) else tuple(curves)
    if not sets:
        raise QueryError("there is no curve to draw: give the curves of one metric or of several")
    return sets
