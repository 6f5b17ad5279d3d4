"""Curves as Matplotlib figures for a paper."""

from exptools.viewing.paper.compose import caption, figure, save

__all__ = ["caption", "figure", "save"]
