"""What earlier viewers got wrong, and numbers in papers must not be."""

import numpy as np
import polars as pl
import pytest

import exptools.viewing as xv
from tests.viewing.samples import csv_text, write_run

NAN = float("nan")


@pytest.fixture
def folder(tmp_path):
    """Two algorithms with two seeds each, and a run that has no ``algo``."""
    for job, (algo, seed) in enumerate([("a", 0), ("a", 1), ("b", 0), ("b", 1)]):
        values = [10.0 * job + step for step in range(5)]
        write_run(tmp_path / str(job), {"algo": algo, "seed": seed}, {"return": values})
    write_run(tmp_path / "4", {"seed": 0}, {"return": [100.0] * 5})
    return tmp_path


def numbers(group: xv.GroupCurve) -> list[list[float]]:
    curve = group.curve
    return [np.asarray(line).tolist() for line in (curve.x, curve.center, curve.low, curve.high)]


def test_a_cell_that_is_no_number_is_nan_and_never_0(tmp_path):
    write_run(tmp_path / "0", {}, "step,return\n0,1.0\n1,oops\n2,3.0\n")
    runs = xv.load(tmp_path)
    with pytest.warns(UserWarning, match="'oops' is no number; shown as NaN"):
        (group,) = runs.curves("return").groups
    np.testing.assert_array_equal(group.curve.center, [1.0, NAN, 3.0])
    np.testing.assert_array_equal(runs.rows("return")["value"], [1.0, NAN, 3.0])
    assert group.curve.not_finite == 1
    assert [fault.line for fault in runs.faults] == [3]


def test_a_run_that_lacks_the_key_is_a_group_of_its_own_and_in_no_other(folder):
    groups = xv.load(folder).curves("return", by="algo").groups
    assert [group.label for group in groups] == ["a", "b", "—"]
    assert [[run.name for run in group.runs] for group in groups] == [["0", "1"], ["2", "3"], ["4"]]
    assert groups[-1].values == (xv.MISSING,)


def test_a_key_that_is_null_is_not_one_that_is_missing(tmp_path):
    write_run(tmp_path / "0", {"algo": None}, {"return": [1.0]})
    write_run(tmp_path / "1", {}, {"return": [2.0]})
    curves = xv.load(tmp_path).curves("return", by="algo")
    assert [group.label for group in curves.groups] == ["null", "—"]
    assert curves.frame()["algo"].to_list() == ["null", None]


def test_seeds_are_aligned_by_step_and_never_by_row(tmp_path):
    write_run(tmp_path / "0", {"seed": 0}, "step,return\n0,0\n100,100\n200,200\n")
    write_run(tmp_path / "1", {"seed": 1}, "step,return\n0,0\n50,50\n100,100\n150,150\n200,200\n")
    (group,) = xv.load(tmp_path).curves("return", by=[]).groups
    assert group.curve.x.tolist() == group.curve.center.tolist() == [0, 50, 100, 150, 200]
    assert group.curve.n.tolist() == [2] * 5


def test_a_seed_that_ended_early_neither_cuts_the_others_nor_goes_on(tmp_path):
    write_run(tmp_path / "0", {"seed": 0}, {"return": [1.0, 1.0]})
    write_run(tmp_path / "1", {"seed": 1}, {"return": [3.0, 3.0, 3.0]})
    (group,) = xv.load(tmp_path).curves("return", by=[]).groups
    assert group.curve.center.tolist() == [2, 2, 3]
    assert group.curve.n.tolist() == [2, 2, 1]
    assert np.isnan(group.curve.low[-1])  # one run has no deviation, not one of 0


@pytest.mark.filterwarnings("ignore:the interval is by bootstrap of 2 runs")
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"center": "iqm", "band": "ci:95"},
        {"center": "median", "band": "percentiles:10,90", "smooth": "ema:0.9"},
        {"bin_width": 2.0, "band": "sem"},
        {"band": "minmax", "smooth": "gaussian:2", "smooth_when": "after"},
    ],
)
def test_showing_more_runs_changes_no_number_of_a_group(folder, asked):
    runs = xv.load(folder)
    alone = runs.where("algo = 'a'").curves("return", by="algo", **asked).groups
    among = runs.curves("return", by="algo", **asked).groups
    assert len(among) == 3
    np.testing.assert_array_equal(numbers(alone[0]), numbers(among[0]))


def test_what_is_exported_is_what_is_plotted(folder):
    curves = xv.load(folder).curves("return", by="algo")
    drawn = {trace.name: trace for trace in curves.plot().data if trace.name}

    for (label,), points in curves.frame().group_by(pl.col("algo").fill_null("—")):
        np.testing.assert_array_equal(drawn[label].x, points["step"])
        np.testing.assert_array_equal(drawn[label].y, points["center"])


def test_an_export_has_every_row_however_many_there_are(tmp_path):
    steps = 5000  # the plot has fewer points
    write_run(tmp_path / "0", {}, csv_text({"return": [float(step % 7) for step in range(steps)]}))
    runs = xv.load(tmp_path)
    assert runs.rows("return")["value"].to_list() == [step % 7 for step in range(steps)]
    assert runs.curves("return").frame().height == steps
    assert len(runs.curves("return").plot().data[0].x) < steps
