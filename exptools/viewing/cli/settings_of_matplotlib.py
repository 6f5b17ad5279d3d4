"""Matplotlib as the commands have it: without the settings that stand in the current directory."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from pathlib import Path


def leave_out_those_of_here() -> None:
    """Import Matplotlib from another directory, so that it never reads the settings of this one.

    It runs some of what stands in a ``matplotlibrc``. The directory in which one looks at
    somebody's runs may be his, also hours later, and our figures need none of it.
    """
    try:
        here = os.getcwd()
        os.chdir(here)
    except OSError:  # it is gone, or nobody may enter it: then nothing of it can be read
        return
    os.chdir(Path(__file__).parent)
    try:
        with suppress(ImportError):  # who draws says so
            import_module("matplotlib")
    finally:
        os.chdir(here)
