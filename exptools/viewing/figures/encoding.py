"""The points of a curve as Plotly takes them, and what its hover says of them."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from exptools.viewing.arrays import Bools, Floats
from exptools.viewing.curves.statistics.aggregation import Curve


def banded(curve: Curve) -> Bools:
    """The points at which the curve has a band."""
    both: Bools = np.isfinite(curve.low) & np.isfinite(curve.high)
    return both


def hover(curve: Curve) -> dict[str, Any]:
    """What the hover says of each point: its band and its n, where it is not one run's."""
    if not (curve.n > 1).any():
        return {"hovertemplate": "%{y:.5~g}"}
    half = curve.high / 2 - curve.low / 2  # the span may be beyond any float
    if not banded(curve).all():
        columns = (curve.center, curve.low, curve.high, curve.n)
        texts = [_spread_text(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]
        return {"customdata": texts, "hovertemplate": "%{y:.5~g}%{customdata}"}
    if np.allclose(curve.high - curve.center, half, rtol=1e-6, atol=0):
        table = np.column_stack([half, curve.n])
        template = "%{y:.5~g} ± %{customdata[0]:.3~g} (n = %{customdata[1]})"
    else:
        table = np.column_stack([curve.low, curve.high, curve.n])
        template = "%{y:.5~g} [%{customdata[0]:.5~g}, %{customdata[1]:.5~g}] (n = %{customdata[2]})"
    shape = {"shape": f"{table.shape[0]}, {table.shape[1]}"}
    return {"customdata": typed_array(table) | shape, "hovertemplate": template}


def hover_in_words(curve: Curve) -> dict[str, Any]:
    """What the hover says of each point where y is not the number itself, but its place."""
    several = bool((curve.n > 1).any())
    columns = (curve.center, curve.low, curve.high, curve.n)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    texts = [f"{row[0]:.5g}{_spread_text(*row) if several else ''}" for row in rows]
    return {"customdata": texts, "hovertemplate": "%{customdata}"}


def _spread_text(center: float, low: float, high: float, n: int) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return f" (n = {n})"
    if math.isclose(high - center, center - low, rel_tol=1e-6):
        return f" ± {high / 2 - low / 2:.3g} (n = {n})"
    return f" [{low:.5g}, {high:.5g}] (n = {n})"


def typed_array(values: Floats, *, exact: bool = False) -> dict[str, str]:
    """Numbers as Plotly takes them fastest; unlike in JSON, a NaN stays one: a gap.

    In half the bytes where nothing is lost by it or, unless ``exact``, no eye could see what is.
    """
    kind = "f4" if (_same_in_f4 if exact else _fits_in_f4)(values) else "f8"
    little_endian = np.ascontiguousarray(values, f"<{kind}")
    return {"dtype": kind, "bdata": base64.b64encode(little_endian.tobytes()).decode()}


def with_arrays(figure: Mapping[str, Any]) -> dict[str, Any]:
    """A figure for scripts, in which what ``typed_array`` wrote are arrays again."""
    return {**figure, "data": [_with_arrays(trace) for trace in figure["data"]]}


def _with_arrays(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "bdata" not in value:
        return {name: _with_arrays(inner) for name, inner in value.items()}
    numbers = np.frombuffer(base64.b64decode(value["bdata"]), f"<{value['dtype']}").astype(float)
    return numbers.reshape([int(size) for size in value.get("shape", "-1").split(",")])


def _fits_in_f4(values: Floats) -> bool:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return True
    low, high = float(finite.min()), float(finite.max())
    largest = max(abs(low), abs(high))
    # Their steps are 6e-8 of the largest value; a screen has some thousand pixels, and zooms.
    return largest < 1e38 and (high - low > 1e-2 * largest > 1e-30 or largest == 0)


def _same_in_f4(values: Floats) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype("f4"), values, equal_nan=True))
