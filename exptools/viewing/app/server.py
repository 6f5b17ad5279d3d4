"""The web server: the app with its guard before it, at a free port until Ctrl-C."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from dash import Dash, html
from flask import Flask, has_request_context, request

from exptools.viewing.app import connection, scripts, served_files
from exptools.viewing.app.access import Access
from exptools.viewing.app.compare import downloads
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.first.page import ANSWER, ENTRY, INDEX, SCHEME, FirstPages
from exptools.viewing.app.guard import guard, script_hash
from exptools.viewing.app.media import tab as media_tab
from exptools.viewing.app.page import page, register
from exptools.viewing.app.serving import failures, questions
from exptools.viewing.app.serving.server import MAX_BODY, Server
from exptools.viewing.app.small_multiples import answers
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.errors import UsageError
from exptools.viewing.index import Index
from exptools.visible import visible

ANYONE_HERE = Access()
PORTS_TO_TRY = 100
LAYOUT = "/_dash-layout"
# What is answered from the index.
FROM_INDEX = (
    *(LAYOUT, "/_dash-update-component", f"/{ANSWER}", f"/{answers.ROUTE}"),
    *(f"/{media_tab.WALL}", f"/{media_tab.TILES}"),
)


class _Viewer(Dash):
    """The app; what is sent at its address is ``FirstPages``'s."""

    first_pages: FirstPages | None = None
    head = ""  # what else is in the page's head

    def interpolate_index(self, **parts: Any) -> Any:  # type: ignore[override]
        found = scripts.arranged(parts["scripts"], self.config.requests_pathname_prefix)
        parts["metas"] += found.hints + self.head
        parts["scripts"], parts["app_entry"] = found.tags, ENTRY
        parts["renderer"] += found.last
        return super().interpolate_index(**parts)  # type: ignore[no-untyped-call]

    def index(self, *arguments: Any, **named: Any) -> Any:
        page = super().index(*arguments, **named)  # type: ignore[no-untyped-call]
        return page if self.first_pages is None else self.first_pages.answer(page)


def create_app(
    index: Index, access: Access = ANYONE_HERE, looked: threading.Event | None = None
) -> Dash:
    """The viewer of an index's runs; ``create_app(index).server`` is its WSGI application.

    Until ``looked`` says that the index has looked for the first time, the browser gets the
    scripts, and waits for what is in them. None: it has.
    """
    title = ", ".join(visible(index.hiding.place(root).name) for root in index.roots)
    app = _Viewer(
        "exptools.viewing.app",  # beside which Dash looks for assets/
        title=f"{title} · exptools",
        update_title="",
        index_string=INDEX,
        routes_pathname_prefix="/",
        requests_pathname_prefix=access.prefix,
        suppress_callback_exceptions=True,  # what a tab holds is there once it is opened
    )
    workspace = Workspace(index)
    threading.Thread(target=_prepare, args=(workspace, looked), daemon=True).start()
    # Dash asks for the layout without showing it, too, which would be in vain and before its time.
    app.layout = lambda: page(workspace) if _is_asked_for() else html.Div()
    register(app, workspace)
    served_files.register(app, index)
    downloads.register(app, workspace)
    answers.SmallCharts(workspace).register(app)
    app.first_pages = FirstPages(workspace, looked)
    app.head = connection.tag(index)
    app.first_pages.register(app)
    app.server.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    guard(app.server, access, [*app.csp_hashes(), script_hash(SCHEME)])
    questions.register(app)
    failures.register(app.server)
    scripts.register(app.server)
    connection.register(app.server, index)
    if looked is not None:
        _wait(app.server, looked)
    if access.prefix != "/":
        app.server.wsgi_app = _Prefixed(app.server.wsgi_app, access.prefix)
    return app


def _prepare(workspace: Workspace, looked: threading.Event | None) -> None:
    """Compute what a page shows first, while the browser is still loading it."""
    if looked is not None:
        looked.wait()
    drawing(workspace, resolve(View(), workspace.facts()))


def _is_asked_for() -> bool:
    return has_request_context() and request.path == LAYOUT


def _wait(server: Flask, looked: threading.Event) -> None:
    @server.before_request
    def wait_for_index() -> None:
        if request.path in FROM_INDEX:
            looked.wait()


class _Prefixed:
    """Takes the prefix off paths, so that it does not matter whether the proxy has done it."""

    def __init__(self, app: Callable[..., Iterable[bytes]], prefix: str) -> None:
        self._app, self._prefix = app, prefix

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(self._prefix):
            environ["PATH_INFO"] = path[len(self._prefix) - 1 :]
        return self._app(environ, start_response)


def serve(
    index: Index,
    looked: threading.Event,
    access: Access,
    listener: socket.socket,
    *,
    browse: bool | None,
) -> None:
    """Serve the runs of an index until KeyboardInterrupt, at what ``listen`` has given.

    ``browse`` says whether to open a browser; None: if there is one, and a person at the terminal.
    """
    with listener:
        port = listener.getsockname()[1]
        app = create_app(index, replace(access, port=port), looked)
        server = Server(app.server, listener, access.proxy)
        url = address(access, port)
        print(f"{url} (Ctrl-C to leave)", flush=True)
        if browse or (browse is None and access.token is None and _has_browser()):
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        server.serve_forever()


def listen(host: str, port: int) -> socket.socket:
    """A socket at the port, or at the first free one after it.

    Raises:
        UsageError: there is none, or the host is not this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except socket.gaierror as error:
        raise UsageError(f"there is no host {host!r}: {error.strerror}") from error
    for candidate in range(port, min(port + PORTS_TO_TRY, 65536)):
        try:
            listener = socket.create_server((host, candidate), family=family)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise UsageError(f"{host} is no address of this machine") from error
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            continue
        if candidate != port:
            print(f"exptools-dash: port {port} is taken, {candidate} is not", file=sys.stderr)
        return listener
    raise UsageError(f"no free port from {port} on; give another one with --port")


def address(access: Access, port: int) -> str:
    """Where a browser finds the app, the token included."""
    host = socket.gethostname() if access.host in ("0.0.0.0", "::") else access.host
    place = f"[{host}]" if ":" in host else host
    question = f"?token={access.token}" if access.token else ""
    return f"http://{place}:{port}{access.prefix}{question}"


def _has_browser() -> bool:
    """Whether a person who sees this terminal would see a browser that we open."""
    if not sys.stdout.isatty() or "SSH_CONNECTION" in os.environ:
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
