import numpy as np
import pytest

from exptools.viewing.curves.summaries import parse_summary, summarize
from exptools.viewing.errors import QueryError

NAN, INF = float("nan"), float("inf")


def summary(how: str, y, x=None) -> float:
    x = np.arange(len(y)) if x is None else x
    return summarize(np.array(x, float), np.array(y, float), parse_summary(how))


@pytest.mark.parametrize(
    ("how", "value"),
    [
        *(("last", 3), ("min", -1), ("max", 5), ("mean:2", 4), ("mean:99", 2.25), ("auc", 6.5)),
        *(("at:2", 5), ("at:2.5", 4), ("at:-1", NAN), ("at:4", NAN)),
    ],
)
def test_a_curve_in_one_number(how, value):
    np.testing.assert_allclose(summary(how, [2, -1, 5, 3]), value)


@pytest.mark.parametrize(
    ("how", "value"),
    [
        *(("last", NAN), ("min", 1), ("max", 2), ("mean:1", NAN), ("mean:3", NAN), ("auc", NAN)),
        *(("at:0", 1), ("at:1", 2), ("at:1.5", NAN), ("at:2", NAN)),
    ],
)
def test_a_value_that_is_not_finite_is_never_hidden_by_an_average(how, value):
    np.testing.assert_equal(summary(how, [1, 2, INF]), value)


def test_the_order_is_that_of_x_and_the_last_of_one_x_counts():
    assert summary("last", [1, 2, 3], x=[0, 9, 5]) == 2
    assert summary("last", [1, 2, 3], x=[0, 9, 9]) == 3
    assert summary("auc", [0, 0, 4, 4], x=[0, 10, 10, 20]) == 60


def test_no_points_have_no_summary():
    assert np.isnan([summary(how, []) for how in ("last", "min", "mean:3", "at:1", "auc")]).all()


def test_the_largest_numbers_do_not_overflow():
    assert summary("mean:3", [1e308] * 3) == pytest.approx(1e308)
    assert summary("auc", [1e308, -1e308, 1e308]) == 0


@pytest.mark.parametrize("how", ["mean", "mean:0", "at", "best", "last:3", "mean:x"])
def test_a_summary_that_there_is_not_is_refused(how):
    with pytest.raises(QueryError):
        parse_summary(how)
