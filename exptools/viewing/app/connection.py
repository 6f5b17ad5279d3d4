"""How a page knows whether the server that it asks is there, and still the same one.

``assets/connection.js`` waits for one that does not answer, and says so. Each answer names what is
served: on the same port there may be another viewer one day.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version

from flask import Flask, Response

from exptools.viewing.index import Index

ROUTE = "_alive"
HEADER = "X-Served"


def served(index: Index) -> str:
    """The name of what is served: equal for the same roots and the same version of exptools."""
    what = repr((_version(), [str(root.absolute()) for root in index.roots]))
    return hashlib.sha256(what.encode(errors="surrogateescape")).hexdigest()[:16]


def _version() -> str:
    try:
        return version("hydra-exptools")
    except PackageNotFoundError:  # it is run from where its sources are
        return ""


def tag(index: Index) -> str:
    """What the page's head says of what it is of."""
    return f'<meta name="served" content="{served(index)}">'


def register(server: Flask, index: Index) -> None:
    """Answer at once whoever asks whether anybody is there."""
    name = served(index)

    def alive() -> Response:
        return Response(status=204)

    @server.after_request
    def say_what(response: Response) -> Response:
        if response.status_code not in (401, 403):  # it is nothing for strangers
            response.headers[HEADER] = name
        return response

    server.add_url_rule(f"/{ROUTE}", ROUTE, alive, methods=["GET"])
