"""The tables in a run's tab: what stands in them, as the page's script draws it.

Not as components of Dash, which compares all that it has whenever anything changes: some thousand
cells would stop a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dash import Dash, Input, dcc, html
from dash.development.base_component import Component

from exptools.units import format_bytes
from exptools.viewing.app.widgets import in_browser
from exptools.viewing.configs.tree import bounded
from exptools.viewing.groups.differences import Difference, Peculiarity
from exptools.viewing.run_files.directory import SnapshotFile
from exptools.viewing.run_files.media import Item
from exptools.viewing.wording import moment
from exptools.visible import visible_lines

MAX_ROWS = 500  # nobody reads more
LONGEST = 5000  # characters of a value
MAX_OTHERS = 3  # other values of a key


@dataclass(frozen=True)
class Piece:
    """A part of a line."""

    text: str
    style: str = ""  # "muted", "value" (cut where it is long) or "link"
    href: str = ""  # where a link goes


Line = tuple[Piece, ...]
Cell = tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """What the page's script draws."""

    heads: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    sentence: str = ""  # below the rows, or in place of them


def place(name: str) -> list[Component]:
    """Where a table is drawn, and the store that it is drawn from."""
    return [html.Div(id=name), dcc.Store(id=f"{name}-table")]


def register(app: Dash, name: str) -> None:
    """Draw what comes into the store of a place."""
    in_browser(app, "exptools_run.drawTable", Input(f"{name}-table", "data"), Input(name, "id"))


def sentence(text: str) -> Component:
    """In place of what is not there."""
    return html.P(visible_lines(text), className="run-nothing")


def differences(differing: Sequence[Difference], other: str) -> Table:
    """The keys in which two runs differ."""
    if not differing:
        return Table(sentence="Their configs are the same.")
    rows = [(_plain(one.key), _value(one.left[0]), _value(one.right[0])) for one in differing]
    return _table(("Key", "This run", visible_lines(other)), rows)


def peculiarities(peculiar: Sequence[Peculiarity], runs: int) -> Table:
    """The keys in which a run is not like most of its group."""
    if runs < 2:
        return Table(sentence="There is no other run to compare it with.")
    if not peculiar:
        return Table(sentence=f"Its config is that of most of the {runs:,} runs.")
    rows = [
        (_plain(one.key), _value(one.value, _share(one.same, runs)), _others(one, runs))
        for one in peculiar
    ]
    return _table(("Key", "This run", "The other runs"), rows)


def snapshots(kept: Sequence[SnapshotFile]) -> Table:
    """What the run could go on from."""
    if not kept:
        return Table(sentence="No snapshots.")
    rows = [
        (
            _plain(one.name, *_replaced(one)),
            _plain("last" if one.step is None else f"{one.step:,}"),
            _plain(format_bytes(one.size)),
            _plain(moment(one.written)),
        )
        for one in kept
    ]
    return _table(("Snapshot", "Step", "Size", "Written"), rows)


def attempts(tried: Sequence[tuple[str, int, float | None]]) -> Table:
    """Attempts at a run: directory, rows, and when it was last written to."""
    rows = [
        (_plain(place), _plain(f"{number:,}"), _plain("" if last is None else moment(last)))
        for place, number, last in tried
    ]
    table = _table(("Directory", "Rows", "Last written"), rows)
    said = "The newest attempt is the run; these were before it and are not drawn."
    return replace(table, sentence=f"{said} {table.sentence}".strip())


def files(logged: Sequence[Item], url: Callable[[str], str]) -> Table:
    """The files that were logged, to be downloaded."""
    rows = [
        (
            ((Piece(one.path.rpartition("/")[2], "link", url(one.path)),),),
            _plain(one.tag),
            _plain(f"{one.step:,}"),
            _plain(format_bytes(one.size)),
        )
        for one in logged
    ]
    return _table(("File", "Tag", "Step", "Size"), rows) if rows else Table()


def _table(heads: tuple[str, ...], rows: Sequence[tuple[Cell, ...]]) -> Table:
    left = len(rows) - MAX_ROWS
    return Table(heads, tuple(rows[:MAX_ROWS]), f"{left:,} more are not shown." if left > 0 else "")


def _plain(text: str, *others: Piece) -> Cell:
    return ((Piece(visible_lines(text)), *others),)


def _value(value: Any, *others: Piece) -> Cell:
    text, cut = bounded(value, LONGEST)
    return ((Piece(f"{text} … (cut)" if cut else text, "value"), *others),)


def _others(one: Peculiarity, runs: int) -> Cell:
    shown = [
        line for value, n in one.others[:MAX_OTHERS] for line in _value(value, _share(n, runs))
    ]
    left = len(one.others) - MAX_OTHERS
    more = f"and {left:,} other value{'s' * (left > 1)}"
    return (*shown, *([(Piece(more, "muted"),)] if left > 0 else []))


def _share(number: int, runs: int) -> Piece:
    return Piece(f"{number:,} of {runs:,}", "muted")


def _replaced(one: SnapshotFile) -> list[Piece]:
    by = one.replaced_by
    return [] if by is None else [Piece(f"replaced by attempt {by}", "muted")]
