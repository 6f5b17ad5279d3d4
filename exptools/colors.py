"""Colours, at the path where scripts of the original look for them."""

from exptools.compat.colors import get_colors, get_rgb_colors

__all__ = ["get_colors", "get_rgb_colors"]
