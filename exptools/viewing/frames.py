"""Frames of runs: a row a run, or a row for each logged row. Nothing is rounded or left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exptools.rundir import STEP, WALL_TIME
from exptools.viewing.configs.values import MISSING, display
from exptools.viewing.lazy_polars import pl
from exptools.viewing.metrics.columns import ABSENT, Columns, is_absent
from exptools.viewing.run import Run
from exptools.viewing.wording import escape_invalid_unicode, shortened

if TYPE_CHECKING:
    from pandas import DataFrame

EXACT_INTEGER = 2**53  # beyond it a float64 is not


def column(name: str, values: Sequence[Any]) -> pl.Series:
    """The values of a key: typed where all have one type, else as texts; null where MISSING is.

    An int among floats is a float. Null has a type where no value is missing, and is the text
    "null" where one is, so that the two stay apart.
    """
    present = [value for value in values if value is not MISSING]
    kinds = {type(value) for value in present if value is not None}
    kind = float if kinds == {int, float} else next(iter(kinds)) if len(kinds) == 1 else None
    ambiguous = None in present and len(present) < len(values)
    largest = EXACT_INTEGER if kind is float else 2**63
    fits = all(abs(v) < largest for v in present if type(v) is int)
    if kind not in (bool, int, float, str) or ambiguous or not fits:
        texts = [None if value is MISSING else display(value) for value in values]
        return text_column(name, texts)
    if kind is str:
        return text_column(name, [None if value is MISSING else value for value in values])
    cells = [None if value is MISSING or value is None else kind(value) for value in values]
    return pl.Series(name, cells, type_of(kind))


def type_of(kind: type) -> type[pl.DataType]:
    """The type of a column of bools, ints, floats or texts."""
    return {bool: pl.Boolean, int: pl.Int64, float: pl.Float64, str: pl.String}[kind]


def text_column(name: str, texts: Sequence[str | None]) -> pl.Series:
    """Texts; what is no UTF-8, as in the name of a directory, is escaped as Python shows it."""
    cells = [text and escape_invalid_unicode(text) for text in texts]
    return pl.Series(name, cells, pl.String)


def frame_of(columns: Sequence[tuple[str, str, pl.Series]]) -> pl.DataFrame:
    """A frame of (what it is, name, values); a name that stands twice gets what it is before it."""
    by_name: dict[str, pl.Series] = {}
    for what, name, values in columns:
        free = name if name not in by_name else f"{what}.{name}"
        while free in by_name:
            free += "'"
        by_name[free] = values
    return pl.DataFrame([values.alias(name) for name, values in by_name.items()])


def to_pandas(frame: pl.DataFrame) -> DataFrame:
    """The frame as pandas has it: null is NaN among numbers, None among texts."""
    if not isinstance(frame, pl.DataFrame):
        own = ", which has its own to_pandas()" if hasattr(frame, "to_pandas") else ""
        given = shortened(repr(frame))
        raise TypeError(f"to_pandas takes a frame of polars, not {given}{own}")
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        if error.name != "pandas":
            raise
        raise ModuleNotFoundError(
            "to_pandas needs pandas: pip install pandas", name="pandas"
        ) from None
    # Not polars' own way, which needs pyarrow, too.
    return pd.DataFrame({name: frame[name].to_numpy() for name in frame.columns})


def logged_rows(
    runs: Sequence[Run], columns: Mapping[str, Columns], metrics: Sequence[str], *, long: bool
) -> pl.DataFrame:
    """Every row in which a run logged one of the metrics, as it was logged.

    ``columns`` has step, wall_time and the metrics by run name. ``long``: a row a value, with
    columns metric and value; else a column a metric, in which null is "not logged in that row".
    """
    parts = [columns[run.name] for run in runs]
    begun = any(part.rows for part in parts)  # else nobody knows yet which clocks there will be
    clocks = [c for c in (STEP, WALL_TIME) if not begun or any(c in part for part in parts)]
    rows = np.repeat(np.arange(len(runs)), [part.rows for part in parts])
    names = text_column("name", [run.name for run in runs]).gather(rows)
    frame = frame_of(
        [("run", "name", names)]
        + [("run", clock, _counted(_joined(parts, clock))) for clock in clocks]
        + [("metric", metric, _joined(parts, metric)) for metric in metrics]
    )
    index, values = frame[:, : 1 + len(clocks)], frame[:, 1 + len(clocks) :]
    if not long:
        return frame.filter(pl.Series(_any_logged(values)))
    return pl.concat(
        [_long(index, metric, values[:, at]) for at, metric in enumerate(metrics)]
        or [_long(index.clear(), "", pl.Series([], dtype=pl.Float64))]
    )


def _long(index: pl.DataFrame, metric: str, values: pl.Series) -> pl.DataFrame:
    cells = pl.Series("metric", [metric]).new_from_index(0, len(values)), values.alias("value")
    return index.with_columns(*cells).filter(pl.col("value").is_not_null())


def _any_logged(values: pl.DataFrame) -> NDArray[np.bool_]:
    logged = np.zeros(values.height, bool)
    for metric in values:
        logged |= metric.is_not_null().to_numpy()
    return logged


def _joined(parts: Sequence[Columns], name: str) -> pl.Series:
    """A column of all runs, null where nothing was logged; a NaN that was logged stays one."""
    arrays = [part[name] if name in part else np.full(part.rows, ABSENT) for part in parts]
    values = np.concatenate([*arrays, np.empty(0)])  # there may be no runs
    series = pl.Series(name, values)
    absent = is_absent(values)
    return series.set(pl.Series(absent), None) if absent.any() else series


def _counted(values: pl.Series) -> pl.Series:
    """Whole numbers as such: what counts is not exported as 3.0."""
    whole = (values == values.round()) & (values.abs() < EXACT_INTEGER)
    return values.cast(pl.Int64) if values.name == STEP and bool(whole.all()) else values
