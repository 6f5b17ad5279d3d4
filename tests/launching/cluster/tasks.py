"""Tasks that agents run in the tests of this folder: an argument is a line of Python."""

from __future__ import annotations

import os
import time

from exptools import should_stop
from exptools.launching.jobs.worker import Result

__all__ = ["LineTask"]


class LineTask:
    """Runs its argument, which may set ``value``."""

    def prepare(self) -> None:
        """See `Task`."""

    def rehearse(self) -> None:
        """See `Task`."""

    def __call__(self, argument: bytes) -> Result:
        """See `Task`."""
        names = {"os": os, "time": time, "should_stop": should_stop, "value": None}
        exec(argument, names)
        return Result(names["value"])
