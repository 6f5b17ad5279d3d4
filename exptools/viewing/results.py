"""Public path of the tables of results."""

from exptools.viewing.tables.results import Results, headings, results

__all__ = ["Results", "headings", "results"]
