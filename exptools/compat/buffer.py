"""Buffers as rlpyt has them: arrays for many samples, in the shape of one.

An example is an array, a number, None, or a named tuple of examples, at any depth.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from exptools.compat.named_schemas import namedarraytuple_like


def buffer_from_example(
    example: Any, leading_dims: int | Sequence[int], share_memory: bool = False
) -> Any:
    """Arrays of zeros with an example's names, types and shapes behind other dimensions.

    Args:
        example: one sample.
        leading_dims: how many samples, such as ``(time, batch)``.
        share_memory: whether processes forked later share them.

    Returns:
        a named tuple of arrays, an array for an example that is one, or None for None.

    Raises:
        TypeError: the example, or one of its fields, is no number or array of numbers.
    """
    if example is None:
        return None
    try:
        kind = namedarraytuple_like(example)
    except TypeError:
        return build_array(example, leading_dims, share_memory)
    return kind(*(buffer_from_example(field, leading_dims, share_memory) for field in example))


def build_array(
    example: Any, leading_dims: int | Sequence[int], share_memory: bool = False
) -> np.ndarray[Any, Any]:
    """See `buffer_from_example`: for an example that is one array."""
    array = np.asarray(example)
    if array.dtype == object:
        raise TypeError(f"a buffer's example should be made of numbers, not {example!r:.100}")
    leading = (leading_dims,) if isinstance(leading_dims, int) else tuple(leading_dims)
    make = np_mp_array if share_memory else np.zeros
    return make(leading + array.shape, array.dtype)


def np_mp_array(shape: Sequence[int], dtype: Any) -> np.ndarray[Any, Any]:
    """An array of zeros in memory that forked processes share."""
    size = int(np.prod(shape))
    memory = multiprocessing.RawArray("b", max(size, 1) * np.dtype(dtype).itemsize)
    return np.frombuffer(memory, dtype, count=size).reshape(shape)


def torchify_buffer(buffer_: Any) -> Any:
    """The buffer with tensors for its arrays, in the same memory."""
    import torch

    return _each(buffer_, lambda one: torch.from_numpy(one) if isinstance(one, np.ndarray) else one)


def numpify_buffer(buffer_: Any) -> Any:
    """The buffer with arrays for its tensors, in the same memory."""
    return _each(buffer_, lambda one: one if isinstance(one, np.ndarray) else one.numpy())


def buffer_to(buffer_: Any, device: Any = None) -> Any:
    """The buffer's tensors on a device.

    Raises:
        TypeError: it has arrays.
    """

    def move(one: Any) -> Any:
        if isinstance(one, np.ndarray):
            raise TypeError("an array cannot be moved to a device: call torchify_buffer before")
        return one.to(device)

    return _each(buffer_, move)


def buffer_method(buffer_: Any, method_name: str, *args: Any, **kwargs: Any) -> Any:
    """What a method of each array or tensor gives, as ``buffer_method(samples, "copy")``."""
    return _each(buffer_, lambda one: getattr(one, method_name)(*args, **kwargs))


def buffer_func(buffer_: Any, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a function gives for each array or tensor."""
    return _each(buffer_, lambda one: func(one, *args, **kwargs))


def get_leading_dims(buffer_: Any, n_dim: int = 1) -> Any:
    """The first dimensions, which all arrays share; None for None.

    Raises:
        ValueError: they do not.
    """
    found: list[tuple[int, ...]] = []
    _each(buffer_, lambda one: found.append(tuple(one.shape[:n_dim])))
    if len(set(found)) > 1:
        raise ValueError(f"the leading dimensions differ: {found}")
    return found[0] if found else None


def _each(buffer_: Any, change: Callable[[Any], Any]) -> Any:
    """The buffer with each array or tensor changed; None stays, and tuples keep their kind."""
    if buffer_ is None:
        return None
    if not isinstance(buffer_, tuple):
        return change(buffer_)
    fields = [_each(field, change) for field in buffer_]
    return buffer_._make(fields) if hasattr(buffer_, "_make") else tuple(fields)
