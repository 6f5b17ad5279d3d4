import warnings

import numpy as np
import pytest

from exptools.viewing.curves.statistics.aggregation import aggregate, final_value, parse_method
from exptools.viewing.curves.statistics.options import Option
from exptools.viewing.curves.statistics.smoothing import smooth
from exptools.viewing.curves.summaries import parse_summary, summarize
from exptools.viewing.errors import QueryError

NAN, INF = float("nan"), float("inf")


def series(*points: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    x, y = zip(*points, strict=True) if points else ((), ())
    return np.array(x, float), np.array(y, float)


def check(curve, x, mean, std, n) -> None:
    """Compare a curve of means with a band of deviations; one run alone has no deviation."""
    np.testing.assert_allclose(curve.x, x)
    np.testing.assert_allclose(curve.center, mean)
    deviation = np.where(np.array(n) > 1, std, np.nan)
    np.testing.assert_allclose(curve.high - curve.center, deviation, atol=1e-12)
    np.testing.assert_allclose(curve.center - curve.low, deviation, atol=1e-12)
    np.testing.assert_array_equal(curve.n, n)


def test_mean_and_sample_deviation_are_taken_over_the_runs():
    runs = [series((0, 1), (1, 10)), series((0, 2), (1, 20)), series((0, 6), (1, 30))]
    check(aggregate(runs), [0, 1], [3, 20], [np.sqrt(7), 10], [3, 3])


def test_the_largest_numbers_are_averaged_and_interpolated_without_overflow():
    runs = [series((0, 1e308), (2, -1e308)), series((0, -1e308), (1, 1e308), (2, 1e308))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve = aggregate(runs)
    check(curve, [0, 1, 2], [0, 5e307, 0], np.array([2, 0.5, 2]) ** 0.5 * 1e308, [2, 2, 2])


def test_a_run_counts_up_to_its_end_and_not_beyond_it():
    runs = [series((0, 0), (1, 0), (2, 0)), series((1, 4), (2, 4), (3, 4), (4, 4))]
    check(
        aggregate(runs), [0, 1, 2, 3, 4], [0, 2, 2, 4, 4], [0, 8**0.5, 8**0.5, 0, 0],
        [1, 2, 2, 1, 1],
    )  # fmt: skip


@pytest.mark.parametrize("value", [NAN, float("inf"), float("-inf")])
def test_a_value_that_is_no_finite_number_is_a_gap_of_its_run_alone(value):
    gappy = series((0, 1), (1, value), (2, 1))
    full = series((0, 3), (0.5, 3), (1, 3), (2, 3))
    check(aggregate([gappy, full]), [0, 0.5, 1, 2], [2, 3, 3, 2], [2**0.5, 0, 0, 2**0.5],
          [2, 1, 1, 2])  # fmt: skip
    check(aggregate([gappy]), [0, 1, 2], [1, NAN, 1], [0, 0, 0], [1, 0, 1])


def test_between_runs_that_do_not_meet_there_is_a_gap():
    curve = aggregate([series((0, 1), (1, 1)), series((3, 5), (4, 5))])
    check(curve, [0, 1, 2, 3, 4], [1, 1, NAN, 5, 5], [0] * 5, [1, 1, 0, 1, 1])


def test_points_may_come_in_any_order_and_the_last_of_one_x_counts():
    check(aggregate([series((2, 5), (0, 1), (2, 7), (NAN, 9))]), [0, 2], [1, 7], [0, 0], [1, 1])


def test_runs_without_points_do_not_count():
    check(aggregate([series(), series((0, 1))]), [0], [1], [0], [1])
    assert len(aggregate([]).x) == len(aggregate([series()]).x) == 0


def test_the_deviation_of_large_close_values_is_not_lost():
    curve = aggregate([series((0, 1e9 + delta)) for delta in (0, 1, 2)])
    assert curve.high[0] - curve.center[0] == pytest.approx(1)


def test_the_final_value_is_the_last_that_is_a_number():
    assert final_value(aggregate([series((0, 1), (1, 2), (2, NAN))])) == 2
    assert np.isnan(final_value(aggregate([])))


def test_in_bins_a_run_counts_with_its_mean_there_and_not_at_all_without_a_row():
    runs = [series((0, 1), (1, 3), (11, 9)), series((2, 4), (12, 5), (35, 7)), series((38, NAN))]
    bins = parse_method(bin_width=10)
    check(aggregate(runs, bins), [5, 15, 35], [3, 7, 7], [2**0.5, 8**0.5, 0], [2, 2, 1])
    assert aggregate([series((7, 1), (-3, 2))], bins).x.tolist() == [-5, 5]  # the same edges


def test_what_is_no_finite_number_and_what_stands_still_or_goes_back_is_counted():
    runs = [series((0, 1), (1, NAN), (2, float("inf"))), series((0, 1), (2, 2), (2, 3), (1, 4))]
    curve = aggregate(runs)
    assert (curve.not_finite, curve.backward) == (2, 2)
    check(curve, [0, 1, 2], [1, 4, 3], [0, 0, 0], [2, 1, 1])


def test_the_runs_of_a_group_are_not_changed():
    x, y = series((2, 1e200), (1, NAN), (3, 1))
    aggregate([(x, y)] * 2, parse_method(smooth="ema:0.5", bin_width=2))
    np.testing.assert_array_equal(x, [2, 1, 3])
    np.testing.assert_array_equal(y, [1e200, NAN, 1])


def test_runs_that_share_their_x_give_what_runs_that_do_not_give():
    x, values = np.arange(50.0), np.random.default_rng(0).normal(size=(4, 50))
    values[1, 10:20] = NAN
    shared = aggregate([(x, y) for y in values])
    apart = aggregate([(x, y) for y in values] + [series((0.5, NAN))])
    at = np.isin(apart.x, x)
    np.testing.assert_array_equal(apart.center[at], shared.center)
    np.testing.assert_array_equal(apart.n[at], shared.n)


def smoothed(how: str, *numbers: float, y) -> np.ndarray:
    return smooth(np.array(y, float), Option(how, numbers))


def tensorboards(y: list[float], weight: float) -> list[float]:
    """TensorBoard's rule: an average that starts at 0, over the weights that there have been."""
    last, count, found = 0.0, 0, []
    for value in y:
        if not np.isfinite(value):
            found.append(NAN)
            continue
        last = last * weight + (1 - weight) * value
        count += 1
        found.append(last / (1 - weight**count))
    return found


@pytest.mark.parametrize("weight", [0.0, 0.6, 0.99])
def test_exponential_smoothing_is_tensorboards(weight):
    y = [3.0, 1.0, 4.0, NAN, 1.0, 5.0, NAN, NAN, 9.0]
    np.testing.assert_allclose(smoothed("ema", weight, y=y), tensorboards(y, weight))
    long = [np.sin(row) if row % 7 else NAN for row in range(3000)]
    np.testing.assert_allclose(smoothed("ema", weight, y=long), tensorboards(long, weight))


def test_a_running_mean_is_over_the_rows_around_each():
    y = [1.0, 2.0, 4.0, 8.0, 16.0]
    np.testing.assert_allclose(smoothed("mean", 3, y=y), [1.5, 7 / 3, 14 / 3, 28 / 3, 12])
    np.testing.assert_allclose(smoothed("mean", 2, y=y), [1, 1.5, 3, 6, 12])
    np.testing.assert_allclose(smoothed("mean", 1, y=y), y)
    np.testing.assert_allclose(smoothed("mean", 999, y=y), [31 / 5] * 5)


def test_a_gaussian_has_the_weights_of_a_normal_distribution():
    weights = np.exp(-0.5 * (np.arange(-4, 5) / 1.0) ** 2)
    impulse = np.zeros(21)
    impulse[10] = 1
    np.testing.assert_allclose(
        smoothed("gaussian", 1, y=impulse)[6:15], weights / weights.sum(), atol=1e-12
    )


@pytest.mark.parametrize("how", [("ema", 0.9), ("gaussian", 3), ("mean", 4), ("mean", 50)])
def test_what_is_constant_stays_so_and_a_gap_stays_a_gap(how):
    y = [2.0, NAN, 2.0, 2.0, NAN, 2.0]
    np.testing.assert_allclose(smoothed(*how, y=y), y)
    assert len(smoothed(*how, y=[])) == 0


def test_smoothing_may_come_before_the_centre_or_after_it():
    runs = [(np.arange(4.0), np.array(y)) for y in ([0.0, 4, 0, 4], [8.0, 0, 0, 0], [1.0, 1, 9, 1])]
    smooth_runs = [(x, smoothed("mean", 3, y=y)) for x, y in runs]
    before = aggregate(runs, parse_method("median", "minmax", "mean:3", "before"))
    np.testing.assert_allclose(before.center, aggregate(smooth_runs, parse_method("median")).center)
    plain, after = (
        aggregate(runs, parse_method("median", "minmax", how, "after")) for how in (None, "mean:3")
    )
    for line in ("center", "low", "high"):
        expected = smoothed("mean", 3, y=getattr(plain, line))
        np.testing.assert_allclose(getattr(after, line), expected)


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


@pytest.mark.parametrize("values", [[INF], [NAN], [INF, -INF]])
def test_a_run_that_diverged_at_its_first_step_has_no_area(values):
    assert np.isnan(summary("auc", values))


def test_the_order_is_that_of_x_and_the_last_of_one_x_counts():
    assert summary("last", [1, 2, 3], x=[0, 9, 5]) == 2
    assert summary("last", [1, 2, 3], x=[0, 9, 9]) == 3
    assert summary("auc", [0, 0, 4, 4], x=[0, 10, 10, 20]) == 60


def test_extremes_and_means_take_every_value_of_a_step_that_was_logged_twice():
    values = {"y": [1, 9, 2, 3, 5], "x": [0, 5, 5, 5, 10]}
    assert (summary("max", **values), summary("min", **values)) == (9, 1)
    assert summary("mean:3", **values) == pytest.approx((2 + 3 + 5) / 3)
    assert summary("mean:4", y=[1, 2, 3, 4], x=[0, 9, 5, NAN]) == 2
    assert np.isnan(summary("max", y=[1.0], x=[NAN]))


def test_no_points_have_no_summary():
    assert np.isnan([summary(how, []) for how in ("last", "min", "mean:3", "at:1", "auc")]).all()


def test_the_largest_numbers_do_not_overflow():
    assert summary("mean:3", [1e308] * 3) == pytest.approx(1e308)
    assert summary("auc", [1e308, -1e308, 1e308]) == 0


def test_a_runs_mean_is_numpys_to_the_last_bit():
    for values in ([0.9] * 5, [0.7] * 10, [0.8, 1, 0.9], [1, 1, 1, 1, 0.5]):
        assert summary("mean:10", values) == np.mean(values)


@pytest.mark.parametrize("how", ["mean", "mean:0", "at", "best", "last:3", "mean:x"])
def test_a_summary_that_there_is_not_is_refused(how):
    with pytest.raises(QueryError):
        parse_summary(how)
