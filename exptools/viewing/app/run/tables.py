"""The tables in a run's tab: what stands in them, as the page's script draws it.

Not as components of Dash, which compares all that it has whenever anything changes: some thousand
cells would stop a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dash import ClientsideFunction, Dash, Input, dcc, html
from dash.development.base_component import Component

from exptools.viewing.configs.tree import bounded
from exptools.viewing.groups.differences import Difference, Peculiarity
from exptools.viewing.run_files.directory import SnapshotFile
from exptools.viewing.run_files.media import Item
from exptools.viewing.wording import clean, moment, size

MAX_ROWS = 500  # nobody reads more
LONGEST = 5000  # characters of a value
MAX_OTHERS = 3  # other values of a key

Piece = list[str]  # how it looks ("", "muted", "value", "link"), its text, and where a link goes
Cell = list[list[Piece]]  # lines of pieces
Table = dict[str, Any]  # "heads", "rows" of cells, and "say": a sentence beside or in place of them


def place(name: str) -> list[Component]:
    """Where a table is drawn, and the store that it is drawn from."""
    return [html.Div(id=name), dcc.Store(id=f"{name}-table")]


def register(app: Dash, name: str) -> None:
    """Draw what comes into the store of a place."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("exptoolsRun", "drawTable"),
        Input(f"{name}-table", "data"),
        Input(name, "id"),
    )


def saying(sentence: str) -> Table:
    """A sentence in place of a table."""
    return {"heads": [], "rows": [], "say": sentence}


def differences(found: Sequence[Difference], other: str) -> Table:
    """The keys in which two runs differ."""
    if not found:
        return saying("Their configs are the same.")
    rows = [[_plain(one.key), _value(one.left[0]), _value(one.right[0])] for one in found]
    return _table(["Key", "This run", clean(other)], rows)


def peculiarities(found: Sequence[Peculiarity], runs: int) -> Table:
    """The keys in which a run is not like most of its group."""
    if runs < 2:
        return saying("There is no other run to compare it with.")
    if not found:
        return saying(f"Its config is that of most of the {runs:,} runs.")
    rows = [
        [_plain(one.key), _value(one.value, _share(one.same, runs)), _others(one, runs)]
        for one in found
    ]
    return _table(["Key", "This run", "The other runs"], rows)


def snapshots(found: Sequence[SnapshotFile]) -> Table:
    """What the run could go on from."""
    if not found:
        return saying("No snapshots.")
    rows = [
        [
            _plain(one.name, *_replaced(one)),
            _plain("last" if one.step is None else f"{one.step:,}"),
            _plain(size(one.size)),
            _plain(moment(one.written)),
        ]
        for one in found
    ]
    return _table(["Snapshot", "Step", "Size", "Written"], rows)


def files(found: Sequence[Item], url: Callable[[str], str]) -> Table:
    """The files that were logged, to be downloaded."""
    rows = [
        [
            [[["link", one.path.rpartition("/")[2], url(one.path)]]],
            _plain(one.tag),
            _plain(f"{one.step:,}"),
            _plain(size(one.size)),
        ]
        for one in found
    ]
    return _table(["File", "Tag", "Step", "Size"], rows) if rows else saying("")


def _table(heads: list[str], rows: list[list[Cell]]) -> Table:
    left = len(rows) - MAX_ROWS
    say = f"{left:,} more are not shown." if left > 0 else ""
    return {"heads": heads, "rows": rows[:MAX_ROWS], "say": say}


def _plain(text: str, *others: Piece) -> Cell:
    return [[["", clean(text)], *others]]


def _value(found: Any, *others: Piece) -> Cell:
    text, cut = bounded(found, LONGEST)
    return [[["value", f"{text} … (cut)" if cut else text], *others]]


def _others(one: Peculiarity, runs: int) -> Cell:
    shown = [
        line for value, n in one.others[:MAX_OTHERS] for line in _value(value, _share(n, runs))
    ]
    left = len(one.others) - MAX_OTHERS
    return [*shown, *([[["muted", f"and {left:,} other values"]]] if left > 0 else [])]


def _share(number: int, runs: int) -> Piece:
    return ["muted", f"{number:,} of {runs:,}"]


def _replaced(one: SnapshotFile) -> list[Piece]:
    by = one.replaced_by
    return [] if by is None else [["muted", f"replaced by attempt {by}"]]
