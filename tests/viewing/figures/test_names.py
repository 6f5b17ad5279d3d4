"""What a chart calls its lines."""

import pytest

from exptools.viewing.figures.names import rounded


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("0.00030000000000000003", "0.0003"),
        ("small, -0.30000000000000004, 3.0000000000000004e-05", "small, -0.3, 3e-05"),
        ("0.3333333333333333", "0.333333333333"),
        ("run-0.30000000000000004", "run-0.30000000000000004"),
        ("0.001", "0.001"),
    ],
)
def test_what_a_number_is_off_by_in_its_last_bits_is_not_told(label, told):
    assert rounded([label, "other"]) == {label: told, "other": "other"}


def test_numbers_that_differ_in_their_last_bits_stay_apart():
    labels = ["0.3", "0.30000000000000004"]
    assert rounded(labels) == {label: label for label in labels}
