"""Histograms of several steps in one picture."""

import numpy as np
import pytest

from exptools.viewing.app.media.over_time import MOST_SLICES, aligned, picture, sampled
from exptools.viewing.run_files.media import Histogram


def test_histograms_come_into_common_bins_and_lose_no_value():
    found = aligned(
        [
            (0, Histogram((0.0, 1.0, 2.0), (4.0, 8.0), "")),
            (10, Histogram((1.0, 4.0), (6.0,), "")),
        ]
    )
    assert found.steps == (0, 10)
    assert (found.edges[0], found.edges[-1]) == (0.0, 4.0)
    np.testing.assert_allclose(found.counts.sum(axis=1), [12, 6])
    width = found.edges[1] - found.edges[0]
    np.testing.assert_allclose(found.counts[0, 0], 4 * width)  # of a bin the part that it covers


def test_percentiles_are_those_of_the_values():
    values = np.random.default_rng(0).normal(size=100_000)
    counts, edges = np.histogram(values, bins=500)
    found = aligned([(0, Histogram(tuple(edges), tuple(map(float, counts)), ""))])
    deviations = [-1.5, -1, -0.5, 0, 0.5, 1, 1.5]
    np.testing.assert_allclose(found.percentiles[0][1:-1], deviations, atol=0.03)


def test_one_value_alone_and_no_value_at_all_are_drawn_or_left_out():
    alone = Histogram((2.0, 2.0), (5.0,), "")
    found = aligned([(0, alone), (1, Histogram((), (), "no values"))])
    assert found.steps == (0,)
    np.testing.assert_allclose(found.counts.sum(), 5)
    assert aligned([(1, Histogram((), (), "no values"))]) is None
    with pytest.raises(ValueError, match="edges of a histogram rise"):
        aligned([(0, Histogram((1.0, 0.0), (1.0,), ""))])


@pytest.mark.parametrize("way", ["offset", "overlay", "percentiles"])
def test_each_way_is_drawn_with_its_ends_and_extremes_stay_numbers(way):
    slices = [(step, Histogram((-1.0, 1e300), (1.0,), "")) for step in (0, 1000)]
    drawn = picture(aligned(slices), way)
    assert "nan" not in drawn
    assert "inf" not in drawn.replace("-index", "")
    assert drawn.count("<path") == (5 if way == "percentiles" else 2)
    assert ">1,000<" in drawn or way == "overlay"
    assert 'role="img"' in drawn


def test_of_many_steps_some_are_read_the_first_and_the_last_among_them():
    assert sampled([1, 2, 3]) == [1, 2, 3]
    some = sampled(range(0, 100_000, 7))
    assert (len(some), some[0], some[-1]) == (MOST_SLICES, 0, 99_995)
    assert some == sorted(set(some))
