"""Matplotlib as the commands have it: without the settings that stand in the current directory."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from pathlib import Path

NAME = "matplotlibrc"  # Matplotlib reads it when it is imported, and runs some of what it says


def leave_out_those_of_here() -> None:
    """Import Matplotlib from another directory, so that it never reads the settings of this one.

    The directory in which one looks at somebody's runs may be his, and our figures need none of
    them. Where there are none, nothing is imported: that takes time.
    """
    if not os.path.lexists(NAME):
        return
    here = os.getcwd()
    os.chdir(Path(__file__).parent)
    try:
        with suppress(ImportError):  # the command says so, if it draws at all
            import_module("matplotlib")
    finally:
        os.chdir(here)
