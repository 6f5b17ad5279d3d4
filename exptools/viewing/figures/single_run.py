"""Figures of one run, as plain dicts in Plotly's format: histograms, usage, what it drew itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from exptools.units import format_bytes
from exptools.viewing.arrays import Floats
from exptools.viewing.curves.statistics.aggregation import Curve
from exptools.viewing.figures.downsampling import downsample
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.theme import CLEAR, LIGHT, Theme, base_axis, base_layout, translucent
from exptools.viewing.run_files.media import Histogram
from exptools.viewing.run_files.usage import Usage

USAGE_POINTS = 400  # a chart is about as many pixels wide
MIB, GIB = 2**20, 2**30  # bytes
# They ask a server for maps, and nothing on the page asks another server than ours.
_MAPS = ("choropleth", "scattergeo", "densitymap", "scattermap")


def histogram_figure(histogram: Histogram, theme: Theme = LIGHT) -> dict[str, Any]:
    """Bars as wide as the bins; a single value is one bar."""
    edges = np.array(histogram.edges)
    low, high = edges[:-1], edges[1:]
    width = np.where(high > low, high - low, max(1e-9, abs(float(low[0])) * 0.01))
    bars = {
        "type": "bar",
        "x": typed_array(low / 2 + high / 2),
        "y": typed_array(np.array(histogram.counts)),
        "width": typed_array(width),
        "marker": {"color": theme.lines[0], "line": {"width": 0}},
        "customdata": np.stack([low, high], axis=1).tolist(),
        "hovertemplate": "%{customdata[0]:.4g} to %{customdata[1]:.4g}: %{y:,}<extra></extra>",
    }
    return {"data": [bars], "layout": {**_layout(theme), "bargap": 0}}


def usage_figures(usage: Usage, theme: Theme = LIGHT) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What has been sampled: its name, the latest and highest value, and a small chart."""
    since = usage.time - usage.time[0] if len(usage.time) else usage.time
    scale, unit = _time_unit(float(since[-1]) if len(since) else 0.0)
    series = (
        ("CPU", usage.cpu_percent, _percent, " of a core"),
        ("Memory", usage.rss, format_bytes, ""),
        ("GPU", usage.gpu_percent, _percent, ""),
        ("GPU memory", usage.gpu_memory, format_bytes, ""),
    )
    for style, (name, values, in_words, of) in enumerate(series):
        sampled = values[np.isfinite(values)]
        if len(sampled):
            most = float(sampled.max())
            text = f"{in_words(sampled[-1])}{of}, at most {in_words(most)}"
            part, suffix = (1, " %") if in_words is _percent else _size_unit(most)
            units = (unit, suffix)
            yield name, text, _sparkline(since / scale, values / part, units, theme, style)


def _size_unit(most: float) -> tuple[int, str]:
    """In what to count so many bytes, and what is said behind a number."""
    return (GIB, " GiB") if most >= GIB else (MIB, " MiB")


def _percent(number: float) -> str:
    return f"{number:,.3g} %" if number < 100 else f"{number:,.0f} %"


def untrusted_figure(record: Mapping[str, Any]) -> dict[str, Any]:
    """A figure that a run has logged as Plotly's JSON: its data and layout, nothing else of it.

    Plotly's own classes check each property; what they do not know is left out, and so are
    images that are not in the file itself. A ValueError says why it cannot be drawn.
    """
    from plotly.graph_objects import Figure

    data, layout = record.get("data"), record.get("layout", {})
    if not isinstance(data, list) or not isinstance(layout, dict):
        raise ValueError("a figure has a list 'data' and an object 'layout'")
    kinds = [str(trace.get("type")) for trace in data if isinstance(trace, dict)]
    if any(kind.startswith(_MAPS) for kind in kinds):
        raise ValueError("it needs a map from another server, which is not asked from here")
    try:
        figure = Figure({"data": data, "layout": layout}, skip_invalid=True)
    except Exception as error:  # of many kinds: Plotly did not foresee such a file
        raise ValueError(f"no figure of Plotly's: {type(error).__name__}") from error
    valid: dict[str, Any] = figure.to_plotly_json()
    shown = valid["layout"]
    for name in ("width", "height", "geo", "map", "mapbox"):
        shown.pop(name, None)
    shown.setdefault("margin", {"l": 44, "r": 12, "t": 44 if "title" in shown else 12, "b": 40})
    shown["images"] = [image for image in shown.get("images", ()) if _is_own(image.get("source"))]
    return {"data": [t for t in valid["data"] if _is_own(t.get("source"))], "layout": shown}


def _is_own(source: Any) -> bool:
    return source is None or str(source).startswith("data:image/")


def _sparkline(
    x: Floats, y: Floats, units: tuple[str, str], theme: Theme, style: int
) -> dict[str, Any]:
    no_band = np.full(len(x), np.nan)
    curve = Curve(x, y, no_band, no_band, np.ones(len(x), np.int64))
    curve = downsample(curve, USAGE_POINTS)
    x, y = curve.x, curve.center
    color = theme.lines[style]
    unit, suffix = units
    line = {
        "type": "scatter",
        "mode": "lines" if len(x) > 1 else "markers",
        "x": typed_array(x),
        "y": typed_array(y),
        "line": {"color": color, "width": 1.6},
        "fill": "tozeroy",
        "fillcolor": translucent(color, 0.12),
        "hovertemplate": f"%{{y:,.4g}}{suffix} after %{{x:.3g}} {unit}<extra></extra>",
    }
    layout = _layout(theme)
    layout["xaxis"] |= {"ticksuffix": f" {unit}", "nticks": 5, "rangemode": "tozero"}
    layout["yaxis"] |= {"nticks": 3, "rangemode": "tozero", "ticksuffix": suffix}
    return {"data": [line], "layout": layout}


def _time_unit(seconds: float) -> tuple[float, str]:
    return next(
        ((scale, unit) for scale, unit in ((3600.0, "h"), (60.0, "min")) if seconds > 2 * scale),
        (1.0, "s"),
    )


def _layout(theme: Theme) -> dict[str, Any]:
    axis = base_axis(theme) | {"fixedrange": True, "tickfont": {"color": theme.muted, "size": 11}}
    layout = base_layout(theme)
    return layout | {
        "font": layout["font"] | {"size": 12},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "margin": {"l": 4, "r": 8, "t": 6, "b": 4},
        "showlegend": False,
        "xaxis": axis | {"showgrid": False},
        "yaxis": dict(axis),
    }
