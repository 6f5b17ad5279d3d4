"""Arrays out of what users have: NumPy arrays, tensors, lists. Imported when first needed."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

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
        array = np.asarray(_off_torch(value))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{what} cannot be made an array: {error}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{what} should be an array, a tensor or a list of real numbers, "
            f"not {type(value).__name__} {_shown(array, value)}"
        )
    if array.size == 0:
        raise ValueError(f"{what} is empty: its shape is {array.shape}")
    return array


def _off_torch(value: Any) -> Any:
    if not callable(getattr(value, "detach", None)):
        return value
    tensor = value.detach().cpu()
    # NumPy has no bfloat16, nor the smaller floats; float32 holds all of them exactly.
    is_numpys = str(tensor.dtype).removeprefix("torch.") in np.sctypeDict
    return tensor if is_numpys else tensor.float()


def _shown(array: Array, value: object) -> str:
    return f"of {array.dtype}" if array.ndim else f"{value!r:.60}"
