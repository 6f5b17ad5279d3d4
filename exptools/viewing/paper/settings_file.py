"""Matplotlib's own settings, which it reads when it is imported: first of the current directory."""

from __future__ import annotations

import os
import stat
import sys

from exptools.viewing.errors import QueryError

NAME = "matplotlibrc"
MAX = 2**20  # bytes


def expect_plain_settings() -> None:
    """Raise QueryError where Matplotlib would wait for a pipe, or read what nobody has written.

    The directory in which one looks at somebody's runs may be his. The commands leave that file
    out (`exptools.viewing.cli`); a program's or a notebook's own figures may need it.
    """
    if "matplotlib" in sys.modules:
        return
    try:
        info = os.stat(NAME)
    except OSError:  # there is none, or nobody may read it
        return
    if stat.S_ISDIR(info.st_mode) or (stat.S_ISREG(info.st_mode) and info.st_size <= MAX):
        return
    raise QueryError(
        f"{NAME} in the current directory is no small file, and Matplotlib reads it before it "
        "draws: remove it, or go to another directory"
    )
