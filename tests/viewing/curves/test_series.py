"""Metrics over other metrics, and what to know of their summaries."""

import math

import numpy as np
import pytest

import exptools.viewing as xv
from exptools.viewing.curves.remarks import remarks
from exptools.viewing.curves.series import read_series
from exptools.viewing.results import results
from tests.viewing.samples import indexed, write_run


def series(root, rows, x="opt_step", header="step,wall_time,opt_step,loss"):
    write_run(root / "run", {"a": 1}, "\n".join([header, *rows]) + "\n")
    index = indexed(root)
    ((xs, ys),) = read_series(index, index.snapshot.runs, "loss", x).values()
    return xs.tolist(), ys.tolist()


@pytest.mark.parametrize(
    ("rows", "points"),
    [
        (["1,0,10,", "1,0,,0.5", "2,0,20,", "2,0,,0.25"], ([10, 20], [0.5, 0.25])),
        (["1,0,10,0.5", "2,0,20,0.25"], ([10, 20], [0.5, 0.25])),
        (["1,0,,0.5", "1,0,10,", "1,0,11,"], ([11], [0.5])),  # the last of a step
        (["1,0,10,0.5", "1,0,12,", "1,0,,0.4"], ([10, 12], [0.5, 0.4])),  # its own row's first
        (["1,0,10,", "2,0,,0.5", "3,0,30,0.1"], ([30], [0.1])),  # nobody knows it at step 2
        (["3,0,30,", "1,0,10,", "1,0,,0.5", "3,0,,0.1"], ([10, 30], [0.5, 0.1])),
        (["1,0,10,", "1,0,20,"], ([], [])),
        (["1,0,,0.5", "1,0,nan,", "2,0,,0.5"], ([math.nan], [0.5])),
        ([",0,,0.5", ",0,10,"], ([], [])),  # no step joins them
    ],
)
def test_a_metric_over_another_is_joined_by_step_where_both_stand_in_different_rows(
    tmp_path, rows, points
):
    np.testing.assert_equal(series(tmp_path, rows), points)


def test_how_many_values_have_no_place_on_the_axis_is_said(tmp_path):
    rows = ["1,0,10,", "2,0,,0.5", "3,0,30,0.1", "4,0,,0.2"]
    write_run(tmp_path / "run", {}, "\n".join(["step,wall_time,opt_step,loss", *rows]) + "\n")
    runs = xv.load(tmp_path)
    assert runs.curves("loss", x="opt_step").notes == (
        "2 values of loss are left out: opt_step was not logged at their steps.",
    )
    assert runs.curves("loss").notes == ()


def test_a_column_of_which_nothing_was_logged_has_no_points(tmp_path):
    with pytest.raises(xv.QueryError, match="no run has logged x='other'"):
        series(tmp_path, ["1,0,,0.5"], x="other")
    assert series(tmp_path, ["1,0,,0.5", "2,0,,0.5"]) == ([], [])


def test_where_the_rows_are_counted_no_step_joins_them(tmp_path):
    rows = ["10,", ",0.5", "20,0.25"]
    assert series(tmp_path, rows, header="opt_step,loss") == ([20], [0.25])


def test_what_is_between_steps_or_logged_twice_at_one_is_said(tmp_path, monkeypatch):
    write_run(tmp_path / "0", {"lr": 1}, "step,loss\n0,1\n10,3\n20,5\n")
    write_run(tmp_path / "1", {"lr": 1}, "step,loss\n0,1\n15,4\n20,5\n")
    write_run(tmp_path / "2", {"lr": 1}, "step,loss\n0,1\n15,4\n15,5\n")
    index = indexed(tmp_path)

    def said(summary):
        return remarks(index, index.snapshot.runs, "loss", summary)

    assert said("max") == said("at:0") == said("at:99") == ()
    assert said("last") == (
        "1 run has logged loss several times at its last step: of these values the last counts.",
    )
    assert said("at:15") == (
        "1 run has not logged loss at step 15 itself: the value is on the straight line between "
        "the steps before and after it.",
        "1 run has logged loss several times at step 15: of these values the last counts.",
    )
    assert said("at:10")[0].startswith("2 runs have not logged loss at step 10 itself")
    assert said("auc")[0].startswith("1 run has logged loss several times at one step")
    runs = xv.load(tmp_path)
    for summary in ("last", "at:15", "auc"):
        assert {*said(summary)} <= {*results(runs, "loss", "lr", summary=summary).notes}
        with pytest.warns(UserWarning, match="logged loss") as warned:
            runs.table("loss", summary=summary)
        assert tuple(str(one.message) for one in warned) == said(summary)
