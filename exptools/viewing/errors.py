"""What the viewer refuses, each error with the sentence that helps."""

from __future__ import annotations

import os


class QueryError(ValueError):
    """What was asked for is not there or makes no sense; the message says what to ask instead."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the caller's lines and the sentence, not the viewer's own lines."""
        import traceback  # an error may take its time

        own = os.path.dirname(__file__) + os.sep
        frames = traceback.extract_tb(self.__traceback__)[1:]  # the first is IPython's
        theirs = [frame for frame in frames if not frame.filename.startswith(own)]
        return [*traceback.format_list(theirs), f"{type(self).__name__}: {self}"]


class UsageError(Exception):
    """The command cannot be followed as it was given; the message says why and what to do."""


class NothingError(Exception):
    """There is nothing to do the command with; the message says what is missing."""
