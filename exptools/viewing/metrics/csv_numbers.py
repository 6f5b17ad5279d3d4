"""Make numbers of a CSV's cells: as our own files want it, and as other programs' files do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Fault

MAX_FAULTS = 20  # a file: more would only bury the first ones
_TRUTHS = {"True": 1.0, "true": 1.0, "False": 0.0, "false": 0.0}
_ABSENT = ("", "NA", "None")  # "NA" is Keras's, in the last row of a training that was stopped


@dataclass(frozen=True)
class Cells:
    """The rows of a CSV that have as many cells as their header."""

    names: list[str]
    cells: pl.DataFrame  # texts, null where a cell is empty; columns "0", "1", …
    lines: NDArray[np.int64]  # each row's line in the file
    faults: list[Fault]


Numbers = Callable[[Cells, Path], "tuple[pl.DataFrame, list[Fault]]"]


def as_numbers(table: Cells, path: Path) -> tuple[pl.DataFrame, list[Fault]]:
    """The cells as numbers, a cell that is none as NaN; each name's first column counts."""
    columns: dict[str, pl.Series] = {}
    faults: list[Fault] = []
    for position, name in enumerate(table.names):
        label = name or f"column {position + 1}"
        if label in columns:
            faults.append(_twice(label, path))
            continue
        text = table.cells[str(position)].str.strip_chars()
        numbers = text.cast(pl.Float64, strict=False)
        columns[label], wrong = _without_texts(label, text, numbers, table, path)
        faults += wrong
    return pl.DataFrame(columns), faults


def as_logged_by_others(table: Cells, path: Path) -> tuple[pl.DataFrame, list[Fault]]:
    """As ``as_numbers``, of what other programs write: names and dates may stand among the metrics.

    Blanks around names are none of theirs. A boolean is 1 or 0. A column without a number, as that
    of the host's name, is no metric: it is left out.
    """
    stripped = (pl.col(name).str.strip_chars() for name in table.cells.columns)
    texts = table.cells.select(pl.when(~text.is_in(_ABSENT)).then(text) for text in stripped)
    read = texts.cast(pl.Float64, strict=False)
    columns: dict[str, pl.Series] = {}
    faults: list[Fault] = []
    for name, text, numbers in zip(map(str.strip, table.names), texts, read, strict=True):
        column, wrong = numbers, list[Fault]()
        if numbers.null_count() > text.null_count():
            truths = text.replace_strict(_TRUTHS, default=None, return_dtype=pl.Float64)
            column = pl.select(pl.coalesce(numbers, truths)).to_series()
        if not name or column.null_count() == len(column) > 0:
            continue
        if column.null_count() > text.null_count():
            column, wrong = _without_texts(name, text, column, table, path)
        faults += [_twice(name, path)] if name in columns else wrong
        columns.setdefault(name, column)
    return pl.DataFrame(columns), faults


def _twice(label: str, path: Path) -> Fault:
    return Fault(path, 1, f"column {label!r} stands twice; the first one counts")


def _without_texts(
    label: str, text: pl.Series, numbers: pl.Series, table: Cells, path: Path
) -> tuple[pl.Series, list[Fault]]:
    """The numbers, with NaN and a fault where a text is none."""
    wrong = (numbers.is_null() & text.is_not_null() & (text != "")).fill_null(value=False)
    faults = [
        Fault(path, int(table.lines[row]), f"{label}: {text[row]!r} is no number; shown as NaN")
        for row in wrong.arg_true().head(MAX_FAULTS + 1)
    ]
    return pl.select(pl.when(wrong).then(float("nan")).otherwise(numbers)).to_series(), faults
