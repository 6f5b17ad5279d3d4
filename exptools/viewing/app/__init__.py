"""The Dash app behind exptools-dash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exptools.lazy import lazy_attributes

if TYPE_CHECKING:
    from exptools.viewing.app.server import create_app

__all__ = ["create_app"]

__getattr__ = lazy_attributes(__name__, {"create_app": "exptools.viewing.app.server"})
