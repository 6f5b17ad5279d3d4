"""What the viewer refuses, each error with the sentence that helps."""

from __future__ import annotations


class QueryError(ValueError):
    """What was asked for is not there or makes no sense; the message says what to ask instead."""


class UsageError(Exception):
    """The command cannot be followed as it was given; the message says why and what to do."""


class NothingError(Exception):
    """There is nothing to do the command with; the message says what is missing."""


class NoRunError(QueryError, NothingError):
    """What was asked for leaves no run; the message says why."""
