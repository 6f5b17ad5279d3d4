"""The guard before the app: whom it lets in, and what a browser may do with the answers.

``docs/security.md`` says against whom, and what is left to the user.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from flask import Flask, Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from exptools.viewing.app.access import Access
from exptools.viewing.app.scripts import LIBRARIES

TOKEN = "token"
READING = ("GET", "HEAD", "OPTIONS")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",  # who has opened it has no hold on its window
}


def guard(server: Flask, access: Access, scripts: Sequence[str]) -> None:
    """Let nobody else in, and set the headers of every answer that has not set them itself.

    ``scripts`` are the hashes of the page's own inline scripts, as a policy spells them.
    """
    headers = HEADERS | {"Content-Security-Policy": page_policy(scripts)}

    @server.before_request
    def refuse_others() -> AnyResponse | None:
        if not access.answers_to(request.host):
            _refuse(403, "exptools-dash does not answer to this name; --allow-host adds one")
        origin = request.headers.get("Origin", "")
        sends = request.method not in READING and "Origin" in request.headers
        if sends and not access.takes_from(origin, request.host, secure=request.is_secure):
            _refuse(403, "exptools-dash takes nothing from the pages of other sites")
        if _is_asked_by_another_site() and not _is_visit():
            _refuse(403, "exptools-dash is no part of the pages of other sites")
        return None if access.token is None else _admit(access)

    @server.after_request
    def set_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if not request.path.startswith(LIBRARIES):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def page_policy(scripts: Sequence[str]) -> str:
    """The page's Content-Security-Policy: our own files, and from nowhere else anything.

    Styles are the exception: Plotly, Mantine and ag-grid write style elements as they go.
    """
    return (
        f"default-src 'none'; script-src 'self' {' '.join(scripts)}; connect-src 'self'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self'; "
        "font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def script_hash(script: str) -> str:
    """The hash of an inline script as a policy spells it."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _is_asked_by_another_site() -> bool:
    """Whether the browser says so; it does for our own machine's addresses, and with TLS."""
    return request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")


def _is_visit() -> bool:
    """Whether a person is on the way here: by a link, and not a picture, a frame or a script."""
    asked = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
    return request.method in READING and asked == ("navigate", "document")


def _admit(access: Access) -> AnyResponse | None:
    """None for whoever has the token, or the way to an address without it: it becomes a cookie."""
    # A cookie belongs to all ports of a host, so its name says which one is meant.
    cookie = "exptools-" + re.sub(r"\W", "-", request.host)
    given = request.args.get(TOKEN)
    told = given is not None and access.admits(given)
    if not told and not access.admits_cookie(request.cookies.get(cookie, "")):
        _refuse(401, "exptools-dash asks for its token: open the address that it printed")
    if given is None or request.method != "GET":
        return None
    answer = redirect(_without_token(access), 303)
    if told:
        answer.set_cookie(
            *(cookie, access.cookie()),
            path=access.prefix,
            httponly=True,
            samesite="Lax",  # a link to a view, followed from elsewhere, should find its reader
            secure=request.is_secure,
        )
    return answer


def _without_token(access: Access) -> str:
    rest = [(name, value) for name, value in request.args.items(multi=True) if name != TOKEN]
    question = f"?{urlencode(rest)}" if rest else ""
    # With two slashes, or one and a backslash, it would begin with the name of another server.
    return f"{access.prefix}{quote(request.path.lstrip('/'))}{question}"


def _refuse(status: int, sentence: str) -> None:
    abort(AnyResponse(f"{sentence}\n", status, content_type="text/plain; charset=utf-8"))
