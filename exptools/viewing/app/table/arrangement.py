"""How the table's columns stand: their order, pins and widths, as far as a hand has changed them.

A view says only what differs from how columns stand by themselves, so that it stays short and still
makes sense when columns come and go: what it says of a column that is not there is kept, and of no
consequence.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from exptools.viewing.app.view import View

Column = dict[str, Any]

LEFT, RIGHT, FREE = "<", ">", "-"
_PINS = {LEFT: "left", RIGHT: "right", FREE: None}
MIN_WIDTH, MAX_WIDTH = 20, 4000  # px


def arranged(columns: Sequence[Column], view: View) -> list[Column]:
    """The columns as they stand in a view."""
    by_name = {column["colId"]: column for column in columns}
    for column in columns:
        column.setdefault("pinned", None)
    for pin in view.pinned:
        if pin[:1] in _PINS and pin[1:] in by_name:
            by_name[pin[1:]]["pinned"] = _PINS[pin[:1]]
    for name, width in _widths(view).items():
        if name in by_name:
            by_name[name] |= {"width": width, "flex": None}
    return [by_name[name] for name in _ordered(list(by_name), view.order)]


def rearranged(columns: Sequence[Column], view: View, state: Sequence[Mapping[str, Any]]) -> View:
    """The view of a table that a hand has brought into a state.

    Args:
        columns: the columns, as they stand by themselves.
        state: AG Grid's: of each column its ``colId``, ``hide``, ``pinned``, ``width`` and
            ``flex``, which one that was resized has no more.
    """
    by_name = {column["colId"]: column for column in columns}
    there = [one for one in state if one["colId"] in by_name]
    # What the view says of columns that are not there now stays.
    pins = [pin for pin in view.pinned if pin[1:] not in by_name]
    widths = [f"{name}:{px}" for name, px in _widths(view).items() if name not in by_name]
    for one in there:
        name, column = one["colId"], by_name[one["colId"]]
        if (one["pinned"] or None) != column.get("pinned"):
            sign = {"left": LEFT, "right": RIGHT}.get(one["pinned"], FREE)
            pins.append(f"{sign}{name}")
        usual = column.get("width") if column.get("flex", 1) is None else None
        if not one["flex"] and one["width"] != usual:
            widths.append(f"{name}:{round(one['width'])}")
    moves = _moves(list(by_name), [one["colId"] for one in there])
    kept = [move for move in view.order if _moved(move, by_name)[1] not in by_name]
    return replace(view, order=(*kept, *moves), pinned=tuple(pins), widths=tuple(widths))


def _widths(view: View) -> dict[str, int]:
    """The widths that a view says, those that no column can have left out."""
    said = (text.rpartition(":") for text in view.widths)
    widths = {name: int(px) for name, _, px in said if px.isdecimal() and len(px) < 6}
    return {name: min(max(px, MIN_WIDTH), MAX_WIDTH) for name, px in widths.items()}


def _ordered(names: Sequence[str], moves: Sequence[str]) -> list[str]:
    """The columns once those that were moved stand where they were moved to."""
    known = {*names}
    pairs = [pair for move in moves if (pair := _moved(move, known))[1] in known]
    moved = {name for _, name in pairs}
    order = [name for name in names if name not in moved]
    for before, name in pairs:
        if name in order:
            continue
        at = order.index(before) + 1 if before in order else 0 if not before else len(order)
        order.insert(at, name)
    return order


def _moves(usual: Sequence[str], now: Sequence[str]) -> list[str]:
    """The fewest columns that were moved, each with the one that it stands behind now."""
    place = {name: at for at, name in enumerate(usual)}
    stay = _longest_rising([place[name] for name in now])
    return [f"{now[at - 1] if at else ''}>{name}" for at, name in enumerate(now) if at not in stay]


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """Where the longest rising part of different numbers stands."""
    ends: list[int] = []  # the least number that a part of each length ends with
    places: list[int] = []
    before: list[int] = []
    for at, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(places[length - 1] if length else -1)
        ends[length : length + 1] = [number]
        places[length : length + 1] = [at]
    rising: set[int] = set()
    at = places[-1] if places else -1
    while at >= 0:
        rising.add(at)
        at = before[at]
    return rising


def _moved(move: str, known: Any) -> tuple[str, str]:
    """The column that another stands behind, and that other; a name may have a ">" in it."""
    cuts = [at for at, char in enumerate(move) if char == ">"]
    pairs = [(move[:at], move[at + 1 :]) for at in cuts]
    fitting = (pair for pair in pairs if pair[1] in known and (not pair[0] or pair[0] in known))
    last = (pair for pair in pairs if pair[1] in known)
    return next(fitting, next(last, (pairs or [("", "")])[0]))
