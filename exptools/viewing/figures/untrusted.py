"""A figure that a run has logged as Plotly's JSON, which anybody may have written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from exptools.viewing.figures.untrusted_sizes import MOST_AXES, refuse_too_much

if TYPE_CHECKING:
    from plotly.basedatatypes import BasePlotlyType

# Of a layout these may stand more than once, as "xaxis2".
_NUMBERED = ("xaxis", "yaxis", "scene", "polar", "ternary", "smith", "coloraxis", "legend")
# They ask a server for maps, and nothing on the page asks another server than ours.
_MAPS = ("choropleth", "scattergeo", "densitymap", "scattermap")
MAX_PARTS = 20_000  # objects in a figure, each of which Plotly takes some 50 µs to check
_PICTURES = ("data:image/png;", "data:image/jpeg;", "data:image/gif;")
COLORS = 5  # texts of colours, or steps of a scale of them, that take it as long
# Plotly joins texts before it looks for tags: a tick's prefix with its name, a template with what
# it asks for. So a "<" that begins no whole name of one of these could begin a link.
_NO_TAG = re.compile(r"<(?!/?(?:b|br|em|extra|i|s|span|strong|sub|sup|u)[\s>])", re.IGNORECASE)
_TEMPLATE = re.compile(r"\w{1,40}")  # "plotly_dark": one name, where Plotly would put many together


def untrusted_figure(record: Mapping[str, Any]) -> dict[str, Any]:
    """A figure that a run has logged: its data and layout, nothing else of it.

    Plotly's own classes check each property; what they do not know is left out, and so are
    images that are not in the file itself. A ValueError says why it cannot be drawn.
    """
    from plotly.graph_objects import Figure

    data, layout = record.get("data"), record.get("layout", {})
    if not isinstance(data, list) or not isinstance(layout, dict):
        raise ValueError("a figure has a list 'data' and an object 'layout'")
    if _has_more_parts(record, MAX_PARTS):
        raise ValueError(f"a figure of more than {MAX_PARTS:,} parts is not drawn")
    data = [trace for trace in data if isinstance(trace, dict)]
    kinds = [str(trace.get("type")) for trace in data]
    if any(kind.startswith(_MAPS) for kind in kinds):
        raise ValueError("it needs a map from another server, which is not asked from here")
    if any(_is_below(trace.get("contours")) for trace in data):
        raise ValueError(
            "contours of what is below a value are not drawn, but those between two ('[]')"
        )
    template = layout.get("template")
    if isinstance(template, str) and not _TEMPLATE.fullmatch(template):
        layout = {name: value for name, value in layout.items() if name != "template"}
    try:
        of_kinds = ((trace, _trace(str(trace.get("type", "scatter")))) for trace in data)
        traces = [
            _without_links(_known(trace, like)) for trace, like in of_kinds if like is not None
        ]
        layout = _without_links(_known(layout, Figure().layout))
        figure = Figure({"data": traces, "layout": layout}, skip_invalid=True)
    except Exception as error:  # of many kinds: Plotly did not foresee such a file
        raise ValueError(f"no figure of Plotly's: {type(error).__name__}") from error
    valid: dict[str, Any] = _without_sources(figure.to_plotly_json())
    refuse_too_much(valid)
    if len({(trace.get("xaxis"), trace.get("yaxis")) for trace in valid["data"]}) > MOST_AXES:
        raise ValueError(f"a figure of more than {MOST_AXES} axes is not drawn")
    shown = valid["layout"]
    for name in ("width", "height", "geo", "map", "mapbox"):
        shown.pop(name, None)
    shown.setdefault("margin", {"l": 44, "r": 12, "t": 44 if "title" in shown else 12, "b": 40})
    shown["images"] = [image for image in shown.get("images", ()) if "source" in image]
    data = [t for t in valid["data"] if t.get("type") != "image" or {"source", "z"} & t.keys()]
    return {"data": data, "layout": shown}


def _without_links(value: Any) -> Any:
    """The value, in whose texts what could become a link stands as it was written."""
    if isinstance(value, str):
        return _NO_TAG.sub("&lt;", value) if "<" in value else value
    if isinstance(value, list):
        return [_without_links(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_links(one) for name, one in value.items()}
    return value


def _is_below(contours: Any) -> bool:
    """Whether it has the one "<" that is no text, which a template can ask for, too."""
    return isinstance(contours, dict) and str(contours.get("operation")).startswith("<")


def _has_more_parts(record: Mapping[str, Any], most: int) -> bool:
    """Whether there are more than so many objects in a figure, and colours for them."""
    waiting: list[Any] = [record]
    while waiting:
        inside = waiting.pop()
        if isinstance(inside, dict):
            colors = (value for name, value in inside.items() if "color" in name)
            lists = (value for value in colors if isinstance(value, list))
            texts = sum(not isinstance(one, (int, float)) for each in lists for one in each)
            most -= 1 + texts // COLORS
            if most < 0:
                return True
            waiting += [value for value in inside.values() if isinstance(value, (dict, list))]
        else:
            waiting += [value for value in inside if isinstance(value, (dict, list))]
    return False


def _without_sources(value: Any) -> Any:
    """The figure's parts, its template's too, without the pictures that are not in the file."""
    if isinstance(value, (list, tuple)):
        return [_without_sources(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: one for name, one in value.items() if name != "source" or not _is_picture(one)}
    return {name: _without_sources(one) for name, one in kept.items()}


def _is_picture(source: Any) -> bool:
    return isinstance(source, str) and not _is_own(source)


def _is_own(source: Any) -> bool:
    """Whether a picture is in the file itself; an SVG could draw anything any number of times."""
    return source is None or str(source).startswith(_PICTURES)


def _known(values: Mapping[str, Any], like: BasePlotlyType) -> dict[str, Any]:
    """The properties that an object of Plotly's knows.

    It would leave out the others, too, but look for the nearest name of each first, which takes it
    minutes for a single long one.
    """
    kept: dict[str, Any] = {}
    kind: Any = type(like)
    for name, value in values.items():
        plain = name.rstrip("0123456789")
        plain = plain if plain in _NUMBERED else name
        if plain not in _names(kind):
            continue
        inner = _inner(kind, plain)
        kept[name] = value if inner is None else _known_below(value, inner)
    return kept


def _known_below(value: Any, like: BasePlotlyType) -> Any:
    if isinstance(value, list):
        return [_known(one, like) if isinstance(one, dict) else one for one in value]
    return _known(value, like) if isinstance(value, dict) else value


def _trace(kind: str) -> BasePlotlyType | None:
    """A trace of this kind; None where Plotly has none."""
    from plotly import graph_objects
    from plotly.basedatatypes import BaseTraceType

    found = getattr(graph_objects, kind.capitalize(), None) if kind.isascii() else None
    is_kind = isinstance(found, type) and issubclass(found, BaseTraceType)
    return _of_kind(kind) if is_kind else None


@lru_cache(256)
def _of_kind(kind: str) -> BasePlotlyType:
    from plotly.graph_objects import Figure

    return Figure({"data": [{"type": kind}]}, skip_invalid=True).data[0]


@lru_cache(1024)
def _names(kind: Any) -> frozenset[str]:
    return frozenset(kind())


@lru_cache(4096)
def _inner(kind: Any, name: str) -> BasePlotlyType | None:
    """What a property holds, or a list of it does; None where that is no object of Plotly's."""
    from plotly.basedatatypes import BasePlotlyType

    inner = kind()[name]
    if inner == ():  # a list of such objects
        inner = next(iter(kind({name: [{}]})[name]), None)
    return inner if isinstance(inner, BasePlotlyType) else None
