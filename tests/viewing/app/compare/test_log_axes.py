"""What logarithmic axes cannot show is said."""

import numpy as np
import pytest

from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.compare.log_axes import on_log_axes
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from tests.viewing.samples import csv_text, indexed, write_run


@pytest.fixture
def workspace(tmp_path):
    losses = {"0": [4.0, 2.0, 1.0], "1": [2.0, 0.0, -1.0], "2": [0.0, -1.0, -2.0]}
    for name, values in losses.items():
        write_run(tmp_path / name, {"lr": int(name)}, csv_text({"loss": values}))
    return Workspace(indexed(tmp_path))


def on_axes(workspace, **chosen):
    view = resolve(View(**chosen), workspace.facts())
    return on_log_axes(drawing(workspace, view), view)


def test_values_that_a_log_axis_has_no_place_for_are_counted_and_lost_lines_named(workspace):
    assert on_axes(workspace).notes == ()
    assert on_axes(workspace, log=("y",)).notes == (
        "Of the 9 points of loss 5 are ≤ 0, where a log axis has no place for them. "
        "Nothing is left of 2.",
    )
    assert on_axes(workspace, log=("x",)).notes == (
        "Of the 9 points of loss 3 are at step ≤ 0, where a log axis has no place for them.",
    )
    assert "5 are ≤ 0 and 3 are at step ≤ 0" in on_axes(workspace, log=("x", "y")).notes[0]
    assert "3 are at a time ≤ 0" in on_axes(workspace, log=("x",), x="relative_time").notes[0]
    assert on_axes(workspace, log=("x",), x="wall_time").notes == ()  # it is never logarithmic


def test_where_nothing_is_left_a_sentence_stands_in_the_charts_place(workspace):
    drawn = on_axes(workspace, log=("y",), where="lr = 2")
    assert drawn.panels == ()
    assert drawn.empty == (
        "Of the 3 points of loss 3 are ≤ 0, where a log axis has no place for them. "
        "Nothing is left of 2. Options has the switches log x and log y."
    )


def test_a_band_that_reaches_below_zero_ends_with_the_lowest_value_on_the_axis(workspace):
    (panel,) = on_axes(workspace, log=("y",), by=(), band="minmax").panels
    (line,) = panel.lines
    np.testing.assert_allclose(line.curve.center, [2, 1 / 3, np.nan])  # a gap, no fall to the axis
    np.testing.assert_allclose(line.curve.low, [1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(line.curve.high, [4, 2, 1])
