"""Arrays out of what users have (NumPy arrays, tensors, lists), and statistics of their numbers.

Imports NumPy, so it is imported when the first array is logged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from exptools.logging.rows.row import Number, as_number

Array: TypeAlias = npt.NDArray[Any]


def as_array(what: str, value: object) -> Array:
    """The value as a NumPy array of real numbers, one at least.

    Args:
        what: names the value in errors, as "the image 'eval/frame'".
        value: an array or tensor (on any device, of any floats, with or without gradient), a
            number, or any iterable of these: a list of losses, a view of a dict, a generator.

    Raises:
        TypeError: it holds no real numbers.
        ValueError: it is empty, ragged, masked, or a tensor without values.
    """
    array = as_numbers(what, value)
    if array.size == 0:
        raise ValueError(f"{what} is empty: its shape is {array.shape}")
    return array


def batch_statistics(tag: str, array: Any) -> dict[str, Number]:
    """``tag/mean``, ``/std`` (of the population), ``/min``, ``/max``, and ``/count`` without NaNs.

    Where nothing is left to count, the others are NaN.

    Raises:
        TypeError, ValueError: as :func:`as_array`, but it may be empty, and what is masked does
            not count.
    """
    if isinstance(array, np.ma.MaskedArray):
        array = array.compressed()
    numbers = as_numbers(f"the batch {tag!r}", array).astype(np.float64, copy=False).ravel()
    mean = std = low = high = math.nan
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values have no deviation
        if numbers.size:
            mean = float(numbers.mean())
        if mean != mean and numbers.size:  # noqa: PLR0124 (NaN): only now a look for it is worth it
            numbers = numbers[~np.isnan(numbers)]
            mean = float(numbers.mean()) if numbers.size else math.nan
        if numbers.size:
            distance = numbers - mean
            std = math.sqrt(float(distance @ distance) / numbers.size)
            low, high = float(numbers.min()), float(numbers.max())
    return {
        f"{tag}/mean": mean,
        f"{tag}/std": std,
        f"{tag}/min": low,
        f"{tag}/max": high,
        f"{tag}/count": int(numbers.size),
    }


def as_numbers(what: str, value: object) -> Array:
    """As :func:`as_array`, but it may be empty."""
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{what} is a masked array: say what is masked with .filled(…)")
    if isinstance(value, Mapping):
        raise TypeError(f"{what} is a {type(value).__name__}: give its .values()")
    if isinstance(value, Iterable) and not isinstance(value, list | tuple | str | bytes):
        value = value if _is_array(value) else list(value)
    try:
        array = _to_numpy(value)
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, TypeError):
            raise TypeError(_refusal(what, value)) from error
        raise ValueError(f"{what} cannot be made an array: {error}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(_refusal(what, value, f"of {array.dtype}" if array.ndim else ""))
    return array


def _to_numpy(value: Any) -> Array:
    if _is_tensor(value):
        return _tensor_to_numpy(value)
    if isinstance(value, list | tuple) and value and _is_tensor(value[0]):
        return np.array(_in_numpys_words(value))
    try:
        array: Array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        if not isinstance(value, list | tuple):
            raise
        array = np.array(_in_numpys_words(value))
    if array.dtype.kind == "O":
        plain = _in_numpys_words(array.tolist())
        array = np.array(plain)
        if array.dtype.kind == "O":  # integers beyond 64 bits
            array = np.array(plain, np.float64)
    # The small floats of ml_dtypes, JAX's and TensorFlow's, are none of NumPy's own.
    is_small_float = array.dtype.kind == "V" and array.dtype.type is not np.void
    return array.astype(np.float32) if is_small_float else array


def _in_numpys_words(value: Any) -> Any:
    """A number, tensor or array, or nested lists of these, so that NumPy takes it."""
    if _is_tensor(value):
        return _tensor_to_numpy(value)
    if _is_array(value):
        return _to_numpy(value)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return [_in_numpys_words(item) for item in value]
    return as_number("", value)


def _tensor_to_numpy(value: Any) -> Array:
    if getattr(value, "is_meta", False):
        raise ValueError("tensors on the meta device have no values")
    tensor = value.detach().cpu()
    try:
        return np.asarray(tensor)
    except TypeError:
        # NumPy has no sparse tensors, no bfloat16, nor the smaller floats; float32 holds all these.
        return np.asarray(tensor.to_dense().float())


def _is_tensor(value: object) -> bool:
    return callable(getattr(value, "detach", None))


def _is_array(value: object) -> bool:
    return hasattr(value, "__array__") or isinstance(value, memoryview)


def _refusal(what: str, value: object, of: str = "") -> str:
    return (
        f"{what} should be an array, a tensor or a list of real numbers, "
        f"not {type(value).__name__} {of or f'{value!r:.60}'}"
    )
