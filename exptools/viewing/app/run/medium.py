"""One thing that a run has logged besides scalars: a picture, a figure, a histogram, a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from exptools.viewing.app.run.reading import Unreadable, read
from exptools.viewing.app.run.tables import sentence
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.single_run import histogram_figure, untrusted_figure
from exptools.viewing.figures.theme import Theme
from exptools.viewing.run import Run
from exptools.viewing.run_files.media import (
    Item,
    image_size,
    read_histogram,
    read_object,
    read_text,
)
from exptools.viewing.wording import escape_invalid_unicode

SMALL = 200  # px: what is smaller is drawn larger, in whole squares
STILL: Any = {"displaylogo": False, "displayModeBar": False}

Url = Callable[[str, str], str]  # of a run and a path in it


def medium(workspace: Workspace, run: Run, item: Item, url: Url, theme: Theme) -> Component:
    """One thing that was logged; a sentence where it cannot be shown."""
    if not item.path.startswith("media/"):
        return sentence("Its path leads out of media/.")
    try:
        shown = _medium(workspace, run, item, url, theme)
    except Unreadable as said:
        return sentence(str(said))
    return sentence(f"{item.path} is gone.") if shown is None else shown


def _medium(workspace: Workspace, run: Run, item: Item, url: Url, theme: Theme) -> Component | None:
    if item.kind == "histogram":
        histogram = read(workspace, run, item.path, read_histogram)
        if histogram is None:
            return None
        said = [sentence(histogram.note)] if histogram.note else []
        drawn = [_graph(histogram_figure(histogram, theme), 200)] if histogram.counts else []
        return html.Div([*drawn, *said])
    if item.kind == "figure" and item.path.endswith(".json"):
        figure = read(workspace, run, item.path, lambda file: untrusted_figure(read_object(file)))
        return None if figure is None else _graph(figure, 300)
    if item.kind in ("text", "hparams"):
        content = read(workspace, run, item.path, read_text)
        if content is None:
            return None
        text, cut = content
        return _text(text, cut=cut, as_json=item.kind == "hparams")
    return _image(workspace, run, item, url)


def _image(workspace: Workspace, run: Run, item: Item, url: Url) -> Component | None:
    content = read(workspace, run, item.path, lambda file: (image_size(file),))
    if content is None:
        return None
    (size,) = content
    if size is None:
        return sentence(f"{item.path} is neither a PNG nor a GIF.")
    width, height = size
    name = "run-pixels" if max(width, height) < SMALL else ""
    src = f"{url(run.name, item.path)}&v={item.sha256[:12]}"
    picture = html.Img(
        src=src, alt=f"{item.tag}, step {item.step}", width=width, height=height, className=name
    )
    return html.A(picture, href=src, target="_blank", rel="noreferrer", title="In full size")


def _text(text: str, *, cut: bool, as_json: bool) -> Component:
    if as_json and not cut:
        with suppress(ValueError, RecursionError):  # then it is shown as it stands
            text = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    return html.Pre(escape_invalid_unicode(text) + ("\n… (cut)" if cut else ""), tabIndex=0)


def _graph(figure: dict[str, Any], height: int) -> Component:
    return dcc.Graph(figure=figure, config=STILL, responsive=True, style={"height": height})
