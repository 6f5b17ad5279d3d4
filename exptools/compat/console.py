"""Colours and directories for scripts of rllab's family: ``exptools.logging.console``."""

from __future__ import annotations

import os
from collections.abc import Callable

_NAMES = ("gray", "red", "green", "yellow", "blue", "magenta", "cyan", "white", "crimson")
color2num = {name: 30 + number for number, name in enumerate(_NAMES)}


def colorize(string: str, color: str, bold: bool = False, highlight: bool = False) -> str:
    """The text between the signs that have a terminal show it in a colour.

    Raises:
        ValueError: there is no colour of that name.
    """
    if color not in color2num:
        raise ValueError(f"there is no color {color!r}; there are {', '.join(color2num)}")
    number = color2num[color] + (10 if highlight else 0)
    return f"\x1b[{number}{';1' if bold else ''}m{string}\x1b[0m"


def mkdir_p(path: str | os.PathLike[str]) -> None:
    """Make a directory and those above it, unless it is there.

    Raises:
        OSError: it cannot be made; a file may be in its place.
    """
    if os.fspath(path):  # rlpyt asks for the directory of a bare file name
        os.makedirs(path, exist_ok=True)


def log(s: object) -> None:
    """Print a line at once."""
    print(s, flush=True)


def prefix_log(prefix: str, logger: Callable[[str], None] = log) -> Callable[[str], None]:
    """A function that says lines with something before each."""
    return lambda line: logger(prefix + line)
