"""Lines of text: on standard output, and in the files of a run that hold such lines."""

from __future__ import annotations

import contextlib
import sys
from datetime import datetime
from pathlib import Path

from exptools.logging.writers.append_file import AppendFile

_NAMES = ("gray", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_COLORS = {name: 30 + number for number, name in enumerate(_NAMES)}


def stamped(line: str) -> str:
    """The line behind the time that it is now."""
    return f"{datetime.now():%Y-%m-%d %H:%M:%S.%f} | {line}"


def say(line: str, color: str | None = None) -> None:
    """Print a line, in a colour where a terminal shows it.

    Raises:
        ValueError: there is no colour of that name.
    """
    if color is not None and color not in _COLORS:
        raise ValueError(f"there is no color {color!r}; there are {', '.join(_COLORS)}")
    # Whoever closes standard output has not asked for the training to end.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        coloured = color is not None and sys.stdout.isatty()
        print(f"\x1b[{_COLORS[color]}m{line}\x1b[0m" if color and coloured else line, flush=True)


def append_line(path: Path, line: str) -> None:
    """Add a line to a file; the operating system has it when this returns.

    Raises:
        LoggingError: it cannot be written.
    """
    file = AppendFile(path, keep=True)
    try:
        file.append(f"{line}\n".encode(errors="replace"))
    finally:
        file.close()
