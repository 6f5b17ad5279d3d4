"""A tag's histograms at several steps, as one picture: behind each other, over each other, or as
bands between percentiles.

They are brought to common bins as TensorBoard brings them: what falls into a part of a bin is as
much as the part is wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from exptools.viewing.arrays import Floats
from exptools.viewing.figures.numbers import large_number
from exptools.viewing.run_files.media import Histogram

MOST_SLICES = 40  # steps that are read, evenly from all, the first and the last among them
BINS = 48
# What a normal distribution has within 3, 2, 1 standard deviations: TensorBoard's, too.
PERCENTILES = (0.0, 6.68, 15.87, 30.85, 50.0, 69.15, 84.13, 93.32, 100.0)
HIGH = (
    0.42  # of the picture is as high as the highest of the histograms that stand behind each other
)
WIDE = 100.0  # units of a picture; it is stretched to its place


@dataclass(frozen=True)
class Slices:
    """Histograms with common bins."""

    steps: tuple[int, ...]  # rising
    edges: Floats
    counts: Floats  # a row for each step
    percentiles: Floats  # a row for each step: the values below which so many lie


def sampled(steps: Sequence[int]) -> list[int]:
    """The steps that are read: all, or ``MOST_SLICES`` of them."""
    if len(steps) <= MOST_SLICES:
        return list(steps)
    places = np.linspace(0, len(steps) - 1, MOST_SLICES).round().astype(int)
    return [steps[place] for place in places]


def aligned(histograms: Sequence[tuple[int, Histogram]]) -> Slices | None:
    """The histograms of some steps in common bins; None where none has a value.

    Raises:
        ValueError: the edges of a histogram do not rise, or a count is negative.
    """
    read = [(step, _cumulated(one)) for step, one in histograms if sum(one.counts) > 0]
    if not read:
        return None
    low = min(float(edges[0]) for _, (edges, _) in read)
    high = max(float(edges[-1]) for _, (edges, _) in read)
    if not high > low:
        margin = max(abs(low) * 0.05, 0.5)
        low, high = low - margin, high + margin
    edges = np.linspace(low, high, BINS + 1)
    counts = [np.diff(np.interp(edges, at, sums)) for _, (at, sums) in read]
    wanted = np.array(PERCENTILES) / 100
    values = [np.interp(wanted * sums[-1], sums, at) for _, (at, sums) in read]
    steps = tuple(step for step, _ in read)
    return Slices(steps, edges, np.array(counts), np.array(values))


def _cumulated(one: Histogram) -> tuple[Floats, Floats]:
    """The edges, and how many values lie below each."""
    edges, counts = np.array(one.edges), np.array(one.counts)
    if (np.diff(edges) < 0).any() or (counts < 0).any():
        raise ValueError("the edges of a histogram rise, and its counts are not negative")
    if edges[0] == edges[-1]:  # all values are one
        margin = max(abs(edges[0]) * 1e-3, 1e-9)
        edges = np.array([edges[0] - margin, edges[0] + margin])
        counts = np.array([counts.sum()])
    return edges, np.concatenate([[0.0], np.cumsum(counts)])


def picture(slices: Slices, way: str) -> str:
    """The histograms as HTML that the page takes as it is; the ways are those of the view."""
    drawn = _bands(slices) if way == "percentiles" else _slices(slices, offset=way == "offset")
    low, high = _ends(slices, way)
    first, last = f"{slices.steps[0]:,}", f"{slices.steps[-1]:,}"
    across, up = ((first, last), (low, high)) if way == "percentiles" else ((low, high), ("", ""))
    if way == "offset":
        up = (last, first) if len(slices.steps) > 1 else (last, "")
    texts = "".join(
        f'<span class="over-{name}">{escape(text)}</span>'
        for name, text in zip(("left", "right", "bottom", "top"), (*across, *up), strict=True)
    )
    said = f"Histograms of {len(slices.steps)} steps, values from {low} to {high}"
    return (
        f'<div class="over-time is-{way}" role="img" aria-label="{escape(said)}">'
        f'<svg viewBox="0 0 {WIDE:g} {WIDE:g}" preserveAspectRatio="none" aria-hidden="true">'
        f"{drawn}</svg>{texts}</div>"
    )


def _ends(slices: Slices, way: str) -> tuple[str, str]:
    ends = (
        (slices.percentiles.min(), slices.percentiles.max())
        if way == "percentiles"
        else (slices.edges[0], slices.edges[-1])
    )
    low, high = (large_number(float(f"{end:.3g}")) for end in ends)
    return low, high


def _slices(slices: Slices, *, offset: bool) -> str:
    """A shape for each step, the earliest first; with an offset it stands the highest."""
    most = float(slices.counts.max())
    middles = (np.arange(BINS) + 0.5) * WIDE / BINS
    across = np.concatenate([[0.0], middles, [WIDE]])
    shapes = []
    for at, (step, counts) in enumerate(zip(slices.steps, slices.counts, strict=True)):
        age = at / max(len(slices.steps) - 1, 1)  # 1 is the newest
        ground = WIDE * (HIGH + (1 - HIGH) * age) if offset else WIDE
        room = WIDE * (HIGH if offset and len(slices.steps) > 1 else 0.96)
        up = ground - np.concatenate([[0.0], counts / most * room, [0.0]])
        shapes.append(
            f'<path data-step="{step}" style="--age:{age:.2f}" d="{_path(across, up)}">'
            f"<title>step {step:,}</title></path>"
        )
    return "".join(shapes)


def _bands(slices: Slices) -> str:
    """Bands between the percentiles, the outermost first, and the line of the median."""
    steps = np.array(slices.steps, float)
    low, high = float(slices.percentiles.min()), float(slices.percentiles.max())
    across = (steps - steps[0]) / max(steps[-1] - steps[0], 1.0) * WIDE
    up = WIDE - (slices.percentiles - low) / max(high - low, 1e-300) * WIDE
    if len(steps) == 1:
        across, up = np.array([0.0, WIDE]), np.vstack([up, up])
    shapes = []
    middle = len(PERCENTILES) // 2
    for at in range(middle):
        name = f"{PERCENTILES[at]:g} % to {PERCENTILES[-1 - at]:g} %"
        around = np.concatenate([across, across[::-1]])
        path = _path(around, np.concatenate([up[:, at], up[::-1, -1 - at]]))
        shapes.append(f'<path class="over-band" d="{path}Z"><title>{name}</title></path>')
    median = _path(across, up[:, middle])
    return f'{"".join(shapes)}<path class="over-median" d="{median}"><title>median</title></path>'


def _path(x: Floats, y: Floats) -> str:
    return "M" + "L".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
