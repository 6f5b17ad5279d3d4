"""The tab of what was logged across runs: its controls, and the place of the wall of tiles.

``assets/wall_tab.js`` and those beside it fill it: they ask ``WALL`` which tiles there are, and
``TILES`` for what is in those that come into view.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from exptools.viewing.app import questions
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.media.tiles import Question, Tiles
from exptools.viewing.app.media.wall import media_wall
from exptools.viewing.app.run.reading import MediaCache
from exptools.viewing.app.served_files import file_url
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import in_browser, labelled, options
from exptools.viewing.app.workspace import Workspace

WALL, TILES = "_media-wall", "_media-tiles"  # routes
CHOICES = {  # by their controls, which are called as the view's fields are
    "media_columns": ("Columns", {"runs": "Each run", "groups": "One a group"}),
    "media_layout": ("Arranged", {"table": "Side by side", "grid": "Grid"}),
    "media_size": ("Size", {"small": "S", "medium": "M", "large": "L"}),
    "histograms": (
        "Histograms",
        {
            "offset": "Offset",
            "overlay": "Overlay",
            "percentiles": "Percentiles",
            "step": "One step",
        },
    ),
}


def layout() -> Component:
    """What the tab holds before anything is known."""
    search = dmc.TextInput(
        id="media_search",
        label="Tags",
        placeholder="all: type a part of one",
        value="",
        className="control",
        inputProps={"autoComplete": "off", "spellCheck": "false"},
    )
    closed: Any = {"aria-expanded": "false", "className": "wall-button"}  # on a phone
    wall: Any = {"role": "region", "tabIndex": 0, **labelled("Media")}
    return html.Section(
        [
            dcc.Store(id="media-chosen"),
            html.Div(
                [
                    search,
                    html.Button("Options", id="media-options", type="button", **closed),
                    *map(_choice, CHOICES),
                ],
                className="media-controls",
            ),
            html.Div(id="media-kinds"),
            html.Div(id="media-steps"),
            html.P(id="media-sentence", className="captions"),
            html.Ul(id="media-notes", className="notes"),
            html.P(id="media-empty", role="status"),
            html.Div(id="media-wall", **wall),
        ],
        id="media-tab",
        className="card media",
    )


def _choice(name: str) -> Component:
    label, choices = CHOICES[name]
    sides = dmc.SegmentedControl(
        id=name, data=options(choices), value=next(iter(choices)), size="sm", **labelled(label)
    )
    return html.Div([html.Label(label), sides], className=f"control segmented {name}")


def register(app: Dash, workspace: Workspace, cache: MediaCache) -> None:
    """Answer what the page's scripts ask, and tie the controls to the view."""
    tiles = Tiles(workspace, cache, partial(file_url, app))
    questions.register(app, WALL, WallQuestion.read, partial(answer_wall, workspace, cache))
    questions.register(app, TILES, Question.read, tiles.answer)
    tie, view = partial(in_browser, app), ("view", "data")
    changed = Output(*view, allow_duplicate=True)
    tie(
        "exptools_media.show",
        *(Output(name, "value") for name in (*CHOICES, "media_search")),
        Input(*view),
        Input("version", "data"),
        Input("colors", "data"),
        State("defaults", "data"),
        *(State(name, "value") for name in (*CHOICES, "media_search")),
    )
    chosen = (Input(name, "value") for name in CHOICES)
    tie("exptools_media.adjust", changed, *chosen, State(*view))
    tie("exptools_media.choose", changed, Input("media-chosen", "data"), State(*view))


@dataclass(frozen=True)
class WallQuestion:
    """Which tiles there are in a view, and the digest of those that the page has."""

    view: str  # as an address has it
    have: str  # "" where it has none

    @classmethod
    def read(cls, text: bytes) -> WallQuestion:
        """Read what a page has sent.

        Raises:
            ValueError: it is no such question; the message says why.
        """
        parts = questions.parts_of(text)
        view, have = parts.get("view"), parts.get("have")
        if not isinstance(view, str) or not isinstance(have, str):
            raise ValueError("it lacks the view's query, or the digest of what the page has")
        return cls(view, have)


def answer_wall(workspace: Workspace, cache: MediaCache, question: WallQuestion) -> str:
    """The tiles that there are; of those that the page has already only the digest."""
    view = resolve(View.from_query(question.view), workspace.facts())
    data = media_wall(workspace, cache, view).to_data()
    same = data["digest"] == question.have
    return json.dumps(
        {"digest": question.have} if same else data
    )  # in ASCII: names need not be Unicode
