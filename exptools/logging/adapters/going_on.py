"""When a library's training goes on where one ended, so does the run: libraries do not say it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from exptools.logging.run_logger import Logger


def go_on(logger: Logger, last_step: Callable[[], int | None]) -> None:
    """Keep the rows of the attempt before, up to a step; where a row has ended, do nothing.

    Args:
        logger: whose run it is.
        last_step: gives the step; None where the training starts afresh, and so does the run.
    """
    if logger._current.use(lambda run: run.may_resume):
        last = last_step()
        if last is not None:
            logger.resume(last)


def calling(kind: type) -> Any:
    """The object of a kind whose method has called a logger, and waits; None where there is none.

    Not to be asked all the time: looking into frames makes them keep what they forget else.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, kind):
            return caller
        frame = frame.f_back
    return None
