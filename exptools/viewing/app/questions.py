"""Questions that the page's own scripts ask by POST, as JSON, and their answers."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from dash import Dash
from flask import Response, abort, request

from exptools.plain_json import parse_json

Question = TypeVar("Question")

LARGEST = 2**20  # bytes of a question: it may name many selected runs
SPEED = 4  # of gzip
WORTH = 1000  # bytes, to be compressed


def register(
    app: Dash, route: str, read: Callable[[bytes], Question], answer: Callable[[Question], str]
) -> None:
    """Answer at a route, in JSON. It is POST, for a selection may be too long for an address.

    ``read`` raises ValueError for what is no such question; the message says why.
    """

    def answered() -> Response:
        if (request.content_length or 0) > LARGEST:
            abort(413)
        try:
            question = read(request.get_data())
        except ValueError as error:
            abort(400, description=f"This is no question for {route}: {error}.")
        return _sent(answer(question).encode())

    app.server.add_url_rule(f"/{route}", route, answered, methods=["POST"])


def parts_of(text: bytes) -> Mapping[str, Any]:
    """The object that a question is.

    Raises:
        ValueError: it is none; the message says why.
    """
    given = parse_json(text)
    if not isinstance(given, dict):
        raise ValueError("it is no object")
    return given


def _sent(text: bytes) -> Response:
    response = Response(text, mimetype="application/json")
    response.headers["Vary"] = "Accept-Encoding"
    if len(text) >= WORTH and request.accept_encodings["gzip"]:
        response.set_data(gzip.compress(text, SPEED, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response
