"""Listen at a free port, and answer until Ctrl-C."""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
import threading
import webbrowser

from exptools.viewing.app.server.access import Access
from exptools.viewing.app.server.create import create_app
from exptools.viewing.errors import UsageError
from exptools.viewing.index import Index

PORTS_TO_TRY = 100


def serve(
    index: Index,
    looked: threading.Event,
    access: Access,
    listener: socket.socket,
    *,
    browse: bool | None,
) -> None:
    """Serve the runs of an index until KeyboardInterrupt.

    Args:
        index: what to show.
        looked: set when the index has looked for the first time; pages wait until then.
        access: who may ask, and where to listen.
        listener: at the access's host, see ``listen``.
        browse: whether to open a browser; None: if there is one, and a person at the terminal.
    """
    from werkzeug.serving import make_server

    with listener:
        app = create_app(index, access, looked)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request is noise
        port = listener.getsockname()[1]
        server = make_server(access.host, port, app.server, threaded=True, fd=listener.fileno())
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
