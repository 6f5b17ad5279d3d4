"""Ticks where Plotly has them, with its texts."""

import pytest

from exptools.viewing.app.painted.ticks import ticks, time_ticks


@pytest.mark.parametrize(
    ("most", "low", "high", "texts"),
    [  # as Plotly 4.1 has written them
        (10, 0, 999, ["0", "100", "200", "300", "400", "500", "600", "700", "800", "900"]),
        (7, -2.176, 2.2417, ["−2", "−1", "0", "1", "2"]),
        (7, -0.0455, 0.9, ["0", "0.2", "0.4", "0.6", "0.8"]),
        (7, -1.3, 1.2, ["−1", "−0.5", "0", "0.5", "1"]),
        (7, 0, 26_000, ["0", "5k", "10k", "15k", "20k", "25k"]),
        (7, -1e-5, 1.89e-4, ["0", "0.5e−4", "1e−4", "1.5e−4"]),
        (7, -2.2e-7, 1e-7, ["−2e−7", "−1.5e−7", "−1e−7", "−0.5e−7", "0", "0.5e−7", "1e−7"]),
        (5, -1e308, 1e308, ["−1e+296T", "−5e+295T", "0", "5e+295T", "1e+296T"]),
        (10, 0, 5e-324, []),
        (10, 0, 1e7, ["0", "1M", "2M", "3M", "4M", "5M", "6M", "7M", "8M", "9M", "10M"]),
    ],
)
def test_ticks_are_round_and_say_so_shortly(most, low, high, texts):
    found = ticks(low, high, most, log=False)
    assert [tick.text for tick in found] == texts
    assert all(0 <= tick.place <= 1 for tick in found)


def test_a_logarithmic_axis_has_its_powers_of_ten():
    found = ticks(-2.5, 2, 7, log=True)
    assert [tick.text for tick in found] == ["0.01", "0.1", "1", "10", "100"]
    assert found[-1].place == 1
    assert [tick.text for tick in ticks(-5, -2, 7, log=True)] == ["1e−5", "1e−4", "0.001", "0.01"]


@pytest.mark.parametrize("end", [float("nan"), float("inf"), 1.0])
def test_an_axis_without_an_extent_has_no_ticks(end):
    assert ticks(1.0, end, 10, log=False) == []


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (-6, 8, ["1e−6", "0.001", "1", "1000", "1M"]),
        (-0.2, 0.8, ["1", "2", "5"]),
        (4.9, 5.2, ["80k", "100k", "120k", "140k"]),
        (310, 320, []),  # no float is as large
    ],
)
def test_a_logarithmic_axis_of_many_or_few_powers_of_ten_still_says_where_it_is(low, high, texts):
    found = ticks(low, high, 5, log=True)
    assert [tick.text for tick in found] == texts
    assert all(0 <= tick.place <= 1 for tick in found)


DAY = 86400


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (1.7e9, 1.7e9 + 30, ["22:13:20", "22:13:30", "22:13:40", "22:13:50"]),
        (1.7e9, 1.7e9 + 30_000, ["Nov 15", "02:00", "04:00", "06:00"]),
        (1.7e9, 1.7e9 + 3 * DAY, ["Nov 15", "Nov 16", "Nov 17"]),
        (1.7e9, 1.7e9 + 400 * DAY, ["Dec 9", "Mar 18", "Jun 26", "Oct 4"]),
        (0, 1e300, []),
        (float("nan"), 1.0, []),
    ],
)
def test_an_axis_of_the_time_of_day_has_whole_times_and_days(low, high, texts):
    assert [tick.text for tick in time_ticks(low, high, 5)] == texts
