"""Put the app together and keep other web sites out of it."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

from dash import Dash
from flask import Flask, abort, request

from exptools.viewing.app.callbacks import register
from exptools.viewing.app.drawing import prepare
from exptools.viewing.app.facts import Workspace
from exptools.viewing.app.layout import page
from exptools.viewing.index import Index

OWN_NAMES = ("127.0.0.1", "localhost")


def create_app(index: Index) -> Dash:
    """The viewer of an index's runs; ``create_app(index).server`` is its WSGI application."""
    title = ", ".join(root.name for root in index.roots)
    app = Dash(__name__, title=f"{title} · exptools", update_title="")
    workspace = Workspace(index)
    threading.Thread(target=prepare, args=(workspace,), daemon=True).start()
    app.layout = lambda: page(workspace)  # made at every load, so that a new page is a current one
    register(app, workspace)
    _answer_to_own_names_only(app.server)
    return app


def _answer_to_own_names_only(server: Flask) -> None:
    """Refuse requests for other hosts: a site that points its name here reads nothing of ours."""

    @server.before_request
    def refuse_other_hosts() -> None:
        if urlsplit(f"//{request.host}").hostname not in OWN_NAMES:
            abort(403, "exptools-dash answers at 127.0.0.1 and localhost only")
