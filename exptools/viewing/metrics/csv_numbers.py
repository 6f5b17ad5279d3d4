"""Make numbers of a CSV's cells: as our own files want it, and as other programs' files do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    names = [name or f"column {position + 1}" for position, name in enumerate(table.names)]
    texts = _texts(table.cells, ("",))
    return _named(texts, texts.select(_as_float(pl.all())), names, table, path)


def as_logged_by_others(table: Cells, path: Path) -> tuple[pl.DataFrame, list[Fault]]:
    """As ``as_numbers``, of what other programs write: names and dates may stand among the metrics.

    Blanks around names are none of theirs. A boolean is 1 or 0. A column without a number, as that
    of the host's name, is no metric: it is left out.
    """
    texts = _texts(table.cells, _ABSENT)
    numbers = texts.select(_as_float(pl.all()))
    if _absent(numbers) != _absent(texts):
        truths = pl.all().replace_strict(_TRUTHS, default=None, return_dtype=pl.Float64)
        number = _as_float(pl.all())
        numbers = texts.select(pl.when(number.is_null()).then(truths).otherwise(number))
    names = [
        "" if absent == texts.height > 0 else name.strip()
        for name, absent in zip(table.names, _absent(numbers), strict=True)
    ]
    return _named(texts, numbers, names, table, path)


def _texts(cells: pl.DataFrame, absent: Sequence[str]) -> pl.DataFrame:
    """The cells without blanks around them, null where they say nothing."""
    stripped = pl.all().str.strip_chars()
    return cells.select(pl.when(~stripped.is_in(absent)).then(stripped))


def _as_float(text: pl.Expr) -> pl.Expr:
    return text.cast(pl.Float64, strict=False)


def _absent(frame: pl.DataFrame) -> tuple[int, ...]:
    """How many cells of each column are null."""
    return frame.null_count().row(0) if frame.width else ()


def _named(
    texts: pl.DataFrame, numbers: pl.DataFrame, names: Sequence[str], table: Cells, path: Path
) -> tuple[pl.DataFrame, list[Fault]]:
    """The numbers under their names, NaN and a fault where a text is none; "" is left out.

    There may be thousands of columns, so only those take time of which a fault is listed.
    """
    columns: dict[str, pl.Series] = {}
    faults: list[Fault] = []
    wrong = [now > before for now, before in zip(_absent(numbers), _absent(texts), strict=True)]
    for position, name in enumerate(names):
        if name in columns:
            faults.append(Fault(path, 1, f"column {name!r} stands twice; the first one counts"))
        elif name:
            columns[name] = numbers.to_series(position)
            if wrong[position]:
                text = texts.to_series(position)
                is_wrong = columns[name].is_null() & text.is_not_null()
                columns[name] = columns[name].set(is_wrong, float("nan"))
                if len(faults) <= MAX_FAULTS:
                    faults += _no_numbers(name, text, is_wrong, table, path)
    return pl.DataFrame(columns), faults


def _no_numbers(
    name: str, text: pl.Series, is_wrong: pl.Series, table: Cells, path: Path
) -> list[Fault]:
    """A fault for each text that is no number, of the first ones."""
    return [
        Fault(path, int(table.lines[row]), f"{name}: {text[row]!r} is no number; shown as NaN")
        for row in is_wrong.arg_true().head(MAX_FAULTS + 1)
    ]
