"""What logarithmic axes cannot show is said."""

import numpy as np
import pytest

from exptools.viewing.app.compare.chart import chart
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.compare.downloads import as_python
from exptools.viewing.app.compare.log_axes import on_log_axes
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.theme import LIGHT
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
        "Nothing is left of the line 2.",
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
        "Nothing is left of the line 2. Options has the switches log x and log y."
    )


def test_a_band_that_reaches_below_zero_ends_with_the_lowest_value_on_the_axis(workspace):
    (panel,) = on_axes(workspace, log=("y",), by=(), band="minmax").panels
    (line,) = panel.lines
    np.testing.assert_allclose(line.curve.center, [2, 1 / 3, np.nan])  # a gap, no fall to the axis
    np.testing.assert_allclose(line.curve.low, [1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(line.curve.high, [4, 2, 1])


def test_a_band_that_the_axis_cuts_is_said(workspace):
    notes = on_axes(workspace, log=("y",), by=(), band="minmax").notes
    assert notes[-1] == "1 band reaches below 0, and ends where the axis does."


def test_on_a_symlog_axis_nothing_is_left_out_and_its_linear_part_is_said(workspace):
    drawn = on_axes(workspace, log=("y",), nonpositive="symlog")
    assert drawn.notes == (
        "The axis of loss is symlog: linear from −1 to 1, logarithmic beyond. 5 points are ≤ 0.",
    )
    places = [line.curve.center for line in drawn.panels[0].lines]
    log2 = 1 + np.log10(2)
    np.testing.assert_allclose(places[0], [1 + np.log10(4), log2, 1])
    np.testing.assert_allclose(places[2], [0, -1, -log2])
    layout = chart(drawn, View(log=("y",), metrics=("loss",)), LIGHT)["layout"]
    assert layout["yaxis"]["type"] == "linear"
    assert "0" in layout["yaxis"]["ticktext"]
    assert layout["yaxis"]["title"]["text"] == "loss (linear within ±1)"


def test_what_a_symlog_axis_says_under_the_pointer_are_the_numbers(workspace):
    view = resolve(View(log=("x", "y"), nonpositive="symlog"), workspace.facts())
    drawn = on_log_axes(drawing(workspace, view), view)
    figure = chart(drawn, view, LIGHT)
    lines = {trace["name"]: trace for trace in figure["data"] if trace.get("showlegend")}
    assert lines["2"]["customdata"] == ["0", "-1", "-2"]
    (across,) = [trace for trace in figure["data"] if trace["uid"].startswith("x-")]
    assert across["customdata"] == ["0", "1", "2"]
    assert figure["layout"]["xaxis"]["tickvals"][0] == 0


def test_a_range_on_a_symlog_axis_is_given_in_numbers(workspace):
    chosen = {"log": ("x", "y"), "nonpositive": "symlog", "y_ranges": {"loss": (-10.0, 10.0)}}
    view = resolve(View(x_range=(0.0, 2.0), **chosen), workspace.facts())
    layout = chart(on_log_axes(drawing(workspace, view), view), view, LIGHT)["layout"]
    np.testing.assert_allclose(layout["yaxis"]["range"], [-2, 2])
    np.testing.assert_allclose(layout["xaxis"]["range"], [0, 1 + np.log10(2)])


def test_an_axis_without_such_values_stays_logarithmic(workspace):
    drawn = on_axes(workspace, log=("y",), nonpositive="symlog", where="lr = 0")
    assert (drawn.notes, drawn.offer, drawn.symlogs) == ((), "", {})


def test_the_other_way_to_show_them_is_offered(workspace):
    assert on_axes(workspace).offer == ""
    assert on_axes(workspace, log=("y",)).offer == "symlog"
    assert on_axes(workspace, log=("y",), where="lr = 2").offer == "symlog"
    assert on_axes(workspace, log=("y",), nonpositive="symlog").offer == "left-out"


def test_what_is_taken_away_has_the_same_axes(workspace):
    view = View(log=("x", "y"), nonpositive="symlog", y_ranges={"loss": (-3.0, 5.0)})
    assert 'x_scale="symlog", y_scale="symlog", y_range={"loss": (-3.0, 5.0)}' in as_python(
        workspace, view.to_data()
    )
    assert 'x_scale="log")' in as_python(workspace, View(log=("x",)).to_data())
