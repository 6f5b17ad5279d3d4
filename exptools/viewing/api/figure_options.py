"""What can be said of a figure beside what it shows, and the error for what cannot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, TypedDict

from exptools.hints import suggestion
from exptools.viewing.errors import QueryError

if TYPE_CHECKING:
    from exptools.viewing.figures.references import Reference
    from exptools.viewing.paper.scales import Range


_EXAMPLE = {"labels": "ours", "colors": "#d9580a"}


class FigureOptions(TypedDict, total=False):
    """What a figure has beside its curves; ``CurveSets.plot`` tells more of each."""

    together: bool
    references: Sequence[str | Reference]
    labels: Mapping[str, str]
    colors: Mapping[str, str]


class SizeOptions(TypedDict, total=False):
    """How wide a figure for a paper is, and the file that it is written to."""

    size: str | float
    out: str | PathLike[str] | None


class PaperOptions(FigureOptions, SizeOptions, total=False):
    """What a figure for a paper has beside its curves; ``paper.figure`` tells more of each."""

    facet: str | None
    bands: bool
    x_scale: str
    y_scale: str
    x_range: Range | None
    y_range: Range | Mapping[str, Range] | None


def check_options(method: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raise TypeError, as Python does, where a method has no such option; it names those it has."""
    for name in given:
        if name not in known:
            raise TypeError(f"{method} takes no {name!r}; {suggestion(name, sorted(known))}")
    for name in ("labels", "colors"):
        by_label = given.get(name)
        if by_label is not None and not isinstance(by_label, Mapping):
            raise TypeError(
                f"{name} is a dict with what the legend calls a group, "
                f"as {{'0.01': {_EXAMPLE[name]!r}}}; not {by_label!r}"
            )


def hex_colors(colors: Mapping[str, str]) -> dict[str, str]:
    """Colours as ``#d9580a``, also those that Matplotlib knows by name, as ``red`` and ``C0``.

    Raises:
        QueryError: one is neither.
    """
    if all(re.fullmatch("#[0-9a-fA-F]{6}", str(color)) for color in colors.values()):
        return dict(colors)
    from exptools.viewing.paper.style import hex_color

    found = {}
    for label, color in colors.items():
        known = hex_color(color)
        if known is None:
            raise QueryError(
                f"a colour is '#d9580a', or a name that Matplotlib knows, as 'red'; not {color!r}"
            )
        found[label] = known
    return found
