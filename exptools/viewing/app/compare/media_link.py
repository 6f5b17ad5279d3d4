"""From a point of a curve to what its runs had logged at that step: the way to the tab Media."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from exptools.rundir import MEDIA_INDEX, STEP
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.view import LARGEST_STEP, View
from exptools.viewing.app.widgets import in_browser
from exptools.viewing.app.workspace import Workspace


def layout() -> list[Component]:
    """What stands over the chart once a point is clicked whose runs have media."""
    button = html.Button(id="media-at", type="button", className="wall-button", hidden=True)
    return [dcc.Store(id="pointed-at"), dcc.Store(id="media-of-point"), button]


def register(app: Dash, workspace: Workspace) -> None:
    """Tie the point that was clicked to the button beside it."""
    app.callback(
        Output("media-of-point", "data"),
        Input("pointed-at", "data"),
        prevent_initial_call=True,
    )(partial(media_of_point, workspace))
    label = Output("media-at", "children")
    in_browser(app, "exptools_point.offer", label, Input("media-of-point", "data"))


def media_of_point(workspace: Workspace, pointed: dict[str, Any] | None) -> dict[str, Any] | None:
    """The step, the runs and the words for a clicked point; None where there are no media.

    Only where the x axis says the step itself, which a symlog axis does not. ``pointed`` has the
    view in which the point was seen, for the same click changes the page's.
    """
    if not pointed:
        return None
    view = View.from_data(pointed["view"])
    on_symlog = "x" in view.log and view.nonpositive == "symlog"
    if view.x != STEP or on_symlog:
        return None
    panels, (panel, line) = drawing(workspace, view).panels, pointed["curve"]
    if panel >= len(panels) or line >= len(panels[panel].groups):
        return None
    runs = panels[panel].groups[line].runs
    step = round(pointed["x"])
    has_media = any(os.path.lexists(run.directory / MEDIA_INDEX) for run in runs)
    if not has_media or abs(step) > LARGEST_STEP:
        return None
    whose = "this run" if len(runs) == 1 else f"these {len(runs):,} runs"
    return {
        "step": step,
        "runs": [run.name for run in runs],
        "text": f"Media at step {step:,} of {whose}",
        "at": pointed["place"],
    }
