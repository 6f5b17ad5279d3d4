"""Columns that a hand has moved, pinned or resized, in a view that says no more than that."""

import itertools

from exptools.viewing.app.table.arrangement import arranged, rearranged
from exptools.viewing.app.view import View

NAMES = ("star", "run", "state", "config a", "config a>b", "step")
USUAL = [
    {"colId": "star", "pinned": "left", "width": 52, "flex": None},
    {"colId": "run", "pinned": "left", "flex": 2},
    *({"colId": name} for name in NAMES[2:]),
]


def usual():
    return [dict(column) for column in USUAL]


def state(*order, **changes):
    """The grid's columns in an order, changed where it is said."""
    widths = {"star": {"width": 52, "flex": None, "pinned": "left"}, "run": {"pinned": "left"}}
    plain = {"hide": False, "pinned": None, "width": 150, "flex": 1}
    every = {name: {"colId": name} | plain | widths.get(name, {}) for name in NAMES}
    return [
        {"colId": "ag-Grid-SelectionColumn", "pinned": "left", "width": 44, "flex": None},
        *(every[name] | changes.get(name, {}) for name in order or NAMES),
    ]


def names(view):
    return [column["colId"] for column in arranged(usual(), view)]


def test_a_table_that_nobody_has_touched_says_nothing():
    assert rearranged(usual(), View(), state()) == View()
    assert names(View()) == [*NAMES]


def test_a_moved_column_is_named_with_the_one_before_it():
    view = rearranged(usual(), View(), state("step", *NAMES[:5]))
    assert view.order == (">step",)
    view = rearranged(usual(), View(), state(*NAMES[:3], "config a>b", "config a", "step"))
    assert view.order == ("state>config a>b",)
    assert names(view) == [*NAMES[:3], "config a>b", "config a", "step"]


def test_every_order_comes_back():
    for order in itertools.permutations(NAMES):
        view = rearranged(usual(), View(), state(*order))
        assert names(View.from_query(view.to_query())) == [*order]
        assert len(view.order) < len(NAMES)


def test_pins_and_widths_are_said_where_a_hand_has_changed_them():
    now = {
        "step": {"pinned": "left"},
        "run": {"pinned": None},
        "config a": {"pinned": "right", "width": 81.6, "flex": None},
    }
    view = rearranged(usual(), View(), state(**now))
    assert view.pinned == ("-run", ">config a", "<step")
    assert view.widths == ("config a:82",)
    there = {column["colId"]: column for column in arranged(usual(), view)}
    assert [there[name]["pinned"] for name in NAMES] == ["left", None, None, "right", None, "left"]
    assert (there["config a"]["width"], there["config a"]["flex"]) == (82, None)


def test_what_is_said_of_columns_that_are_not_there_waits_for_them():
    before = View(order=("x>y", "state>gone"), pinned=("<gone",), widths=("gone:90", "step:x", "b"))
    assert names(before) == [*NAMES]
    view = rearranged(usual(), before, state("step", *NAMES[:5]))
    assert view.order == ("x>y", "state>gone", ">step")
    assert view.pinned == ("<gone",)
    assert view.widths == ("gone:90",)


def test_no_width_of_an_address_makes_a_column_vanish_or_fill_the_page():
    there = arranged(usual(), View(widths=("step:1", "state:99999", "config a:" + "9" * 50)))
    widths = {column["colId"]: column.get("width") for column in there}
    assert (widths["step"], widths["state"], widths["config a"]) == (20, 4000, None)
