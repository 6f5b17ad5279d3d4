"""What stands between the brackets of ``runs[…]``: positions, names, masks, and runs."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from exptools.hints import suggestion
from exptools.viewing.errors import QueryError
from exptools.viewing.run import Run
from exptools.viewing.wording import shortened

_TAKEN = "runs are taken by position, name, slice, a list of these, or a mask of true and false"


def position(which: Any, runs: Sequence[Run], names: Mapping[str, int]) -> int:
    """Where one run stands among runs whose ``names`` have their places.

    Raises:
        QueryError: no run has this name, or it is another run's.
        IndexError: there are fewer runs.
        TypeError: it is neither name nor number.
    """
    if isinstance(which, Run):
        at = position(which.name, runs, names)
        if runs[at].directory != which.directory:
            raise QueryError(f"the run in {which.directory} is not here, though one of its name is")
        return at
    if isinstance(which, str):
        if which not in names:
            raise QueryError(f"there is no run {which!r}; {suggestion(which, names)}")
        return names[which]
    if _is_truth(which) or isinstance(which, bytes):
        raise TypeError(f"{shortened(repr(which))} is no run; {_TAKEN}")
    try:
        number = operator.index(which)  # NumPy's integers are some, too
    except TypeError:
        raise TypeError(f"{shortened(repr(which))} is no run; {_TAKEN}") from None
    if not -len(names) <= number < len(names):
        raise IndexError(f"there is no run {number}: there are {len(names)}")
    return number % len(names)


def positions(several: Iterable[Any], runs: Sequence[Run], names: Mapping[str, int]) -> list[int]:
    """Where several runs stand: in the order in which they are named, each once.

    In a mask null is false, as where a run lacks the key that was compared. One of pandas goes by
    its index, as it does there.
    """
    if hasattr(several, "columns"):
        raise TypeError('a frame is no choice of runs: give its names, as in runs[frame["name"]]')
    given = list(several)
    if not any(map(_is_truth, given)):
        return list(dict.fromkeys(position(which, runs, names) for which in given))
    if not all(map(_is_truth, given)):
        raise TypeError(f"a mask has true and false only; {_TAKEN}")
    if len(given) != len(names):
        raise QueryError(f"a mask of {len(given)} values does not fit {len(names)} runs")
    places = _places_of(several, names)
    chosen = (at for at, one in zip(places, given, strict=True) if not _is_null(one) and one)
    return sorted(chosen)


def _places_of(mask: Iterable[Any], names: Mapping[str, int]) -> Iterable[int]:
    """Where the runs stand that the values of a mask are of: those that its index names, if any."""
    index = getattr(mask, "index", None)
    if index is None or callable(index):  # a list's is a method
        return range(len(names))
    labels = list(index)
    for places in (names, {at: at for at in range(len(names))}):
        if len(set(labels)) == len(labels) and all(label in places for label in labels):
            return [places[label] for label in labels]
    raise QueryError(
        "the mask's index has neither the names of these runs nor their positions; "
        "if it is in their order, give mask.to_numpy()"
    )


def _is_truth(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_)) or _is_null(value)


def _is_null(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType"  # pandas', which has no truth
