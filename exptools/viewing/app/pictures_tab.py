"""The tab of other pictures: to be filled."""

from __future__ import annotations

from dash import Dash, html
from dash.development.base_component import Component

from exptools.viewing.index import Index


def layout() -> Component:
    """What the tab holds before anything is chosen."""
    return html.Section(id="pictures-tab", className="card")


def register(app: Dash, index: Index) -> None:
    """Tie the tab's callbacks to the page."""
