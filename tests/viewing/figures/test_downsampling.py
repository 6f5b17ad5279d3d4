import numpy as np
import pytest

from exptools.viewing.curves.aggregation import Curve, aggregate
from exptools.viewing.figures.downsampling import downsample

NAN = float("nan")


def line(y: np.ndarray, x: np.ndarray | None = None) -> Curve:
    return aggregate([(np.arange(len(y)) * 1.0 if x is None else x, y)])


def test_a_million_points_become_a_few_and_keep_their_spikes_and_ends():
    y = np.sin(np.arange(1_000_000) / 5e4)
    y[123_456], y[654_321] = 50, -50
    drawn = downsample(line(y), 2000)
    assert len(drawn.x) <= 2002
    assert (drawn.center.max(), drawn.center.min()) == (50, -50)
    assert (drawn.x[0], drawn.x[-1]) == (0, 999_999)


def test_only_points_that_are_there_are_drawn():
    curve = line(np.random.default_rng(0).normal(size=10_000))
    drawn = downsample(curve, 100)
    np.testing.assert_array_equal(drawn.center, curve.center[drawn.x.astype(int)])


@pytest.mark.parametrize("gap", [slice(5000, 5001), slice(2000, 8000), slice(0, 100)])
def test_a_gap_stays_one_however_short(gap):
    y = np.ones(10_000)
    y[gap] = NAN
    drawn = downsample(line(y), 100)
    at = drawn.x[np.isnan(drawn.center)]
    assert len(at)
    assert ((at >= gap.start) & (at < gap.stop)).all()


def test_the_edges_of_the_band_keep_their_spikes():
    runs = np.zeros((3, 10_000))
    runs[0, 777], runs[1, 7777] = 9, -9
    curve = aggregate([(np.arange(10_000.0), y) for y in runs])
    drawn = downsample(curve, 300)
    assert (drawn.high.max(), drawn.low.min()) == (curve.high.max(), curve.low.min())
    assert len(drawn.x) <= 302


def test_a_zoom_shows_what_is_between_its_edges_and_the_lines_that_leave_it():
    curve = line(np.arange(100_000.0))
    assert downsample(curve, 50, (100, 110)).x.tolist() == list(range(99, 112))
    zoomed = downsample(curve, 50, (1000, 90_000))
    assert (zoomed.x[0], zoomed.x[-1]) == (999, 90_001)
    assert len(zoomed.x) <= 52
    assert len(downsample(curve, 50, (2e6, 3e6)).x) <= 1


def test_few_points_stay_as_they_are():
    curve = line(np.array([1.0, NAN, 3.0]))
    assert downsample(curve, 3) is curve
    assert len(downsample(aggregate([]), 3).x) == 0


def test_nothing_but_gaps_and_the_largest_x_can_be_reduced():
    assert np.isnan(downsample(line(np.full(5000, NAN)), 100).center).all()
    x = np.arange(-2500, 2500) / 2500 * 1e308
    assert 50 < len(downsample(line(np.arange(5000.0), x), 100).x) <= 102
