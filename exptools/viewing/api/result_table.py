"""A table of results, with the ways to see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exptools.viewing.api.notebook import aligned, few, table
from exptools.viewing.frames import to_pandas
from exptools.viewing.tables import export
from exptools.viewing.tables.results import Results
from exptools.viewing.wording import shortened

if TYPE_CHECKING:
    from pandas import DataFrame


# What is shown; frame, latex and markdown have all.
MOST_ROWS, MOST_KEYS, MOST_CHARACTERS = 60, 8, 60


@dataclass(frozen=True, repr=False)
class ResultTable(Results):
    """For each group of runs centre and band of one number a run: to read, or for a paper."""

    def __repr__(self) -> str:
        heads, rows = self._shown()
        return aligned(heads, [[text for text, _ in row] for row in rows], self._said())

    def _repr_html_(self) -> str:
        return table(*self._shown(), notes=self._said())

    def _said(self) -> tuple[str, ...]:
        """What the numbers are, and what a reader must know of them."""
        numbers = (f"{export.described(self)}.",) if self.columns else ()
        more = len(self.by) - MOST_KEYS
        left_out = (f"{more} more of the keys grouped by are in frame().",) if more > 0 else ()
        return *numbers, *left_out, *self.notes

    def _shown(self) -> tuple[list[str], list[list[tuple[str, bool]]]]:
        """The headings and rows; of many rows the first and the last, of many keys the first."""
        heads, rows = export.readable(self)
        shown = [row or [("…", False)] * len(heads) for row in few(rows, MOST_ROWS)]
        keys = slice(MOST_KEYS, len(self.by))
        del heads[keys]
        for row in shown:
            row[:] = [(shortened(text, MOST_CHARACTERS), bold) for text, bold in row]
            del row[keys]
        return heads, shown

    def to_pandas(self) -> DataFrame:
        """A row a cell as ``frame`` has them, as a pandas frame."""
        return to_pandas(self.frame())

    def latex(self) -> str:
        """The table for the package booktabs, the best of each column in bold."""
        return export.latex(self)

    def markdown(self) -> str:
        """The table in GitHub's Markdown, the best of each column in bold."""
        return export.markdown(self)
