"""The library ``tabulate``, at the path where scripts of rlpyt and the original look for it."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["simple_separated_format", "tabulate"]


def tabulate(*args: Any, **kwargs: Any) -> str:
    """A table as text, by the function of that name of the library.

    Raises:
        ModuleNotFoundError: the library is not installed.
    """
    return str(_library().tabulate(*args, **kwargs))


def simple_separated_format(separator: str) -> Any:
    """A format for `tabulate` with something between the columns.

    Raises:
        ModuleNotFoundError: the library is not installed.
    """
    return _library().simple_separated_format(separator)


def _library() -> Any:
    try:
        return importlib.import_module("tabulate")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "exptools.logging.tabulate is the library tabulate, which is not installed: "
            "pip install tabulate"
        ) from error
