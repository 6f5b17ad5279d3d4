import json
from pathlib import Path

import numpy as np
import pytest

from exptools.viewing.curves.statistics import bootstrap
from exptools.viewing.curves.statistics import student as student_t
from exptools.viewing.curves.statistics.aggregation import aggregate, fitting, parse_method
from exptools.viewing.errors import QueryError

NAN = float("nan")
STEPS = np.arange(3.0)
# Three points of nine runs: complete, with gaps, and of one run only.
VALUES = np.array([[i, i**2 if i % 2 else NAN, NAN] for i in range(8)] + [[50.0, 99.0, 1.0]])


def curve(center="mean", band="none", values=VALUES, strata=None, **how):
    series = [(np.arange(values.shape[1]) * 1.0, row) for row in values]
    return aggregate(series, parse_method(center, band, **how), strata)


def known(column: int) -> np.ndarray:
    return VALUES[np.isfinite(VALUES[:, column]), column]


def trimmed(values: np.ndarray) -> float:
    cut = len(values) // 4
    return float(np.mean(np.sort(values)[cut : len(values) - cut]))


def student(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of the mean of nine or five values, by the quantiles of any table."""
    reach = {9: 2.306004135204166, 5: 2.7764451051977934}[len(values)]
    error = reach * values.std(ddof=1) / len(values) ** 0.5
    return values.mean() - error, values.mean() + error


@pytest.mark.parametrize(
    ("center", "expected"), [("mean", np.mean), ("median", np.median), ("iqm", trimmed)]
)
def test_a_centre_is_that_of_the_runs_which_have_a_value(center, expected):
    found = curve(center)
    np.testing.assert_allclose(found.center, [expected(known(column)) for column in range(3)])
    assert found.n.tolist() == [9, 5, 1]


@pytest.mark.parametrize(
    ("band", "low", "high"),
    [
        ("minmax", np.min, np.max),
        ("percentiles:10,80", lambda v: np.percentile(v, 10), lambda v: np.percentile(v, 80)),
        ("percentiles", lambda v: np.percentile(v, 25), lambda v: np.percentile(v, 75)),
        ("std", lambda v: v.mean() - v.std(ddof=1), lambda v: v.mean() + v.std(ddof=1)),
        (
            "sem",
            lambda v: v.mean() - v.std(ddof=1) / len(v) ** 0.5,
            lambda v: v.mean() + v.std(ddof=1) / len(v) ** 0.5,
        ),
        ("t", lambda v: student(v)[0], lambda v: student(v)[1]),
    ],
)
def test_a_band_is_that_of_the_runs_which_have_a_value_and_of_one_run_there_is_none(
    band, low, high
):
    found = curve(band=band)
    np.testing.assert_allclose(found.low, [low(known(0)), low(known(1)), NAN])
    np.testing.assert_allclose(found.high, [high(known(0)), high(known(1)), NAN])


def test_a_deviation_lies_around_the_centre_that_is_drawn():
    found = curve("median", "std")
    np.testing.assert_allclose(found.high - found.center, found.center - found.low)


def test_the_bootstrap_agrees_with_rliable(monkeypatch):
    monkeypatch.setattr(bootstrap, "SAMPLES", 20_000)
    # Recorded with rliable itself, see the file: it needs arch 7, which pandas 3 breaks.
    recorded = json.loads((Path(__file__).parent / "rliable.json").read_text())
    for case in recorded["cases"]:
        scores = np.array(case["scores"])
        runs, tasks, steps = scores.shape
        strata = np.tile(np.arange(tasks), runs).tolist()
        found = curve(case["center"], "ci:95", scores.reshape(-1, steps), strata)
        low, high = np.array(case["low"]), np.array(case["high"])
        np.testing.assert_allclose(found.center, case["point"])
        assert (np.abs(found.low - low) < 0.06 * (high - low)).all()
        assert (np.abs(found.high - high) < 0.06 * (high - low)).all()


def test_runs_are_drawn_within_their_stratum():
    tasks = np.array([[0.0], [1.0], [100.0], [101.0]])
    within = curve("mean", "ci:95", tasks, strata=["a", "a", "b", "b"])
    across = curve("mean", "ci:95", tasks)
    assert within.high - within.low <= 1
    assert across.high - across.low > 50


def test_an_interval_is_drawn_from_the_runs_that_are_there():
    values = np.array([[1.0, 1.0], [2.0, NAN], [3.0, 3.0], [4.0, NAN], [5.0, NAN]])
    found = curve("mean", "ci:90", values)
    alone = curve("mean", "ci:90", values[[0, 2]][:, 1:])
    assert found.low[1] == alone.low[0]
    assert found.high[1] == alone.high[0]
    assert 1 < found.low[0] < found.center[0] < found.high[0] < 5


def test_a_higher_level_gives_a_wider_interval_and_the_same_runs_the_same_one():
    narrow, wide = curve("iqm", "ci:50"), curve("iqm", "ci:99")
    assert (wide.high[:2] - wide.low[:2] > narrow.high[:2] - narrow.low[:2]).all()
    np.testing.assert_array_equal(wide.low, curve("iqm", "ci:99").low)


def test_pieces_of_many_points_are_put_together(monkeypatch):
    whole = curve("iqm", "ci:95")
    monkeypatch.setattr("exptools.viewing.curves.statistics.alignment.MOST_CELLS", 1)
    monkeypatch.setattr(bootstrap, "MOST_CELLS", 1)
    np.testing.assert_array_equal(curve("iqm", "ci:95").low, whole.low)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"center": "avg"}, "there is no center 'avg'; there are mean, median, iqm"),
        ({"center": "mean:3"}, "mean takes no number"),
        ({"band": "sd"}, "there is no band 'sd'; did you mean 'std'"),
        ({"band": "ci:0.95"}, "ci takes its level in percent, as in ci:95"),
        ({"band": "percentiles:5"}, "percentiles takes two percentages"),
        ({"band": "percentiles:5,x"}, "percentiles takes two percentages"),
        ({"band": "percentiles:5,5"}, "should differ"),
        ({"smooth": "ema"}, r"ema takes a weight from 0 to below 1, as in ema:0\.9"),
        ({"smooth": "ema:1"}, "ema takes a weight from 0 to below 1"),
        ({"smooth_when": "never"}, "there are before, after"),
        ({"bin_width": 0}, "bin_width should be a positive number"),
        ({"bin_width": NAN}, "bin_width should be a positive number"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(asked, sentence):
    with pytest.raises(QueryError, match=sentence):
        parse_method(**asked)


@pytest.mark.parametrize(
    ("freedom", "level", "expected"),  # as scipy.stats.t.ppf has them
    [
        (1, 95.0, 12.706204736174694),
        (2, 95.0, 4.302652729749462),
        (3, 50.0, 0.7648923284043444),
        (9, 99.9, 4.780912585931217),
        (30, 90.0, 1.697260886593957),
        (999, 95.0, 1.9623414611334493),
    ],
)
def test_the_quantiles_are_those_of_students_distribution(freedom, level, expected):
    assert student_t.quantile(freedom, level) == pytest.approx(expected, rel=1e-11)


def test_the_quantiles_of_many_degrees_of_freedom_are_those_of_each():
    freedom = np.linspace(1, 400, 2 * student_t.EXACT)  # Welch's are another at each point
    each = [student_t.quantile(one, 95) for one in freedom]
    np.testing.assert_allclose(student_t.quantiles(freedom, 95), each, rtol=1e-9)
    few = freedom[:9]
    np.testing.assert_allclose(student_t.quantiles(few, 95), each[:9], rtol=1e-14)


def test_students_interval_is_of_the_mean_and_what_else_there_is_is_said():
    with pytest.raises(QueryError, match="the center is iqm: take ci:90, the bootstrap's"):
        parse_method("iqm", "t:90")


@pytest.mark.parametrize(("runs", "fits"), [(2, "t:90"), (9, "t:90"), (10, "ci:90"), (1, "ci:90")])
def test_an_interval_left_open_is_students_of_fewer_than_ten_runs(runs, fits):
    assert str(fitting(parse_method("mean", "interval:90"), [20, runs]).band) == fits
    assert str(fitting(parse_method("iqm", "interval:90"), [runs]).band) == "ci:90"


def test_students_interval_holds_the_mean_as_often_as_it_says_and_the_bootstrap_of_few_does_not():
    values = np.random.default_rng(0).normal(size=(3, 4000))
    held = {}
    for band in ("t:95", "ci:95"):
        of_few = curve(band=band, values=values)
        held[band] = np.mean((of_few.low <= 0) & (of_few.high >= 0))
    assert held["t:95"] == pytest.approx(0.95, abs=0.012)
    assert held["ci:95"] == pytest.approx(0.75, abs=0.02)
