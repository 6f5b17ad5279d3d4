"""What a run has logged besides scalars, in its tab: a card for each tag, a slider over steps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, MATCH, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from exptools.viewing.app.run.medium import Url, medium
from exptools.viewing.app.run.reading import FAILED, MediaCache, Unreadable, instead, shown_run
from exptools.viewing.app.run.tables import sentence
from exptools.viewing.app.served_files import file_url
from exptools.viewing.app.widgets import card, labelled, theme_of
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.theme import Theme
from exptools.viewing.run import Run
from exptools.viewing.run_files.media import Item, MediaIndex
from exptools.viewing.wording import moment

MAX_CARDS = 24  # at a time; the filter finds the others

Key = tuple[str, str]  # kind and tag


def layout() -> Component:
    """The card of all media."""
    search = dmc.TextInput(
        id="run-media-filter",
        size="xs",
        placeholder="Filter tags",
        debounce=200,
        **labelled("Filter tags"),
    )
    note = html.Span(id="run-media-note", className="run-muted")
    cards, stamp = html.Div(id="run-media-cards"), dcc.Store(id="run-media-stamp")
    return card("Media", [note, search], cards, stamp, id="run-media")


def register(app: Dash, workspace: Workspace, cache: MediaCache) -> None:
    """Tie the media to the run that is shown."""
    url = partial(file_url, app)
    sliders: Any = {"type": "run-slider", "tag": ALL}
    app.callback(
        output={
            "cards": Output("run-media-cards", "children"),
            "note": Output("run-media-note", "children"),
            "class_name": Output("run-media", "className"),
            "stamp": Output("run-media-stamp", "data"),
        },
        inputs={
            "shown": Input("run-shown", "data"),
            "clock": [Input("run-clock", "n_intervals"), Input("run-clock", "disabled")],
            "text": Input("run-media-filter", "value"),
            "colors": Input("run-colors", "data"),
        },
        state={
            "before": {
                "stamp": State("run-media-stamp", "data"),
                "sliders": [State(sliders, name) for name in ("value", "id", "max")],
            }
        },
        on_error=instead({"cards": [], "note": FAILED, "class_name": "card", "stamp": None}),
        prevent_initial_call=True,
    )(partial(show_media, workspace, cache, url))
    slider = {"type": "run-slider", "tag": MATCH}
    app.callback(
        Output({"type": "run-medium", "tag": MATCH}, "children"),
        Output({"type": "run-step", "tag": MATCH}, "children"),
        Input(slider, "value"),
        State(slider, "id"),
        State("run-shown", "data"),
        State("run-colors", "data"),
        on_error=instead((sentence(FAILED), no_update)),
        prevent_initial_call=True,
    )(partial(show_step, workspace, cache, url))


def show_media(
    workspace: Workspace,
    cache: MediaCache,
    url: Url,
    *,
    shown: Any,
    clock: Any,  # only triggers
    text: str | None,
    colors: str | None,
    before: Mapping[str, Any],
) -> Any:
    """A card for each tag that has the text in it; nothing where the clock ticks for nothing."""
    run = shown_run(workspace, shown)
    if run is None:
        return no_update
    try:
        media = cache.get(run)
    except Unreadable as said:
        return {"cards": sentence(str(said)), "note": "", "class_name": "card", "stamp": None}
    stamp = [run.name, media.inode, media.read_to]
    if str(ctx.triggered_id).startswith("run-clock") and stamp == before["stamp"]:
        return no_update
    same_run = before["stamp"] and before["stamp"][0] == run.name
    places = positions(*before["sliders"]) if same_run else {}
    tags, theme = matching(media, text or ""), theme_of(colors)
    nothing = not media.items and not media.bad_lines
    return {
        "cards": [
            tag_card(workspace, run, media, key, places, url, theme) for key in tags[:MAX_CARDS]
        ],
        "note": note(media, tags),
        "class_name": "card run-empty" if nothing else "card",
        "stamp": stamp,
    }


def show_step(
    workspace: Workspace,
    cache: MediaCache,
    url: Url,
    place: int,
    id_: Mapping[str, str],
    shown: Any,
    colors: str | None,
) -> Any:
    """What was logged at the step that a slider has been moved to, and the step's name."""
    run = shown_run(workspace, shown)
    if run is None:
        return no_update
    try:
        media = cache.get(run)
    except Unreadable as said:
        return sentence(str(said)), no_update
    key = next((key for key in media.tags if digest(key) == id_["tag"]), None)
    steps = media.steps(*key) if key else []
    if not steps:
        return sentence("It is gone."), ""
    item = steps[max(0, min(int(place), len(steps) - 1))]
    return medium(workspace, run, item, url, theme_of(colors)), step_text(item, steps)


def positions(
    values: Sequence[int], ids: Sequence[Mapping[str, str]], ends: Sequence[int]
) -> dict[str, int]:
    """Where the sliders stand, by their tags' digests; one at its end follows the newest."""
    return {
        id_["tag"]: value for value, id_, end in zip(values, ids, ends, strict=True) if value != end
    }


def matching(media: MediaIndex, text: str) -> list[Key]:
    """The tags that can be shown and have a text in them."""
    return [key for key in media.tags if key[0] != "file" and text.lower() in key[1].lower()]


def note(media: MediaIndex, tags: Sequence[Key]) -> str:
    """What is not seen of the media."""
    parts = []
    if len(tags) > MAX_CARDS:
        parts.append(f"{MAX_CARDS} of {len(tags):,} tags: filter to see others.")
    if media.bad_lines:
        lines = "1 line" if media.bad_lines == 1 else f"{media.bad_lines:,} lines"
        parts.append(f"{lines} of the index cannot be read.")
    if media.cut:
        parts.append("The index is too long to be read to its end.")
    return " ".join(parts)


def tag_card(
    workspace: Workspace,
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
                medium(workspace, run, item, url, theme),
                id={"type": "run-medium", "tag": name},
                className="run-medium",
            ),
            slider,
        ],
        className=f"run-card is-{key[0]}",
    )


def step_text(item: Item, steps: Sequence[Item]) -> str:
    """Which step is shown, and of how many."""
    which = next(number for number, one in enumerate(steps, 1) if one.step == item.step)
    of = f" · {which:,} of {len(steps):,}" if len(steps) > 1 else ""
    return f"step {item.step:,}{of} · {moment(item.wall_time).rpartition(' ')[2]}"


def digest(key: Key) -> str:
    """A short name of a tag that any component can have."""
    return hashlib.sha256("\0".join(key).encode()).hexdigest()[:16]
