"""Print a table for people or for programs, or write it into a file."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exptools.viewing.cli.commands import Output
from exptools.viewing.errors import UsageError
from exptools.viewing.lazy_polars import pl
from exptools.viewing.tables.export import csv
from exptools.visible import visible

WIDE = 100_000  # columns: what is no terminal folds nothing
MOST_CHARACTERS = 200  # of a cell in a table for people


def write_frame(frame: pl.DataFrame, output: Output) -> None:
    """Write a frame as JSON if that is asked for, else as CSV."""
    if output.kind == "json":
        write(json_lines(frame.iter_rows(named=True)), output)
    else:
        write(csv(frame, for_spreadsheets=output.for_spreadsheets), output)


def json_lines(records: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """A JSON array with a record a line; NaN, inf and -inf, which JSON lacks, as texts."""
    before = b"["
    for record in records:
        yield before + b"\n" + json_text(record)
        before = b","
    yield b"\n]\n" if before == b"," else b"[]\n"


def json_text(value: Any) -> bytes:
    """A value as JSON; NaN, inf and -inf as texts."""
    return json.dumps(_without_nan(value), ensure_ascii=False).encode("utf-8", "backslashreplace")


def write(pieces: Iterable[bytes], output: Output) -> None:
    """Write into ``--out``, or else to the standard output."""
    if output.path is None:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:  # with PYTHONUNBUFFERED a write may take only the beginning
                rest = rest[sys.stdout.buffer.write(rest) :]
        return
    content = b"".join(pieces)  # whole, before the file is touched
    with writing(output.path):
        output.path.write_bytes(content)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name in one sentence the file that could not be written."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def show(
    headings: Sequence[str], rows: Iterable[Sequence[tuple[str, bool] | str]], numbers: int = 0
) -> None:
    """Print a table for people; the last columns, as many as ``numbers``, hold numbers.

    A cell is a text, or a text and whether it is bold.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for at, heading in enumerate(headings):
        right = at >= len(headings) - numbers
        table.add_column(Text(_cut(heading)), justify="right" if right else "left", overflow="fold")
    for row in rows:
        cells = [(cell, False) if isinstance(cell, str) else cell for cell in row]
        table.add_row(*(Text(_cut(text), "bold" if bold else "") for text, bold in cells))
    terminal = sys.stdout.isatty()
    Console(file=sys.stdout, width=None if terminal else WIDE, highlight=False).print(table)


def say(output: Output, sentences: Iterable[str]) -> None:
    """Tell a person what the output itself does not say."""
    for sentence in sentences:
        print(f"exptools {output.command}: {visible(sentence)}", file=sys.stderr)


def _cut(text: str) -> str:
    """A text of a length that a cell takes; what is for programs has all of it."""
    shown = visible(text[: MOST_CHARACTERS + 1])
    return shown if len(shown) <= MOST_CHARACTERS else f"{shown[: MOST_CHARACTERS - 1]}…"


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{value}"
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, (list, tuple)) else value
