"""The Dash app behind exptools-dash."""

from exptools.viewing.app.server import create_app

__all__ = ["create_app"]
