"""Arrays out of what users have (NumPy arrays, tensors, lists), and statistics of their numbers.

Imports NumPy, so it is imported when the first array is logged.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from exptools.logging.rows.row import Number

Array: TypeAlias = npt.NDArray[Any]


def as_array(what: str, value: object) -> Array:
    """The value as a NumPy array of numbers.

    Args:
        what: names the value in errors, as "the image 'eval/frame'".
        value: an array, a tensor (on any device, with or without gradient), a list of numbers,
            or anything else with ``__array__``.

    Raises:
        TypeError: it holds no real numbers.
        ValueError: it is empty, ragged or masked.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{what} is a masked array: say what is masked with .filled(…)")
    try:
        array = np.asarray(_as_numpys(value))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{what} cannot be made an array: {error}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{what} should be an array, a tensor or a list of real numbers, "
            f"not {type(value).__name__} {_described(array, value)}"
        )
    if array.size == 0:
        raise ValueError(f"{what} is empty: its shape is {array.shape}")
    return array


def batch_statistics(tag: str, array: Any) -> dict[str, Number]:
    """``tag/mean``, ``/std`` (of the population), ``/min``, ``/max``, and ``/count`` without NaNs.

    Where nothing is left to count, the others are NaN.

    Raises:
        TypeError: it is no array, tensor or sequence of real numbers.
    """
    numbers = _as_floats(tag, array)
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


def _as_floats(tag: str, array: Any) -> Array:
    if isinstance(array, np.ma.MaskedArray):
        array = array.compressed()
    try:
        numbers = np.asarray(_as_numpys(array))
        if numbers.dtype.kind not in "biuf":
            raise TypeError(numbers.dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"the batch {tag!r} should be an array, tensor or sequence of real numbers, "
            f"not {type(array).__name__} {array!r:.60}"
        ) from error
    return numbers.astype(np.float64, copy=False).ravel()


def _as_numpys(value: Any) -> Any:
    if not callable(getattr(value, "detach", None)):
        return value
    tensor = value.detach().cpu()
    # NumPy has no bfloat16, nor the smaller floats; float32 holds all of them exactly.
    is_numpys = str(tensor.dtype).removeprefix("torch.") in np.sctypeDict
    return tensor if is_numpys else tensor.float()


def _described(array: Array, value: object) -> str:
    return f"of {array.dtype}" if array.ndim else f"{value!r:.60}"
