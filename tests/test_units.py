import pytest

from exptools.units import format_bytes, format_duration, rough_duration, short_duration


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (2048, "2 KiB"),
        (340 * 2**20, "340 MiB"),
        (1010 * 2**20, "1 GiB"),
        (7.5 * 2**30, "7.5 GiB"),
        (16 * 2**30, "16 GiB"),
        (3000 * 2**40, "3000 TiB"),
    ],
)
def test_a_size_has_three_digits_and_a_unit_of_1024(number, text):
    assert format_bytes(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.026, "26 ms"),
        (0.0996, "0.1 s"),
        (3.21, "3.2 s"),
        (0.42, "0.4 s"),
        (42.4, "42.4 s"),
        (59.97, "1 min"),
        (250, "4 min 10 s"),
        (7500, "2 h 5 min"),
        (273600, "3 d 4 h"),
        (86400 * 2000, "2,000 d"),
    ],
)
def test_a_duration_has_the_two_units_that_say_most(seconds, text):
    assert format_duration(seconds) == text


def test_a_narrow_column_has_a_duration_without_spaces():
    assert [short_duration(s) for s in (3.21, 65, 7500)] == ["3.2s", "1m05s", "2h05m"]


def test_an_estimate_is_no_finer_than_it_can_be():
    texts = [rough_duration(s) for s in (1, 12, 200, 3600, 14.2 * 3600, 5 * 86400)]
    assert texts == ["5 s", "10 s", "3 min", "60 min", "14 h", "5 d"]
