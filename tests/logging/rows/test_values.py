"""Whatever users have numbers in, the verbs take: what NumPy cannot, and what is no sequence."""

from collections import deque
from decimal import Decimal

import numpy as np
import pytest
import torch

from exptools.logging.rows.arrays import as_array, batch_statistics
from exptools.logging.rows.row import as_number


def loss(value):
    """A number with a graph behind it."""
    return torch.tensor(value, requires_grad=True) * 1


class EagerTensor:
    """Converts itself as TensorFlow's tensors do, which have no item()."""

    def __init__(self, value):
        self.value, self.shape = value, np.shape(value)

    def __float__(self):
        if self.shape:
            raise TypeError("only length-1 arrays can be converted to Python scalars")
        return float(self.value)

    def __index__(self):
        if not isinstance(self.value, int):
            raise TypeError("only integer scalar tensors can be converted to a scalar index")
        return self.value

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.value)


NUMBERS = [
    [loss(1.0), loss(3.0)],
    (loss(1.0), 3),
    [[loss(1.0)], [3]],
    deque([1, loss(3.0)]),
    [torch.tensor(1.0, dtype=torch.bfloat16), torch.tensor(3.0)],
    torch.tensor([1.0, 3.0]).to(torch.float8_e4m3fn),
    [torch.tensor(value).to(torch.float8_e5m2) for value in (1.0, 3.0)],
    torch.tensor([1.0, 3.0]).to_sparse(),
    [np.float32(1), np.int8(3)],
    {"a": 1, "b": 3}.values(),
    {1: "a", 3: "b"}.keys(),
    {1, 3},
    [Decimal("1.0"), Decimal(3)],
    np.array([Decimal(1), 3], object),
    EagerTensor([1.0, 3.0]),
    [EagerTensor(1.0), EagerTensor(3)],
    memoryview(b"\1\3"),
]


@pytest.mark.parametrize("values", NUMBERS, ids=lambda values: type(values).__name__)
def test_numbers_are_taken_from_wherever_they_are(values):
    assert as_array("the histogram 'h'", values).ravel().tolist() == [1, 3]
    assert batch_statistics("x", values)["x/mean"] == 2


def test_an_iterator_gives_its_numbers_once():
    assert as_array("the histogram 'h'", (n * 2 for n in range(3))).tolist() == [0, 2, 4]
    assert batch_statistics("x", map(float, "13"))["x/max"] == 3


def test_small_floats_are_read_where_numpy_was_taught_their_names(monkeypatch):
    monkeypatch.setitem(np.sctypeDict, "bfloat16", np.void)  # as importing JAX does
    assert as_array("the x", torch.ones(2, dtype=torch.bfloat16)).tolist() == [1, 1]


def test_integers_beyond_64_bits_are_counted_as_floats():
    assert batch_statistics("x", [2**70, loss(1.0)])["x/max"] == 2.0**70


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        (torch.ones(2, device="meta"), ValueError, "tensors on the meta device have no values"),
        ([torch.ones(1, device="meta")], ValueError, "tensors on the meta device have no values"),
        (torch.ones(0), ValueError, r"the histogram 'h' is empty: its shape is \(0,\)"),
        (iter([]), ValueError, "the histogram 'h' is empty"),
        ({"a": 1}, TypeError, r"the histogram 'h' is a dict: give its .values\(\)"),
        ([1.0, None], TypeError, r"a list of real numbers, not list \[1.0, None\]"),
        (map(str, [1]), TypeError, "a list of real numbers, not list of <U1"),
        (b"abc", TypeError, "a list of real numbers, not bytes"),
        ([loss(1.0), 1j], TypeError, "a list of real numbers, not list"),
        ([torch.ones(1), torch.ones(2)], ValueError, "the histogram 'h' cannot be made an array"),
    ],
)
def test_what_has_no_numbers_gets_a_sentence(values, error, words):
    with pytest.raises(error, match=words):
        as_array("the histogram 'h'", values)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (Decimal("1.5"), 1.5),
        (Decimal("-Infinity"), float("-inf")),
        (EagerTensor(2.5), 2.5),
        (EagerTensor(2**60 + 1), 2**60 + 1),
        (torch.tensor(1.5).to(torch.float8_e4m3fn), 1.5),
        (loss(2.0), 2.0),
    ],
)
def test_what_says_that_it_is_a_number_is_one(value, number):
    logged = as_number("x", value)
    assert (logged, type(logged)) == (number, type(number))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.ones((), device="meta"), "the scalar 'x' is a tensor on the meta device, where"),
        (torch.ones(0), r"the scalar 'x' should be one number .* not Tensor of shape \(0,\)"),
        (EagerTensor([1.0, 2.0]), r"should be one number .* not EagerTensor of shape \(2,\)"),
        (Decimal("sNaN"), "should be one number .* not Decimal"),
        (Decimal("1e400"), "the scalar 'x' is beyond the range of a 64-bit float"),
    ],
)
def test_what_is_not_one_number_gets_a_sentence(value, words):
    with pytest.raises(ValueError, match=words):
        as_number("x", value)
