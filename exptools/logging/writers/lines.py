"""Lines of text: on standard output, and in the files of a run that hold such lines."""

from __future__ import annotations

import contextlib
import sys
from datetime import datetime
from pathlib import Path

from exptools.logging.errors import as_logging_error
from exptools.logging.writers.append_file import AppendFile, Place
from exptools.plain_files import read_plain, refuse_others_below
from exptools.rundir import write_atomic

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


def append_line(path: Path, line: str, run_dir: Path) -> None:
    """Add a line to a file; the operating system has it when this returns.

    To be called in the process's turn to write to the run.

    Raises:
        LoggingError: it cannot be written, or a link leads to it from the run's directory.
    """
    with as_logging_error(path):
        refuse_others_below(run_dir, path)
    content = f"{line}\n".encode(errors="replace")
    file = AppendFile(path, keep=True)
    try:
        if file.look() is not Place.LINKED:
            file.append(content)
            return
    finally:
        file.close()
    with as_logging_error(path):  # a backup has the file, too, which should stay as it is
        write_atomic(path, read_plain(path) + content)
