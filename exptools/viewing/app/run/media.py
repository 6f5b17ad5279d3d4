"""What a run has logged besides scalars, in its tab: a card for each tag, a slider over steps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, MATCH, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.app import served_files as served
from exptools.viewing.app.run.parts import sentence
from exptools.viewing.app.run.reading import MediaCache, Unreadable, find_run, read
from exptools.viewing.figures.single_run import histogram_figure, untrusted_figure
from exptools.viewing.figures.theme import DARK, LIGHT, Theme
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.run_files.media import (
    Item,
    MediaIndex,
    image_size,
    read_histogram,
    read_object,
    read_text,
)
from exptools.viewing.wording import clean, moment

SHOWN_KINDS = ("image", "gif", "figure", "histogram", "text", "hparams")
MAX_CARDS = 24  # at a time; the filter finds the others
SMALL = 200  # px: what is smaller is drawn larger, in whole squares
STILL: Any = {"displaylogo": False, "displayModeBar": False}

Key = tuple[str, str]  # kind and tag
Url = Callable[[str, str], str]  # of a run and a path in it


def section() -> Component:
    """The card of all media."""
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Media"),
                    html.Span(id="run-media-note", className="run-muted"),
                    dmc.TextInput(
                        id="run-media-filter",
                        size="xs",
                        placeholder="Filter tags",
                        debounce=200,
                        **{"aria-label": "Filter tags"},
                    ),
                ],
                className="run-heading",
            ),
            html.Div(id="run-media-cards"),
            dcc.Store(id="run-media-shown"),
        ],
        id="run-media",
        className="card",
    )


def register(app: Dash, index: Index, cache: MediaCache) -> None:
    """Tie the media to the run that is shown."""
    url: Url = lambda run, path: served.file_url(app, run, path)  # noqa: E731

    @app.callback(
        Output("run-media-cards", "children"),
        Output("run-media-note", "children"),
        Output("run-media", "className"),
        Output("run-media-shown", "data"),
        Input("run-shown", "data"),
        Input("run-clock", "n_intervals"),
        Input("run-clock", "disabled"),
        Input("run-media-filter", "value"),
        Input("colors", "data"),
        State("run-media-shown", "data"),
        State({"type": "run-slider", "tag": ALL}, "value"),
        State({"type": "run-slider", "tag": ALL}, "id"),
        State({"type": "run-slider", "tag": ALL}, "max"),
        prevent_initial_call=True,
    )
    def show_all(
        shown: Any, _tick: int, _off: bool, wanted: str | None, colors: str | None, *before: Any
    ) -> tuple[Any, ...]:
        run = find_run(index, (shown or {}).get("name", ""))
        if run is None:
            return (no_update,) * 4
        try:
            media = cache.get(run)
        except Unreadable as said:
            return sentence(str(said)), "", "card", None
        stamp = [run.name, media.inode, media.read_to]
        if str(ctx.triggered_id).startswith("run-clock") and stamp == before[0]:
            return (no_update,) * 4
        same_run = bool(before[0]) and before[0][0] == run.name
        places = positions(*before[1:]) if same_run else {}
        tags = matching(media, wanted or "")
        cards = [
            card(index, run, media, key, places, url, theme_of(colors)) for key in tags[:MAX_CARDS]
        ]
        nothing = not media.items and not media.bad_lines
        return cards, note(media, tags), "card run-empty" if nothing else "card", stamp

    @app.callback(
        Output({"type": "run-medium", "tag": MATCH}, "children"),
        Output({"type": "run-step", "tag": MATCH}, "children"),
        Input({"type": "run-slider", "tag": MATCH}, "value"),
        State({"type": "run-slider", "tag": MATCH}, "id"),
        State("run-shown", "data"),
        State("colors", "data"),
        prevent_initial_call=True,
    )
    def show_step(
        place: int, id_: Mapping[str, str], shown: Any, colors: str | None
    ) -> tuple[Any, Any]:
        run = find_run(index, (shown or {}).get("name", ""))
        if run is None:
            return no_update, no_update
        try:
            media = cache.get(run)
        except Unreadable as said:
            return sentence(str(said)), no_update
        key = next((key for key in media.tags if digest(key) == id_["tag"]), None)
        steps = media.steps(*key) if key else []
        if not steps:
            return sentence("It is gone."), ""
        item = steps[max(0, min(int(place), len(steps) - 1))]
        return medium(index, run, item, url, theme_of(colors)), step_text(item, steps)


def positions(
    values: Sequence[int], ids: Sequence[Mapping[str, str]], ends: Sequence[int]
) -> dict[str, int]:
    """Where the sliders stand, by their tags' digests; one at its end follows the newest."""
    return {
        id_["tag"]: value for value, id_, end in zip(values, ids, ends, strict=True) if value != end
    }


