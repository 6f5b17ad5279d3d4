"""Runs by their config values, at the path where scripts of the original look for them."""

from exptools.viewing.plotter import ExpDatabase

__all__ = ["ExpDatabase"]
