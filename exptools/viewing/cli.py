"""exptools-dash: serve the viewer of some directories on this machine."""

from __future__ import annotations

import argparse
import errno
import logging
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exptools.viewing.roots import (
    DEFAULT_ROOTS,
    UsageError,
    chosen_roots,
    listed,
    missing_package,
    no_runs,
)

if TYPE_CHECKING:
    from dash import Dash

    from exptools.viewing.index import Index

HOST = "127.0.0.1"
DEFAULT_PORT = 8050
PORTS_TO_TRY = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code.

    0: served until it was stopped. 1: nothing to show, or no way to. 2: a wrong argument.
    """
    options = _parser().parse_args(arguments)
    try:
        return _view(chosen_roots(options.roots), options.port)
    except UsageError as error:
        print(f"exptools-dash: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0  # Ctrl-C is how one leaves


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exptools-dash",
        description="Look at runs in the browser: their curves, and how their configs differ.",
    )
    parser.add_argument(
        "roots",
        nargs="*",
        type=Path,
        help="directories with runs in them, at any depth (default: those of "
        f"{listed(DEFAULT_ROOTS)} that are here, into which Hydra writes)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        help=f"the port to serve at (default: {DEFAULT_PORT}), or the next free one; 0: any",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} should be a number from 0 to 65535")
    return int(text)


def _view(roots: Sequence[Path], port: int) -> int:
    try:
        from exptools.viewing.app import create_app
        from exptools.viewing.index import Index
        from exptools.viewing.readers import MARKERS
    except ModuleNotFoundError as error:
        print(f"exptools-dash {missing_package(error)}", file=sys.stderr)
        return 1
    index = Index(roots)
    index.refresh()
    if not index.snapshot.runs:
        for fault in index.snapshot.faults:
            print(f"exptools-dash: {fault}", file=sys.stderr)
        print(f"exptools-dash: {no_runs(roots, MARKERS)}", file=sys.stderr)
        return 1
    _serve(create_app(index), index, _listen(port), ", ".join(map(str, roots)))
    return 0


def _listen(port: int) -> socket.socket:
    """A socket at the port, or at the first free one after it."""
    for candidate in range(port, min(port + PORTS_TO_TRY, 65536)):
        try:
            listener = socket.create_server((HOST, candidate))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            continue
        if candidate != port:
            print(f"exptools-dash: port {port} is taken, {candidate} is not", file=sys.stderr)
        return listener
    raise UsageError(f"no free port from {port} on; give another one with --port")


def _serve(app: Dash, index: Index, listener: socket.socket, places: str) -> None:
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request is noise
    port = listener.getsockname()[1]
    server = make_server(HOST, port, app.server, threaded=True, fd=listener.fileno())
    number = len(index.snapshot.runs)
    runs = "1 run" if number == 1 else f"{number} runs"
    print(f"{runs} in {places}: http://{HOST}:{port} (Ctrl-C to leave)", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
