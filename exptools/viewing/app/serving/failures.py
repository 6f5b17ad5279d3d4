"""What the terminal is told of an error in a callback: once what went wrong where, and no more.

Who asks the same again and again, or by an address with escape codes in it, fills no terminal.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TextIO, cast

from flask import Flask
from flask.logging import wsgi_errors_stream

from exptools.visible import visible_lines

MOST = 50  # different errors that are told
Told = tuple[type[BaseException] | None, str, int]


def register(server: Flask) -> None:
    """Log on the standard error what Flask and waitress log, made visible, each error once."""
    handler = logging.StreamHandler(cast(TextIO, wsgi_errors_stream))
    handler.setFormatter(VisibleFormatter("exptools-dash: %(message)s"))
    handler.addFilter(_Once().is_new)
    for logger in (server.logger, logging.getLogger("waitress")):
        logger.handlers[:] = [handler]
    logging.getLogger("waitress").setLevel(logging.ERROR)  # that a browser went away is no news


class VisibleFormatter(logging.Formatter):
    """Formats what is logged, its traceback too, so that it does nothing to a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        return visible_lines(super().format(record))


class _Once:
    """Lets an error pass the first time that it comes from a place."""

    def __init__(self) -> None:
        self._told: set[Told] = set()

    def is_new(self, record: logging.LogRecord) -> bool:
        """Whether nobody has been told of this yet."""
        kind, _, trace = record.exc_info or (None, None, None)
        place = _place(trace) if trace else (record.pathname, record.lineno)
        if (kind, *place) in self._told or len(self._told) >= MOST:
            return False
        self._told.add((kind, *place))
        return True


def _place(trace: TracebackType) -> tuple[str, int]:
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno
