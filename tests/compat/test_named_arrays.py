"""Named tuples of arrays, their schemas, and buffers of them, as rlpyt's scripts use them."""

import copy
import pickle
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
import torch

from exptools.buffer import (
    buffer_from_example,
    buffer_func,
    buffer_method,
    buffer_to,
    get_leading_dims,
    numpify_buffer,
    torchify_buffer,
)
from exptools.collections import (  # type: ignore[attr-defined]
    NamedArrayTupleSchema,
    NamedArrayTupleSchema_like,
    NamedTupleSchema,
    is_namedarraytuple,
    is_namedarraytuple_class,
    is_namedtuple,
    is_namedtuple_class,
    namedarraytuple,
    namedarraytuple_like,
)

Points = namedarraytuple("Points", ["x", "y"])
Step = namedarraytuple("Step", "observation info")
Plain = namedtuple("Plain", "x y")
Schema = NamedArrayTupleSchema("Points", "x, y")
KINDS_OF = (Points, Plain, Schema)

KINDS = pytest.mark.parametrize("kind", [Points, Schema], ids=["class", "schema"])


@KINDS
def test_an_index_reaches_into_every_field(kind: Any) -> None:
    points = kind(np.arange(4), y=np.arange(4) * 10)
    assert points[1] == kind(1, 10)
    assert points[1:3].y.tolist() == [10, 20]
    points[1] = 7
    assert (points.x.tolist(), points.y.tolist()) == ([0, 7, 2, 3], [0, 7, 20, 30])
    points[:2] = kind(np.array([5, 6]), -1)
    assert (points.x.tolist(), points.y.tolist()) == ([5, 6, 2, 3], [-1, -1, 20, 30])
    assert points.shape == kind((4,), (4,))


@KINDS
def test_it_is_a_tuple_with_names(kind: Any) -> None:
    points = kind(1, 2)
    x, y = points
    assert (x, y, points.get(0), len(points), points) == (1, 2, 1, 2, (1, 2))
    assert dict(points.items()) == points._asdict() == {"x": 1, "y": 2}
    assert "x" in points
    assert 1 not in points, "fields are looked for, not values"
    assert points._replace(y=3) == kind(1, 3)
    assert repr(points) == "Points(x=1, y=2)"
    for other in (copy.copy(points), copy.deepcopy(points), pickle.loads(pickle.dumps(points))):
        assert (type(other), other, other.y) == (type(points), points, 2)


@KINDS
def test_fields_that_are_none_or_tuples_themselves_are_gone_into(kind: Any) -> None:
    step = Step(np.zeros((3, 2)), kind(np.arange(3), None))
    assert step[2].info == kind(2, None)
    step[0] = 1
    assert step.info.x.tolist() == [1, 1, 2]
    step[1] = Step(5, kind(8, None))
    assert (step.observation[1].tolist(), step.info.x.tolist()) == ([5, 5], [1, 8, 2])


@KINDS
def test_what_does_not_fit_is_told_with_its_field(kind: Any) -> None:
    points = kind(np.arange(4), np.arange(2))
    with pytest.raises(IndexError, match="field 'y' of Points: index 3"):
        points[3]
    with pytest.raises(ValueError, match="field 'y' of Points: could not broadcast"):
        points[:] = np.arange(4)
    with pytest.raises(TypeError):
        kind(1)
    with pytest.raises(AttributeError):
        points.x = 3


def test_names_that_methods_have_are_refused() -> None:
    for make in (namedarraytuple, NamedArrayTupleSchema):
        with pytest.raises(ValueError, match="'items'"):
            make("Bad", ["x", "items"])
    with pytest.raises(ValueError, match="'_x'"):
        NamedTupleSchema("Bad", "_x")
    assert namedarraytuple("Box", ["shape"])(shape=3).shape == 3


def test_classes_are_told_apart_as_rlpyt_does() -> None:
    made, plain = namedarraytuple("P", "x", return_namedtuple_cls=True, classname_suffix=True)
    assert (made.__name__, plain.__name__) == ("P_nat", "P_nt")
    assert made.__mro__ == (made, plain, tuple, object), "by which rlpyt knows them"
    assert is_namedarraytuple_class(made)
    assert is_namedtuple_class(plain)
    assert not is_namedtuple_class(made)
    assert not is_namedarraytuple_class(plain)
    assert not is_namedtuple_class(tuple)
    assert is_namedarraytuple(Points(1, 2))
    assert is_namedtuple(Plain(1, 2))
    assert not is_namedtuple((1, 2))


@pytest.mark.parametrize("example", [*KINDS_OF, *(kind(1, 2) for kind in KINDS_OF)])
def test_a_class_like_an_example_has_its_names(example: Any) -> None:
    made = namedarraytuple_like(example)
    assert is_namedarraytuple_class(made)
    assert made._fields == NamedArrayTupleSchema_like(example)._fields == ("x", "y")
    with pytest.raises(TypeError, match="not list"):
        namedarraytuple_like([example])


@pytest.mark.parametrize("share_memory", [False, True])
def test_a_buffer_has_an_examples_shape_behind_the_leading_dimensions(share_memory: bool) -> None:
    example = Step(np.zeros(3, np.float32), Plain(1, None))
    buffer = buffer_from_example(example, (5, 2), share_memory=share_memory)
    assert buffer.observation.shape == (5, 2, 3)
    assert buffer.observation.dtype == np.float32
    assert (buffer.info.x.shape, buffer.info.y) == ((5, 2), None)
    assert get_leading_dims(buffer, 2) == (5, 2)
    tensors = torchify_buffer(buffer)
    tensors.observation[0, 1] = 4
    assert buffer.observation[0, 1].tolist() == [4, 4, 4], "one memory"
    assert numpify_buffer(tensors).observation is not None
    assert buffer_to(tensors, "cpu").info.x.device.type == "cpu"
    assert buffer_method(buffer, "sum").observation == 12
    assert buffer_func((buffer, None), torch.from_numpy)[0].info.x.shape == (5, 2)


def test_what_cannot_be_a_buffer_is_refused() -> None:
    assert buffer_from_example(None, 3) is None
    with pytest.raises(TypeError, match="made of numbers"):
        buffer_from_example(Points(object(), 1), 3)
    with pytest.raises(ValueError, match="leading dimensions differ"):
        get_leading_dims(Points(np.zeros(3), np.zeros(4)))
    with pytest.raises(TypeError, match="call torchify_buffer before"):
        buffer_to(Points(np.zeros(3), np.zeros(4)), "cpu")
