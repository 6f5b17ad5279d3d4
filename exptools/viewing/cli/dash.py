"""exptools-dash: serve the viewer of some directories on this machine."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exptools.gc_pause import collector_paused
from exptools.viewing.app.access import (
    INVALID,
    LOOPBACK,
    SHORTEST_TOKEN,
    Access,
    host_name,
    host_port,
    is_address,
    is_local,
)
from exptools.viewing.cli.roots import (
    SHOW_SECRETS,
    chosen_roots,
    listed,
    missing_package,
)
from exptools.viewing.cli.settings_of_matplotlib import leave_out_those_of_here
from exptools.viewing.errors import UsageError
from exptools.viewing.wording import HYDRAS
from exptools.visible import visible, visible_lines

if TYPE_CHECKING:
    from exptools.viewing.index import Index
    from exptools.viewing.run import Fault

DEFAULT_PORT = 8050
TOKEN_VARIABLE = "EXPTOOLS_TOKEN"  # a token on the command line can be read by whoever runs `ps`


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code.

    0: served until it was stopped. 1: nothing to show, or no way to. 2: a wrong argument.
    """
    given = _parser().parse_args(arguments)
    try:
        roots, access = chosen_roots(given.roots), _access(given)
        return _serve(
            roots, access, given.port, open_browser=given.open, show_secrets=given.show_secrets
        )
    except UsageError as error:
        print(visible_lines(f"exptools-dash: {error}"), file=sys.stderr)
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
        f"{listed(HYDRAS)} that are here, into which Hydra writes)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        help=f"the port to serve at (default: {DEFAULT_PORT}), or the next free one; 0: any",
    )
    parser.add_argument(
        "--host",
        default=LOOPBACK,
        help=f"the address to serve at (default: {LOOPBACK}, which only this machine reaches); at "
        "any other one the app asks for a token",
    )
    parser.add_argument(
        "--token",
        default=os.environ.get(TOKEN_VARIABLE),
        help=f"the token to ask for, at least {SHORTEST_TOKEN} characters (default: "
        f"${TOKEN_VARIABLE}, or a new one where one is needed)",
    )
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="another name that the app is asked by, a proxy's for example, at the usual port or "
        "where the app is served; NAME:PORT for one at another port; may be repeated",
    )
    parser.add_argument(
        "--proxy",
        metavar="ADDRESS",
        help="the IP address from which a proxy asks that sets X-Forwarded-Proto: where that says "
        "https, the cookie is Secure (default: nobody is believed)",
    )
    parser.add_argument(
        "--prefix",
        default="/",
        help="where a proxy has the app, for example /exptools/ (default: /)",
    )
    parser.add_argument("--show-secrets", action="store_true", help=SHOW_SECRETS)
    parser.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        help="open a browser (default: where there is a screen, a terminal and no token)",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} should be a number from 0 to 65535")
    return int(text)


def _access(given: argparse.Namespace) -> Access:
    token = given.token
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise UsageError(f"a token has at least {SHORTEST_TOKEN} characters, this one {len(token)}")
    if token is None and not is_local(given.host):
        token = secrets.token_urlsafe(32)
    if given.open and token is not None:
        raise UsageError(
            "--open does not go with a token, which others could read in the browser's command "
            "line: open the address that is printed"
        )
    if given.proxy is not None and not is_address(given.proxy):
        raise UsageError(
            f"--proxy {given.proxy!r} is no IP address; one on this machine asks from {LOOPBACK}"
        )
    names = tuple(map(_host, given.allow_host))
    prefix = f"/{given.prefix.strip('/')}/".replace("//", "/")
    return Access(given.host, names, token, prefix, given.proxy)


def _host(text: str) -> str:
    """What ``--allow-host`` names, in lower case."""
    name, port = host_name(text), host_port(text)
    if not name or port == INVALID or {*text} & {*"/@?#*"}:
        raise UsageError(
            f"--allow-host {text!r} should be a name as in a browser's address, "
            "lab.example.org for example, or lab.example.org:8443"
        )
    return text.lower()


def _serve(
    roots: Sequence[Path],
    access: Access,
    port: int,
    *,
    open_browser: bool | None,
    show_secrets: bool,
) -> int:
    try:
        with collector_paused():  # what is imported stays: looking for garbage takes a tenth
            from exptools.viewing.configs.secrets import Secrets
            from exptools.viewing.index import Index
            from exptools.viewing.readers.formats import detect_format
            from exptools.viewing.readers.hiding import HiddenSecrets
            from exptools.viewing.readers.unread import no_runs
            from exptools.viewing.readers.walk import walk

            faults: list[Fault] = []
            if next(walk(roots, detect_format, faults), None) is None:
                kept = None if show_secrets else Secrets()
                hidden = HiddenSecrets(kept).faults(faults)
                for line in [*map(str, hidden), no_runs(roots, kept)]:
                    print(visible(f"exptools-dash: {line}"), file=sys.stderr)
                return 1
            leave_out_those_of_here()
            index = Index(roots, show_secrets=show_secrets)
            looked = _search(index)  # while Dash is imported
            from exptools.viewing.app.server import listen, serve
    except ModuleNotFoundError as error:
        print(f"exptools-dash {missing_package(error)}", file=sys.stderr)
        return 1
    listener = listen(access.host, port)
    places = ", ".join(str(index.hiding.place(root)) for root in roots)
    print(visible(f"runs in {places}: "), end="")
    serve(index, looked, access, listener, browse=open_browser)
    return 0


def _search(index: Index) -> threading.Event:
    """Have the index search its roots in the background; the event is set when it has."""
    looked = threading.Event()

    def search() -> None:
        try:
            index.refresh()
        finally:
            looked.set()  # pages that wait say what is wrong

    threading.Thread(target=search, daemon=True).start()
    return looked


if __name__ == "__main__":
    sys.exit(main())
