"""Make numbers of a CSV's cells: as our own files want it, and as other programs' files do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Fault

MAX_FAULTS = 20  # a file: more would only bury the first ones
BLOCK = 2**16  # cells of short columns that are looked at together
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
    converted = zip(names, _converted(table.cells, ("",)), strict=True)
    return _named(converted, table, path)


def as_logged_by_others(table: Cells, path: Path) -> tuple[pl.DataFrame, list[Fault]]:
    """As ``as_numbers``, of what other programs write: names and dates may stand among the metrics.

    Blanks around names are none of theirs. A boolean is 1 or 0. A column without a number, as that
    of the host's name, is no metric: it is left out.
    """
    converted = zip(
        map(str.strip, table.names), _converted(table.cells, _ABSENT, _truths), strict=True
    )
    metrics = ((name, its) for name, its in converted if name and (its.any or not its.number.len()))
    return _named(metrics, table, path)


class _Column(NamedTuple):
    """A column of cells."""

    text: pl.Series  # without blanks around it, null where it says nothing
    number: pl.Series  # null where it says nothing, NaN where that is no number
    any: bool  # whether there is a number
    wrong: Sequence[int]  # the first rows in which there is a text that is none


def _converted(
    cells: pl.DataFrame,
    absent: Sequence[str],
    read_too: Callable[[pl.Series], pl.Series] | None = None,
) -> Iterator[_Column]:
    """Each column as texts and numbers; of the texts ``absent`` say nothing.

    Columns are taken together as long as they are short: each by itself takes its time, and there
    may be thousands. ``read_too`` makes numbers of other texts.
    """
    columns, height = cells.get_columns(), cells.height
    step = max(1, BLOCK // max(1, height))
    for start in range(0, len(columns), step):
        block = columns[start : start + step]
        text = (pl.concat(block, rechunk=True) if len(block) > 1 else block[0]).str.strip_chars()
        text = pl.select(pl.when(~text.is_in(absent)).then(text)).to_series()
        number = text.cast(pl.Float64, strict=False)
        if read_too and number.null_count() > text.null_count():
            number = pl.select(pl.coalesce(number, read_too(text))).to_series()
        is_wrong = number.is_null() & text.is_not_null()
        numbers = _by_column(number.is_not_null(), len(block))
        number = number.set(is_wrong, float("nan")) if is_wrong.any() else number
        wrong = _by_column(is_wrong, len(block))
        for at in range(len(block)):
            its = slice(at * height, (at + 1) * height)
            rows = is_wrong[its].arg_true().head(MAX_FAULTS + 1) if wrong[at] else ()
            yield _Column(text[its], number[its], numbers[at] > 0, tuple(rows))


def _by_column(mask: pl.Series, columns: int) -> list[int]:
    """How many are true in each of some columns that follow each other."""
    counts: list[int] = mask.to_numpy().reshape(columns, -1).sum(axis=1).tolist()
    return counts


def _truths(text: pl.Series) -> pl.Series:
    return text.replace_strict(_TRUTHS, default=None, return_dtype=pl.Float64)


def _named(
    columns: Iterable[tuple[str, _Column]], table: Cells, path: Path
) -> tuple[pl.DataFrame, list[Fault]]:
    """The numbers under their names, with NaN and a fault where a text is none."""
    named: dict[str, pl.Series] = {}
    faults: list[Fault] = []
    for name, column in columns:
        if name in named:
            faults.append(Fault(path, 1, f"column {name!r} stands twice; the first one counts"))
            continue
        named[name] = column.number
        if column.wrong and len(faults) <= MAX_FAULTS:
            faults += [
                Fault(path, int(table.lines[row]), _no_number(name, column.text[row]))
                for row in column.wrong
            ]
    return pl.DataFrame(named), faults


def _no_number(name: str, text: str) -> str:
    return f"{name}: {text!r} is no number; shown as NaN"
