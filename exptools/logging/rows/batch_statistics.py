"""Statistics of an array of numbers, those that are NaN left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from exptools.logging.rows.rows import Number

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray


def statistics(tag: str, array: Any) -> dict[str, Number]:
    """``tag/mean``, ``/std`` (of the population), ``/min``, ``/max``, and ``/count`` without NaNs.

    Where nothing is left to count, the others are NaN.

    Args:
        tag: what the array is called.
        array: real numbers of any shape: an array, a tensor, or a sequence.

    Raises:
        TypeError: it holds something else.
    """
    import numpy as np

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


def _as_floats(tag: str, array: Any) -> NDArray[float64]:
    import numpy as np

    if isinstance(array, np.ma.MaskedArray):
        array = array.compressed()
    if callable(getattr(array, "detach", None)):  # a tensor, with a gradient or on a GPU
        array = array.detach().cpu()
    try:
        numbers = np.asarray(array)
        if numbers.dtype.kind not in "biuf":
            raise TypeError(numbers.dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"the batch {tag!r} should be an array, tensor or sequence of real numbers, "
            f"not {type(array).__name__} {array!r:.60}"
        ) from error
    return numbers.astype(np.float64, copy=False).ravel()
