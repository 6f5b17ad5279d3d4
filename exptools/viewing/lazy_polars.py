"""Polars as ``pl``, loaded when it is first used: to find and filter runs needs none of it.

Once polars has computed anything it has threads, which a fork has not: there it waits for them for
ever. Instead of that it is an error to use it there.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from exptools.viewing.errors import QueryError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["pl"]

_THREAD = re.compile(r"polars-\d")  # what those are called that its work is given to
_TASKS = "/proc/self/task"


class _Polars(ModuleType):
    """Loads polars when the first of its attributes is asked for."""

    had_threads = False  # when this process was about to fork
    is_fork = False  # of a process in which it had

    def __getattr__(self, attribute: str) -> Any:
        if self.is_fork:
            raise QueryError(
                "this process is a fork of one that had read metrics, and polars, which reads "
                'them, would wait here for ever: take multiprocessing.get_context("spawn"), or '
                "joblib"
            )
        return getattr(import_module("polars"), attribute)

    def look(self) -> None:
        """Before a fork: see whether it has threads."""
        self.had_threads = "polars" in sys.modules and any(map(_THREAD.match, _thread_names()))

    def begin_fork(self) -> None:
        """In a fork: the threads are gone."""
        self.is_fork = self.is_fork or self.had_threads


def _thread_names() -> list[str]:
    """Those of this process, where the system tells them."""
    names = []
    with contextlib.suppress(OSError):  # no Linux
        for thread in os.listdir(_TASKS):
            with contextlib.suppress(OSError), open(f"{_TASKS}/{thread}/comm") as file:
                names.append(file.read())
    return names


if not TYPE_CHECKING:
    pl = _Polars("polars")
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
        os.register_at_fork(before=pl.look, after_in_child=pl.begin_fork)
