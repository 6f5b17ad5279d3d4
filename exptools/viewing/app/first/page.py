"""The page as it is sent: at once its frame, and the first picture as soon as it is known.

The page's scripts take a second or two until they show something. Meanwhile the browser shows
what the server has painted; ``assets/start.js`` takes it away once the chart is drawn over it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from functools import partial
from html import escape
from typing import Any, NamedTuple

from dash import Dash
from flask import Response, abort, request

from exptools.viewing.app.compare.captions import caption, reason
from exptools.viewing.app.compare.chart import height, most_lines
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.compare.log_axes import on_log_axes
from exptools.viewing.app.compare.tab import DRAWN, draw
from exptools.viewing.app.facts import Facts, resolve
from exptools.viewing.app.first.frame import empty_frame, full_frame
from exptools.viewing.app.painted.picture import colors, picture
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.wording import escape_invalid_unicode

ANSWER = "_first-answer"
WAIT = 0.5  # s that the scripts wait for the picture; later it comes after them
LONGEST = 20.0  # s that a page waits for it; later it comes without
PAINTERS = 8  # pictures that are painted at a time; beyond them a page comes without one
# Before anything is painted: light or dark, as the user has chosen here or the system says.
SCHEME = (
    'document.documentElement.dataset.mantineColorScheme=(s=>s==="light"||s==="dark"?s:'
    'matchMedia("(prefers-color-scheme: dark)").matches?"dark":"light")'
    '((()=>{try{return localStorage.getItem("mantine-color-scheme-value")}catch{}})())'
)
INDEX = (
    f"""<!DOCTYPE html>
<html lang="en">
  <head><script>{SCHEME}</script>"""
    + """{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
  <body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""
)
ENTRY = '<div id="react-entry-point"></div>'
END = "</body>"


class Parts(NamedTuple):
    """The page around what is painted into it."""

    head: str
    scripts: str
    end: str


def parts_of(page: str) -> Parts:
    """The parts of a page that has ``ENTRY`` in it."""
    head, _, rest = page.partition(ENTRY)
    scripts, end, last = rest.rpartition(END)
    return Parts(head, scripts, end + last)


class FirstPages:
    """What the server paints for whoever opens an address."""

    def __init__(self, workspace: Workspace, looked: threading.Event | None) -> None:
        self._workspace, self._looked = workspace, looked
        self._free = threading.BoundedSemaphore(PAINTERS)

    def answer(self, page: str) -> Response:
        """The page, sent bit by bit; the request's query says what it is to show.

        Painting is work: whoever asks for something other than a page, as the pictures of other
        sites might, gets none, nor does another site that sends its visitor here without a click.
        """
        query = request.query_string.decode("utf-8", "replace")
        parts = parts_of(page)
        headers = request.headers
        is_page = headers.get("Sec-Fetch-Dest", "document") == "document"
        is_foreign = headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
        if not is_page or (is_foreign and "Sec-Fetch-User" not in headers):
            return Response(f"{parts.head}{ENTRY}{parts.scripts}{parts.end}", mimetype="text/html")
        return Response(self._sent(parts, query), mimetype="text/html")

    def _sent(self, parts: Parts, query: str) -> Iterator[str]:
        frame = empty_frame(self._workspace.place)
        yield f"{parts.head}<style>{colors()}</style>{ENTRY}{frame}"
        if not self._free.acquire(timeout=WAIT):
            yield parts.scripts + parts.end
            return
        painting = _begun(partial(self._painted, query), self._free.release)
        try:
            painted = painting.result(WAIT)
        except NotYet:
            yield parts.scripts
            with suppress(NotYet):
                yield painting.result(LONGEST)
        else:
            yield painted + parts.scripts
        yield parts.end

    def _painted(self, query: str) -> str:
        """The page with its picture; "" where there is none, or none to be had."""
        if self._looked is not None:
            self._looked.wait()
        try:
            self._workspace.look()
            facts = self._workspace.facts()
            view = resolve(View.from_query(query), facts)
            return self._framed(facts, view) if view.tab == "compare" else ""
        except Exception:  # what is wrong the app says, which comes with or without
            logging.getLogger(__name__).debug("no first picture", exc_info=True)
            return ""

    def _framed(self, facts: Facts, view: View) -> str:
        content = on_log_axes(drawing(self._workspace, view), view)
        shapes = picture(content, view)
        if not shapes:
            return ""
        tall = height(content, view)
        size = f"--lines:{most_lines(content)}" + (f";height:{tall}px" if tall else "")
        said, why = escape(caption(facts, view, content)), escape(reason(facts, view))
        painted = f'<div id="first-picture" style="{size}">{shapes}</div>'
        sentence = f"<b>{said}</b> {why}"
        return escape_invalid_unicode(
            full_frame(self._workspace.place, facts, view, sentence, painted)
        )

    def register(self, app: Dash) -> None:
        """Answer what the app would ask first, in one answer, to whoever asks for it at once."""

        def first_answer() -> Response:
            from plotly.io.json import to_json_plotly  # as Dash does, which loads it late, too

            if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
                abort(403)
            if self._looked is not None:
                self._looked.wait()
            query = request.query_string.decode("utf-8", "replace")
            scheme = request.headers.get("X-Colors", "light")
            answered = self._answered(query, "dark" if scheme == "dark" else "light")
            return Response(to_json_plotly(answered), mimetype="application/json")

        app.server.add_url_rule(f"/{ANSWER}", ANSWER, first_answer, methods=["GET"])

    def _answered(self, query: str, scheme: str) -> dict[str, Any]:
        self._workspace.look()
        facts = self._workspace.facts()
        data = resolve(View.from_query(query), facts).to_data()
        drawn = draw(self._workspace, version=0, data=data, colors=scheme, drawn=None)
        there = isinstance(drawn, dict)
        answers = [drawn[name] for name in DRAWN] if there else None
        return {"version": facts.version, "view": data, "drawn": answers}


def _begun(work: Callable[[], str], done: Callable[[], None]) -> Future[str]:
    """What a thread will have made, which keeps nobody from leaving."""
    future: Future[str] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
            raise
        finally:
            done()

    try:
        threading.Thread(target=run, daemon=True).start()
    except RuntimeError:  # there are as many as this user may have
        done()
        raise
    return future
