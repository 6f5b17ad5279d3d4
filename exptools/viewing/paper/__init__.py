"""Curves as Matplotlib figures for a paper."""

from exptools.viewing.paper.compose import caption, figure, save, without_curves

__all__ = ["caption", "figure", "save", "without_curves"]
