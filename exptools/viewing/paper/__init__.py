"""Curves as Matplotlib figures for a paper."""

from exptools.viewing.paper.compose import figure

__all__ = ["figure"]
