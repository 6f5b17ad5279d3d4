import numpy as np
import pytest

from exptools.viewing.curves.aggregation import aggregate, parse_method
from exptools.viewing.curves.options import Option
from exptools.viewing.curves.smoothing import smooth

NAN = float("nan")


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
