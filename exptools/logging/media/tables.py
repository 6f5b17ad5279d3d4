"""Tables as CSV, from whatever users have rows in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from exptools.hints import did_you_mean
from exptools.logging.media.store import EncodedMedium

_FORMS = "a data frame, a list of dicts, a dict of columns, or a list of rows"


class _Table(NamedTuple):
    names: list[object] | None  # of the columns, None where nothing says them
    rows: list[list[object]]


def encode_table(tag: str, table: Any, columns: Sequence[object] | None = None) -> EncodedMedium:
    """A table as CSV with a header, quoted as RFC 4180 says, in UTF-8.

    Numbers are written to be read back exactly, also those in tensors and arrays of one element;
    None is an empty cell, and all else is its text.

    Args:
        table: a data frame (pandas, Polars or PyArrow), an iterable of mappings, a mapping of
            columns, an iterable of rows, or an array.
        columns: which columns, in which order; of rows without names, their names, which are
            0, 1, 2, … else.

    Raises:
        TypeError: it is no table.
        ValueError: it has no columns, not those that are asked for, or rows of unequal lengths.
    """
    what = f"the table {tag!r}"
    names, rows = _read(what, table)
    if columns is not None:
        names, rows = _chosen(what, list(columns), names, rows)
    widths = sorted({len(row) for row in rows} | ({len(names)} if names is not None else set()))
    if len(widths) > 1:
        raise ValueError(f"{what} has rows of {widths[0]} and of {widths[-1]} cells")
    if widths in ([], [0]):
        raise ValueError(f"{what} is empty: give it rows, or name its columns with columns=[…]")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([str(name) for name in names or range(widths[0])])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return EncodedMedium("table", "csv", text.getvalue().encode(errors="replace"))


def _read(what: str, table: Any) -> _Table:
    if callable(getattr(table, "itertuples", None)):  # pandas
        named = table.reset_index() if any(table.index.names) else table
        return _Table(list(named.columns), _as_rows(named.itertuples(index=False, name=None)))
    if callable(getattr(table, "iter_rows", None)):  # Polars
        return _Table(list(table.columns), _as_rows(table.iter_rows()))
    if callable(getattr(table, "to_pydict", None)):  # PyArrow
        table = table.to_pydict()
    if isinstance(table, Mapping):
        return _of_columns(what, table)
    if getattr(getattr(table, "dtype", None), "kind", "") in ("U", "O", "M"):
        table = list(table)  # of texts, objects or times: the rows of these
    elif callable(getattr(table, "detach", None)) or hasattr(table, "__array__"):
        from exptools.logging.rows.arrays import as_numbers

        table = as_numbers(what, table).tolist()
    if not _is_listing(table):
        raise TypeError(f"{what} should be {_FORMS}, not {type(table).__name__}")
    return _of_rows(what, list(table))


def _of_columns(what: str, table: Mapping[Any, Any]) -> _Table:
    for name, values in table.items():
        if not _is_listing(values):
            kind = type(values).__name__
            raise TypeError(f"{what} has a column {name!r} that is no list of values, but {kind}")
    columns = [list(values) for values in table.values()]
    lengths = sorted({len(values) for values in columns})
    if len(lengths) > 1:
        raise ValueError(f"{what} has columns of {lengths[0]} and of {lengths[-1]} values")
    return _Table(list(table), [list(row) for row in zip(*columns, strict=True)])


def _of_rows(what: str, rows: list[Any]) -> _Table:
    if rows and all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        return _Table(names, [[row.get(name) for name in names] for row in rows])
    for row in rows:
        if not _is_listing(row) or isinstance(row, Mapping):
            raise TypeError(f"{what} should be {_FORMS}; it has a row that is {row!r:.60}")
    return _Table(None, _as_rows(rows))


def _chosen(
    what: str, columns: list[object], names: list[object] | None, rows: list[list[object]]
) -> _Table:
    if names is None:
        return _Table(columns, rows)
    for column in columns:
        if column not in names:
            hint = did_you_mean(str(column), map(str, names))
            raise ValueError(f"{what} has no column {column!r}{hint}")
    places = [names.index(column) for column in columns]
    return _Table(columns, [[row[place] for place in places] for row in rows])


def _is_listing(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _as_rows(rows: Iterable[Iterable[object]]) -> list[list[object]]:
    return [list(row) for row in rows]


def _cell(value: Any) -> object:
    if callable(getattr(value, "item", None)):  # an array or a tensor
        try:
            value = value.item()
        except (TypeError, ValueError, RuntimeError):  # of several elements
            return str(value)
    return value
