"""The rows of a run as a person follows them: now and then, on standard output."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Iterator
from itertools import islice

from exptools.logging.rows.row import Number, Row

_MOST = 100  # tags that are shown
_LONGEST = 60  # characters of a tag


class Console:
    """Shows rows: as a table on a terminal, in one line elsewhere.

    Args:
        every: seconds that pass between two of them at least; None shows none.
    """

    def __init__(self, every: float | None) -> None:
        self._every = every
        # On the monotonic clock, when the next row is shown: the other one may be set back a day.
        self.due = math.inf if every is None else -math.inf
        self._shown: Row | None = None

    def show(self, row: Row) -> None:
        """Show a row now."""
        if self._every is None or row is self._shown:
            return
        self._shown, self.due = row, time.monotonic() + self._every
        # Whoever closes standard output has not asked for the training to end.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if sys.stdout.isatty():
                _print_table(row)
            else:
                print(_line(row), flush=True)


def _line(row: Row) -> str:
    cells = (f"{tag} {value}" for tag, value in _cells(row))
    return " · ".join([f"step {row.step}", *cells])


def _print_table(row: Row) -> None:
    from rich import box
    from rich.console import Console as Terminal
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("step", overflow="fold")
    table.add_column(str(row.step), justify="right")
    for tag, value in _cells(row):
        table.add_row(Text(tag), value)
    Terminal().print(table)


def _cells(row: Row) -> Iterator[tuple[str, str]]:
    for tag, value in islice(row.scalars.items(), _MOST):
        name = tag if tag.isprintable() else repr(tag)[1:-1]  # lest a tag steer the terminal
        yield (name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"), _short(value)
    if len(row.scalars) > _MOST:
        yield "…", f"{len(row.scalars) - _MOST:,} more"


def _short(value: Number) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"
