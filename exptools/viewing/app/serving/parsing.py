"""A request as waitress reads it, in a time that grows as its length does and no faster.

Waitress reads all requests in one loop, so what takes long there keeps everybody waiting. Three
things did, for whoever may connect: chunks, of which each copies what has come after it; and two
of its patterns, for addresses with a host and for blanks before a value, that look at each
character once for each of the others.
"""

from __future__ import annotations

import re

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import Error

MOST_HEADERS = 100  # lines; a browser sends twenty
_FIRST_LINE = re.compile(rb"[^ ]+ [^ ]+(?: HTTP/[0-9]\.[0-9])?")
_BLANKS = re.compile(rb"[ \t]{64}|\n[ \t]")  # or a line that goes on in the next one


class LengthRequiredError(Error):  # type: ignore[misc]
    """The answer to chunks: neither a browser nor nginx sends them."""

    code = 411
    reason = "Length Required"


class Request(HTTPRequestParser):  # type: ignore[misc]
    """One request; after one that is refused nothing more is heard."""

    def received(self, data: bytes) -> int:
        """See ``HTTPRequestParser``."""
        taken = int(super().received(data))
        if self.chunked:  # known with the last header
            self.error, self.completed = LengthRequiredError(""), True
        if self.error is None:
            return taken
        self.expect_continue = False
        return len(data)

    def parse_header(self, header_plus: bytes) -> None:
        """See ``HTTPRequestParser``."""
        first, _, headers = header_plus.partition(b"\r\n")
        if not _FIRST_LINE.fullmatch(first.rstrip()):
            raise ParsingError("the first line is none of a request")
        if headers.count(b"\n") > MOST_HEADERS or _BLANKS.search(headers):
            raise ParsingError("the headers are none that a browser sends")
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # an address or a length that Python does not take
            raise ParsingError(str(error)) from error
