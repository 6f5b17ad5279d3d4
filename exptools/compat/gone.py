"""Names of the original that cannot be had: they import, and say when called what to do."""

from __future__ import annotations

from typing import Any, NoReturn, Protocol


class _Gone(Protocol):
    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn: ...


def gone(name: str, instead: str) -> _Gone:
    """A function that stands for one of the original's, and raises NotImplementedError.

    Args:
        name: as the script has imported it.
        instead: what to do, as the end of a sentence.
    """

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{name} of the original exptools is not here: {instead}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Not here: {instead}."
    return refuse
