"""What a figure of Plotly's asks a browser to make, beside what stands in it: bins, levels, dashes.

A few numbers may ask for a hundred million of them, and a page that tries to draw these is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np

MOST = 1000  # bins, levels, lines, rows of subplots, of each
FINEST = 0.5  # pixels, of a dash or a pattern
WIDEST = 10  # times the range of its values, along which a violin is drawn
MOST_AXES = 200
_FORMATS = ("format", "template")
_AXIS = re.compile(r"[xy]axis\d*")
_COUNT = re.compile(r"n(?:bins[xy]?|contours|ticks)|\w*count|maxdisplayed|rows|columns")


def refuse_too_much(part: Any, name: str = "") -> None:
    """Raise a ValueError where a part of a figure's JSON asks for more than a browser can draw."""
    if isinstance(part, (list, tuple)):
        for one in part:
            refuse_too_much(one, name)
    elif isinstance(part, Mapping):
        for reason in _reasons(part, name):
            raise ValueError(f"{reason} is not drawn")
        for key, one in part.items():
            refuse_too_much(one, key)


def _reasons(part: Mapping[str, Any], name: str) -> Iterator[str]:
    for key, value in part.items():
        if isinstance(value, (int, float)) and _COUNT.fullmatch(key) and not value <= MOST:
            yield f"what has {key} of more than {MOST:,}"
        if isinstance(value, str) and key.endswith(_FORMATS) and re.search(r"\d{4}", value):
            yield f"a {key} of thousands of digits"
    if "rangebreaks" in part:
        yield "an axis of dates with gaps"
    if sum(bool(_AXIS.fullmatch(key)) for key in part) > MOST_AXES:
        yield f"a figure of more than {MOST_AXES} axes"
    steps = [part] if part.keys() >= {"start", "end"} else []
    for axis in "xy":
        bins = part.get(f"{axis}bins")
        if isinstance(bins, Mapping) and bins.keys() & {"start", "end", "size"}:
            steps.append({**_ends(part.get(axis)), **bins})
    if not all(map(_are_few, steps)):
        yield f"a figure of more than {MOST:,} bins or levels"
    if "span" in part and not _is_near(part["span"], part):
        yield "a violin far beyond its values"
    dash = re.findall(r"[\d.]+", str(part.get("dash", "")))
    size = part.get("size") if name == "pattern" else None
    fine = [*dash, *([size] if isinstance(size, (int, float, str)) else [])]
    if any(not _pixels(one) >= FINEST for one in fine):
        yield f"a dash or pattern finer than {FINEST} pixels"


def _ends(values: Any) -> dict[str, Any]:
    """Where bins begin and end that do not say so."""
    try:
        return {"start": min(values), "end": max(values)}
    except (TypeError, ValueError):
        return {}


def _are_few(steps: Mapping[str, Any]) -> bool:
    """Whether so many steps of a size go from a start to an end."""
    size = steps.get("size")
    if size is None or isinstance(size, str):  # Plotly's own choice; months, as "M1"
        return True
    try:
        return bool(abs(_number(steps["end"]) - _number(steps["start"])) <= MOST * abs(size))
    except (TypeError, ValueError, OverflowError, KeyError):
        return False


def _is_near(span: Any, trace: Mapping[str, Any]) -> bool:
    """Whether the ends between which a violin is drawn are not far from its values."""
    try:
        reach = float(np.ptp(np.asarray(span, float)))
        values = [np.asarray(trace[axis], float) for axis in "xy" if axis in trace]
        return reach <= WIDEST * (max(float(np.ptp(one)) for one in values if one.size) or 1.0)
    except (TypeError, ValueError):
        return False


def _number(place: Any) -> float:
    """A number, or a date in milliseconds; raises a ValueError or TypeError for anything else."""
    try:
        return float(place)
    except (TypeError, ValueError):
        return datetime.fromisoformat(place).timestamp() * 1000


def _pixels(text: Any) -> float:
    try:
        return float(text)
    except ValueError:  # "1.2.3"
        return 0.0
