"""Public path of the tables' formats: LaTeX, Markdown and CSV."""

from exptools.viewing.tables.export import csv, latex, markdown

__all__ = ["csv", "latex", "markdown"]
