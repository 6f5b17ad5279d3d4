"""An axis that is linear around 0 and logarithmic beyond: its places, ticks and threshold."""

import numpy as np
import pytest

from exptools.viewing.figures.symlog import Symlog, fitting


def test_places_are_powers_of_ten_beyond_the_threshold_and_numbers_below_it():
    numbers = np.array([-100.0, -0.1, -0.05, 0.0, 0.1, 1.0, 10.0])
    places = Symlog(0.1).forward(numbers)
    np.testing.assert_allclose(places, [-4, -1, -0.5, 0, 1, 2, 3], atol=1e-12)
    np.testing.assert_allclose(Symlog(0.1).back(places), numbers, rtol=1e-12, atol=1e-15)
    assert np.isnan(Symlog(1.0).forward(np.array([np.nan]))).all()


def test_ticks_say_the_numbers_at_their_places():
    assert Symlog(0.01).ticks(-2, 4, 9) == [
        *((-2, "−0.1"), (-1, "−0.01"), (0, "0"), (1, "0.01"), (2, "0.1"), (3, "1"), (4, "10")),
    ]
    wide = Symlog(1.0).ticks(-8, 8, 7)
    assert [text for _, text in wide] == ["−100k", "−100", "0", "100", "100k"]


def test_where_no_power_of_ten_is_near_ticks_are_round_numbers():
    ticks = Symlog(1.0).ticks(1.2, 1.9, 7)  # from 1.6 to 7.9
    assert [text for _, text in ticks] == ["2", "3", "4", "5", "6", "7"]
    np.testing.assert_allclose([place for place, _ in ticks], 1 + np.log10([2, 3, 4, 5, 6, 7]))


@pytest.mark.parametrize(
    ("numbers", "threshold"),
    [
        ([0, 1, 2, 500], 1),  # steps
        ([0, 0.004, 0.2, 3], 0.001),  # a time that begins at 0
        ([0, 1e-20, 1], 1e-6),  # noise at the end of a loss
        ([-2000, *[-500] * 9, 0.001, *[300] * 9], 100),  # a reward that passes 0
        ([0, 0], 1),
        ([], 1),
        ([np.nan, np.inf, 5], 1),
        ([5e-324], 1e-300),
    ],
)
def test_the_threshold_is_a_power_of_ten_below_the_numbers_that_matter(numbers, threshold):
    assert fitting([np.array(numbers, float)]).threshold == pytest.approx(threshold)
