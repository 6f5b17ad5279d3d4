"""One thing that a run has logged besides scalars, as the page shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, TypeVar

from dash import dcc, html
from dash.development.base_component import Component

from exptools.plain_json import parse_json
from exptools.viewing.app.run.reading import Unreadable, read
from exptools.viewing.app.run.tables import sentence
from exptools.viewing.app.widgets import STILL
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.configs.parsing import flat_settings
from exptools.viewing.figures.single_run import histogram_figure
from exptools.viewing.figures.theme import Theme
from exptools.viewing.figures.untrusted import untrusted_figure
from exptools.viewing.run import Run
from exptools.viewing.run_files.images import ImageSize, image_size
from exptools.viewing.run_files.media import (
    Item,
    is_sound_or_video,
    read_histogram,
    read_object,
    read_table,
    read_text,
)
from exptools.visible import visible_lines

T = TypeVar("T")
MAX_PIXELS = 4096 * 4096  # a browser takes four bytes for each; a larger image is a link
MAX_PIXELS_OF_ALL = 16 * MAX_PIXELS  # of an animation's frames together
SMALL = 200  # px: what is smaller is drawn larger, in whole squares


class Url(Protocol):
    """The address of a path in a run."""

    def __call__(self, run: str, relative: str, *, download: bool = False) -> str:
        """See ``file_url``."""


@dataclass(frozen=True)
class _Logged:
    """What is to be shown, and what it takes."""

    workspace: Workspace
    run: Run
    item: Item
    url: Url
    theme: Theme

    def read(self, reader: Callable[[BinaryIO], T]) -> T:
        """What a reader makes of the file.

        Raises:
            Unreadable: it is gone, or the reader refuses it.
        """
        content = read(self.workspace, self.run, self.item.path, lambda file: (reader(file),))
        if content is None:
            raise Unreadable(f"{self.item.path} is gone.")
        return content[0]

    @property
    def address(self) -> str:
        """Where a browser gets the file; another address when the content is another."""
        return f"{self.url(self.run.name, self.item.path)}&v={self.item.sha256[:12]}"

    @property
    def name(self) -> str:
        """What it is called where it cannot be seen."""
        return f"{self.item.tag}, step {self.item.step}"


def medium(workspace: Workspace, run: Run, item: Item, url: Url, theme: Theme) -> Component:
    """One thing that was logged; a sentence where it cannot be shown."""
    if not item.path.startswith("media/"):
        return sentence("Its path leads out of media/.")
    try:
        return _SHOW[item.kind](_Logged(workspace, run, item, url, theme))
    except Unreadable as said:
        return sentence(str(said))


def _image(logged: _Logged) -> Component:
    size = logged.read(image_size)
    if size is None:
        return sentence(f"{logged.item.path} is neither a PNG nor a GIF.")
    src = logged.address
    if size.width * size.height > MAX_PIXELS or size.pixels > MAX_PIXELS_OF_ALL:
        return _large(size, src)
    name = "run-pixels" if max(size.width, size.height) < SMALL else ""
    sides: Any = {"width": size.width, "height": size.height}
    picture = html.Img(src=src, alt=logged.name, className=name, **sides)
    return html.A(picture, href=src, target="_blank", rel="noreferrer", title="In full size")


def _large(size: ImageSize, src: str) -> Component:
    """The way to a picture that the page does not show by itself: it may be a few bytes on disk."""
    frames = f"{size.frames:,} frames of " if size.frames > 1 else ""
    told = f"An image of {frames}{size.width:,} × {size.height:,} pixels: "
    return html.P([told, html.A("open it", href=src, target="_blank", rel="noreferrer")])


def _player(logged: _Logged) -> Component:
    if not logged.read(is_sound_or_video):
        return sentence(f"{logged.item.path} is neither an MP4 nor a WAV.")
    options: Any = {"src": logged.address, "title": logged.name, "preload": "metadata"}
    if logged.item.kind == "audio":
        return html.Audio(**options, controls=True)
    return html.Video(**options, controls=True, loop=True, muted=True)


def _table(logged: _Logged) -> Component:
    table = logged.read(read_table)
    heads = [html.Th(visible_lines(name), scope="col") for name in table.columns]
    rows = [[html.Td(visible_lines(cell)) for cell in row] for row in table.rows]
    whole = html.Table([html.Thead(html.Tr(heads)), html.Tbody([html.Tr(row) for row in rows])])
    address = logged.url(logged.run.name, logged.item.path, download=True)
    below = html.Div([html.A("CSV", href=address, download=""), f" {table.note}"])
    return html.Div([html.Div(whole, className="run-rows run-table", tabIndex=0), below])


def _figure(logged: _Logged) -> Component:
    if not logged.item.path.endswith(".json"):
        return _image(logged)
    # assets/run.js draws it for whoever asks: a few numbers may have Plotly make more than a page
    # can, and nobody knows all such numbers.
    from plotly.io.json import to_json_plotly

    figure = logged.read(lambda file: untrusted_figure(read_object(file)))
    try:
        content = to_json_plotly(figure)
    except (TypeError, ValueError, RecursionError) as error:  # JSON of browsers has less in it
        raise Unreadable(f"{logged.item.path} cannot be sent: {error}.") from error
    attributes: Any = {"data-figure": content, "data-run": logged.run.name}
    return html.Div(className="run-plotly", **attributes)


def _histogram(logged: _Logged) -> Component:
    histogram = logged.read(read_histogram)
    said = [sentence(histogram.note)] if histogram.note else []
    drawn = [_graph(histogram_figure(histogram, logged.theme), 200)] if histogram.counts else []
    return html.Div([*drawn, *said])


def _text(logged: _Logged) -> Component:
    text, cut = logged.read(read_text)
    hiding = logged.workspace.index.hiding
    if logged.item.kind == "hparams" and not cut:
        with suppress(ValueError, RecursionError):  # then it is shown as it stands
            values = parse_json(text)
            if isinstance(values, dict):
                flat = flat_settings(values)
                hidden = hiding.config(logged.run, flat)
                values = values if hidden == flat else dict(hidden)
            text = json.dumps(values, indent=1, ensure_ascii=False, default=list)
    if logged.item.kind == "hparams":
        text = hiding.text(logged.run, text)  # of a list, or of the beginning of many
    return html.Pre(visible_lines(text) + ("\n… (cut)" if cut else ""), tabIndex=0)


def _graph(figure: dict[str, Any], height: int) -> Component:
    return dcc.Graph(figure=figure, config=STILL, responsive=True, style={"height": height})


_SHOW: dict[str, Callable[[_Logged], Component]] = {
    **dict.fromkeys(("image", "gif"), _image),
    **dict.fromkeys(("video", "audio"), _player),
    **dict.fromkeys(("text", "hparams"), _text),
    "table": _table,
    "figure": _figure,
    "histogram": _histogram,
}
