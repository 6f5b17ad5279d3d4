"""The page's scripts: which ones, in which order, and how a browser gets and keeps them.

Of Dash's scripts some are for browsers or components that the page does not have. The table's is as
large as all others together, so it comes after the first picture (``assets/start.js`` fetches it).
"""

from __future__ import annotations

import gzip
import hashlib
import re
import sys
import threading
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from dash.exceptions import DashException
from flask import Flask, Response, abort, request

ROUTE = "_kept"  # what is below never changes: its content is part of its name
VENDORED = Path(__file__).parent / "vendored"
# Plotly without maps and 3d, a third of the whole; and what Dash's components need of core-js.
PLOTLY, GENERATORS = "plotly-cartesian.min.js", "regenerator-runtime.js"
SUITES = "_dash-component-suites/"  # where Dash has the scripts of its components
PACKAGES = ("dash", "dash_mantine_components", "dash_ag_grid", "plotly")
WHOLE_PLOTLY = "plotly/package_data/plotly.min.js"
NOT_NEEDED = ("/dash/deps/polyfill@", "/dash/dash_table/")
AFTER_THE_PICTURE = "/dash_ag_grid/"
# No data of anybody's.
LIBRARIES = (f"/{SUITES}", "/assets/", "/_favicon.ico", f"/{ROUTE}/")
TEXTS = ("text/javascript", "application/javascript", "text/css")
FOR_EVER = "private, max-age=31536000, immutable"
SPEED = 4  # of gzip: the fastest that is as small as the slow ones, nearly


@dataclass(frozen=True)
class Scripts:
    """The page's scripts, as its HTML has them."""

    hints: str  # for the head: what to fetch while the page is still on its way
    tags: str
    last: str  # what comes after Dash's own start


def arranged(tags: str, prefix: str) -> Scripts:
    """The scripts that Dash has put into the page, less what is not needed, and ours."""
    suites = f"{prefix}{ROUTE}/{_packages_digest()}/"
    tags = tags.replace(f'src="{prefix}{SUITES}', f'src="{suites}')
    found = re.findall(r'<script src="([^"]+)"></script>', tags)
    inline = re.findall(r"<script>.*?</script>", tags, re.DOTALL)
    now = [
        kept_url(GENERATORS, prefix),
        *(src for src in found if not any(part in src for part in NOT_NEEDED)),
    ]
    later = next((src for src in now if AFTER_THE_PICTURE in src), None)
    now = [src for src in now if src != later]
    plotly = kept_url(PLOTLY, prefix)
    hints = [f'<link rel="preload" as="script" href="{src}">' for src in (*now, plotly)]
    hints.append(f'<meta name="whole-plotly" content="{suites}{WHOLE_PLOTLY}">')
    if later is not None:
        hints.append(f'<meta name="table-script" content="{escape(later)}">')
    scripts = [f'<script src="{src}"></script>' for src in now]
    return Scripts("".join(hints), "".join(scripts + inline), f'<script src="{plotly}"></script>')


def kept_url(name: str, prefix: str) -> str:
    """The address of a file of ``vendored/``."""
    return f"{prefix}{ROUTE}/{_digest(name)}/{name}"


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((VENDORED / name).read_bytes()).hexdigest()[:16]


@cache
def _packages_digest() -> str:
    """Another one where another version of Dash or of its components is installed.

    Their scripts fetch parts of themselves, whose names say nothing of a version, from the folder
    that they came from: so it is the folder that is called by it.
    """
    packages = [sys.modules[name] for name in PACKAGES if name in sys.modules]
    found = [(p.__name__, p.__version__, Path(str(p.__file__)).stat().st_mtime) for p in packages]
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def register(server: Flask) -> None:
    """Answer at ``kept_url``, and send all scripts and styles as a browser can keep them."""
    rules = server.url_map.iter_rules()
    of_dash = next(rule.endpoint for rule in rules if rule.rule.startswith(f"/{SUITES}"))
    packed: dict[str, bytes] = {}
    packing = threading.Lock()

    def answer(digest: str, name: str) -> Response:
        if name not in (PLOTLY, GENERATORS) or digest != _digest(name):
            abort(404)
        return Response((VENDORED / name).read_bytes(), mimetype="text/javascript")

    def answer_suite(digest: str, package: str, path: str) -> Any:
        if digest != _packages_digest():
            abort(404)
        try:
            return server.view_functions[of_dash](package_name=package, fingerprinted_path=path)
        except DashException:  # it is none of its scripts
            abort(404)

    @server.after_request
    def keep(response: Response) -> Response:
        if response.status_code == 200 and request.path.startswith(LIBRARIES):
            if _has_content_in_name():
                response.headers["Cache-Control"] = FOR_EVER
            if response.mimetype in TEXTS:
                with packing:
                    _compress(response, packed)
        return response

    server.add_url_rule(f"/{ROUTE}/<digest>/<name>", ROUTE, answer, methods=["GET"])
    suite = f"/{ROUTE}/<digest>/<package>/<path:path>"
    server.add_url_rule(suite, f"{ROUTE}_suite", answer_suite, methods=["GET"])


def _has_content_in_name() -> bool:
    """Whether another content has another address: by a digest, a version or a time in it."""
    return bool(
        request.path.startswith(f"/{ROUTE}/")
        or request.args.keys() & {"m", "v"}
        or re.search(r"\.v\w+m\d+\.", request.path) is not None
    )


def _compress(response: Response, packed: dict[str, bytes]) -> None:
    response.headers["Vary"] = "Accept-Encoding"
    if not request.accept_encodings["gzip"]:
        return
    response.direct_passthrough = False
    content = response.get_data()
    name = hashlib.sha256(content).hexdigest()
    if name not in packed:
        packed[name] = gzip.compress(content, SPEED, mtime=0)
    etag, _ = response.get_etag()
    response.set_data(packed[name])
    response.headers["Content-Encoding"] = "gzip"
    if etag is not None:
        response.set_etag(etag, weak=True)  # the same text in another form
