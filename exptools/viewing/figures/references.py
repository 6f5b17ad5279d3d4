"""Horizontal lines with a name, such as a paper's number, and groups' own names and colours."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from exptools.hints import suggestion
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.lines import Line
from exptools.viewing.groups.metric_names import find_metric
from exptools.viewing.wording import shortened

_NUMBER = r"(?P<value>[-+−]?(?:\d[\d,]*(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)(?P<unit>[kMBT%]?)"
_TEXT = re.compile(rf"\s*{_NUMBER}(?:\s+(?P<name>(?!=)\S.*?))?\s*", re.DOTALL)
_OF_METRIC = re.compile(rf"\s*(?P<metric>\S(?:.*?\S)?)\s*=(?P<rest>\s*{_NUMBER}.*)", re.DOTALL)
_UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
LONGEST = 200  # characters of a name
MAX_TEXT = 1000  # of a line's text; a metric's name is part of it


@dataclass(frozen=True)
class Reference:
    """A horizontal line across the curves of a metric."""

    value: float
    name: str = ""
    metric: str | None = None  # None: the first of a figure's

    def __str__(self) -> str:
        metric = "" if self.metric is None else f"{self.metric} = "
        return f"{metric}{self.value:.15g} {self.name}".rstrip()

    @property
    def label(self) -> str:
        """What stands at the line."""
        return self.name or f"{self.value:.6g}"


def parse_reference(given: str | Reference) -> Reference:
    """Read ``0.95 PPO (paper)`` or ``test/loss = 0.3 theirs``.

    Raises:
        QueryError: there is no number where it should be, or it is not finite.
    """
    reference = given if isinstance(given, Reference) else _read(given)
    value = reference.value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise QueryError(f"a reference line is at a finite number, not at {value!r}")
    return replace(reference, name=" ".join(reference.name.split())[:LONGEST])


def _read(text: str) -> Reference:
    of_metric = metric = None
    if isinstance(text, str) and len(text) > MAX_TEXT:
        raise QueryError(f"a reference line of more than {MAX_TEXT} characters is not read")
    found = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if found is None and isinstance(text, str):
        of_metric = _OF_METRIC.fullmatch(text)
    if of_metric:
        metric, found = of_metric["metric"], _TEXT.fullmatch(of_metric["rest"])
    if found is None:
        raise QueryError(
            "a reference line is a number and its name, as in '0.95 PPO (paper)' or "
            f"'test/loss = 0.3 theirs', not {shortened(repr(text))}"
        )
    number = float(found["value"].replace(",", "").replace("−", "-"))
    number = number / 100 if found["unit"] == "%" else number * _UNITS[found["unit"]]
    return Reference(number, found["name"] or "", metric)


def references_by_metric(
    given: Iterable[str | Reference], metrics: Sequence[str]
) -> dict[str, list[Reference]]:
    """The reference lines of each of a figure's metrics.

    Raises:
        QueryError: a line is of a metric that the figure does not show.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        given = [given]
    found: dict[str, list[Reference]] = {}
    for one in map(parse_reference, given):
        metric = metrics[0] if one.metric is None else find_metric(metrics, (), one.metric)
        found.setdefault(metric, []).append(replace(one, metric=metric))
    return found


def check_color(color: str) -> str:
    """A colour as ``#d9580a``; raises QueryError where it is none."""
    if not isinstance(color, str) or not _COLOR.fullmatch(color):
        raise QueryError(f"a colour is written as '#d9580a', not {color!r}")
    return color.lower()


def with_own_names(
    lines: Sequence[Line], labels: Mapping[str, str] | None, colors: Mapping[str, str] | None
) -> list[Line]:
    """The lines with the names and colours that somebody has given them, by their labels."""
    labels, colors = labels or {}, colors or {}
    return [
        replace(
            line,
            name=labels.get(line.label, line.name),
            color=check_color(colors[line.label]) if line.label in colors else line.color,
        )
        for line in lines
    ]


def check_labels(given: Iterable[str], there: Iterable[str]) -> None:
    """Raise QueryError where a name or colour is for no line that there is."""
    known = list(dict.fromkeys(there))
    for label in given:
        if label not in known:
            raise QueryError(
                f"there is no curve {label!r} to name or colour; {suggestion(str(label), known)}"
            )