def matching(media: MediaIndex, wanted: str) -> list[Key]:
    """The tags that can be shown and have a text in them."""
    return [key for key in media.tags if key[0] in SHOWN_KINDS and wanted.lower() in key[1].lower()]


def note(media: MediaIndex, tags: Sequence[Key]) -> str:
    """What is not seen of the media."""
    parts = []
    if len(tags) > MAX_CARDS:
        parts.append(f"{MAX_CARDS} of {len(tags):,} tags: filter to see others.")
    if media.bad_lines:
        parts.append(f"{media.bad_lines:,} lines of the index make no sense and are left out.")
    if media.cut:
        parts.append("The index is too long to be read to its end.")
    return " ".join(parts)


def card(
    index: Index,
    run: Run,
    media: MediaIndex,
    key: Key,
    places: Mapping[str, int],
    url: Url,
    theme: Theme,
) -> Component:
    """One tag: what was logged at the step that its slider stands at, the newest at first."""
    steps, name = media.steps(*key), digest(key)
    place = min(places.get(name, len(steps) - 1), len(steps) - 1)
    item = steps[place]
    slider = dmc.Slider(
        id={"type": "run-slider", "tag": name},
        min=0,
        max=max(len(steps) - 1, 1),
        value=place,
        step=1,
        label=None,
        size="sm",
        updatemode="drag",
        thumbLabel=f"Step of {key[1]}"[:200],
        style={} if len(steps) > 1 else {"display": "none"},
    )
    return html.Figure(
        [
            html.Figcaption(
                [
                    html.B(key[1], title=key[1]),
                    html.Span(
                        step_text(item, steps),
                        id={"type": "run-step", "tag": name},
                        className="run-muted",
                    ),
                ]
            ),
            html.Div(
                medium(index, run, item, url, theme),
                id={"type": "run-medium", "tag": name},
                className="run-medium",
            ),
            slider,
        ],
        className=f"run-card run-{key[0]}",
    )


def step_text(item: Item, steps: Sequence[Item]) -> str:
    """Which step is shown, and of how many."""
    which = next(number for number, one in enumerate(steps, 1) if one.step == item.step)
    of = f" · {which:,} of {len(steps):,}" if len(steps) > 1 else ""
    return f"step {item.step:,}{of} · {moment(item.wall_time).rpartition(' ')[2]}"


def medium(index: Index, run: Run, item: Item, url: Url, theme: Theme) -> Component:
    """One thing that was logged; a sentence where it cannot be shown."""
    if not item.path.startswith("media/"):
        return sentence("Its path leads out of media/.")
    try:
        shown = _medium(index, run, item, url, theme)
    except Unreadable as said:
        return sentence(str(said))
    return sentence(f"{item.path} is gone.") if shown is None else shown


def theme_of(colors: str | None) -> Theme:
    """The colours that the page has."""
    return DARK if colors == "dark" else LIGHT


def digest(key: Key) -> str:
    """A short name of a tag that any component can have."""
    return hashlib.sha256("\0".join(key).encode()).hexdigest()[:16]


def _medium(index: Index, run: Run, item: Item, url: Url, theme: Theme) -> Component | None:
    if item.kind == "histogram":
        histogram = read(index, run, item.path, read_histogram)
        if histogram is None:
            return None
        said = [sentence(histogram.note)] if histogram.note else []
        drawn = [_graph(histogram_figure(histogram, theme), 200)] if histogram.counts else []
        return html.Div([*drawn, *said])
    if item.kind == "figure" and item.path.endswith(".json"):
        figure = read(index, run, item.path, lambda file: untrusted_figure(read_object(file)))
        return None if figure is None else _graph(figure, 300)
    if item.kind in ("text", "hparams"):
        text = read(index, run, item.path, read_text)
        return None if text is None else _text(*text, as_json=item.kind == "hparams")
    return _image(index, run, item, url)


def _image(index: Index, run: Run, item: Item, url: Url) -> Component | None:
    found = read(index, run, item.path, lambda file: (image_size(file),))
    if found is None:
        return None
    if found[0] is None:
        return sentence(f"{item.path} is neither a PNG nor a GIF.")
    width, height = found[0]
    name = "run-pixels" if max(width, height) < SMALL else ""
    src = f"{url(run.name, item.path)}&v={item.sha256[:12]}"
    picture = html.Img(
        src=src, alt=f"{item.tag}, step {item.step}", width=width, height=height, className=name
    )
    return html.A(picture, href=src, target="_blank", rel="noreferrer", title="In full size")


def _text(text: str, cut: bool, as_json: bool) -> Component:
    if as_json and not cut:
        with suppress(ValueError, RecursionError):  # then it is shown as it stands
            text = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    return html.Pre(clean(text) + ("\n… (cut)" if cut else ""), tabIndex=0)


def _graph(figure: dict[str, Any], height: int) -> Component:
    return dcc.Graph(figure=figure, config=STILL, responsive=True, style={"height": height})
