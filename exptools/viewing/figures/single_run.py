"""Figures of one run, as plain dicts in Plotly's format: histograms, usage, what it drew itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from exptools.viewing.curves.aggregation import Curve, Floats
from exptools.viewing.figures.downsampling import reduced
from exptools.viewing.figures.encoding import packed
from exptools.viewing.figures.theme import FONT, LIGHT, Look
from exptools.viewing.run_files.media import Histogram
from exptools.viewing.run_files.usage import Usage

USAGE_POINTS = 400  # a chart is about as many pixels wide
GIB = 2**30
# They ask a server for maps, and nothing on the page asks another server than ours.
_MAPS = ("choropleth", "scattergeo", "densitymap", "scattermap")


def histogram_figure(histogram: Histogram, look: Look = LIGHT) -> dict[str, Any]:
    """Bars as wide as the bins; a single value is one bar."""
    edges = np.array(histogram.edges)
    low, high = edges[:-1], edges[1:]
    width = np.where(high > low, high - low, max(1e-9, abs(float(low[0])) * 0.01))
    bars = {
        "type": "bar",
        "x": packed(low / 2 + high / 2),
        "y": packed(np.array(histogram.counts)),
        "width": packed(width),
        "marker": {"color": look.lines[0], "line": {"width": 0}},
        "customdata": np.stack([low, high], axis=1).tolist(),
        "hovertemplate": "%{customdata[0]:.4g} to %{customdata[1]:.4g}: %{y:,}<extra></extra>",
    }
    return {"data": [bars], "layout": {**_layout(look), "bargap": 0}}


def usage_figures(usage: Usage, look: Look = LIGHT) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What of the usage is known: its name, the latest and highest value, and a small chart."""
    since = usage.time - usage.time[0] if len(usage.time) else usage.time
    scale, unit = _time_unit(float(since[-1]) if len(since) else 0.0)
    series = (
        ("CPU", "% of a core", usage.cpu_percent, 1),
        ("Memory", "GiB", usage.rss, GIB),
        ("GPU", "%", usage.gpu_percent, 1),
        ("GPU memory", "GiB", usage.gpu_memory, GIB),
    )
    for style, (name, of, values, divisor) in enumerate(series):
        known = np.isfinite(values)
        if known.any():
            scaled = values / divisor
            said = f"{scaled[known][-1]:,.3g} {of}, at most {scaled[known].max():,.3g}"
            yield name, said, _sparkline(since / scale, scaled, unit, look, style)


def untrusted_figure(record: Mapping[str, Any]) -> dict[str, Any]:
    """A figure that a run has logged as Plotly's JSON: its data and layout, nothing else of it.

    Plotly's own classes check each property; what they do not know is left out, and so are
    pictures that are not in the file itself.

    Raises:
        ValueError: it is no figure, or needs maps from another server.
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
    checked: dict[str, Any] = figure.to_plotly_json()
    shown = checked["layout"]
    for name in ("width", "height", "geo", "map", "mapbox"):
        shown.pop(name, None)
    shown.setdefault("margin", {"l": 44, "r": 12, "t": 44 if "title" in shown else 12, "b": 40})
    shown["images"] = [image for image in shown.get("images", ()) if _is_own(image.get("source"))]
    return {"data": [t for t in checked["data"] if _is_own(t.get("source"))], "layout": shown}


def _is_own(source: Any) -> bool:
    return source is None or str(source).startswith("data:image/")


def _sparkline(x: Floats, y: Floats, unit: str, look: Look, style: int) -> dict[str, Any]:
    unknown = np.full(len(x), np.nan)
    curve = Curve(x, y, unknown, unknown, np.ones(len(x), np.int64))
    curve = reduced(curve, USAGE_POINTS)
    x, y = curve.x, curve.center
    color = look.lines[style]
    line = {
        "type": "scatter",
        "mode": "lines" if len(x) > 1 else "markers",
        "x": packed(x),
        "y": packed(y),
        "line": {"color": color, "width": 1.6},
        "fill": "tozeroy",
        "fillcolor": f"{color}1f",
        "hovertemplate": f"%{{y:,.4g}} after %{{x:.3g}} {unit}<extra></extra>",
    }
    layout = _layout(look)
    layout["xaxis"] |= {"ticksuffix": f" {unit}", "nticks": 5, "rangemode": "tozero"}
    layout["yaxis"] |= {"nticks": 3, "rangemode": "tozero"}
    return {"data": [line], "layout": layout}


def _time_unit(seconds: float) -> tuple[float, str]:
    return next(
        ((scale, unit) for scale, unit in ((3600.0, "h"), (60.0, "min")) if seconds > 2 * scale),
        (1.0, "s"),
    )


def _layout(look: Look) -> dict[str, Any]:
    axis = {
        "showline": False,
        "zeroline": False,
        "gridcolor": look.grid,
        "tickfont": {"color": look.muted, "size": 11},
        "automargin": True,
        "fixedrange": True,
    }
    return {
        "font": {"family": FONT, "color": look.text, "size": 12},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 4, "r": 8, "t": 6, "b": 4},
        "showlegend": False,
        "hoverlabel": {"bgcolor": look.background, "bordercolor": look.grid}
        | {"font": {"color": look.text, "size": 12, "family": FONT}},
        "xaxis": {**axis, "showgrid": False},
        "yaxis": dict(axis),
    }
