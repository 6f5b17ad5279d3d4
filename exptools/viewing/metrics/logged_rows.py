"""The rows that a run has logged, as the careful readers give them: all columns, all faults."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exptools.plain_files import LARGE, first_hole, open_plain
from exptools.rundir import STEP, WALL_TIME, read_regular
from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Fault

MAX_BYTES = 2**30  # of a file; read, it takes a few times its size in memory
MAX_CELLS = 2**27  # of rows: 1 GiB of numbers
# Of rows that are mostly gaps, because metrics share hardly any steps: so many cells a number, and
# in any case so many (16 MiB of numbers).
MAX_GAPS, FEW_CELLS = 512, 2**21
MAX_COLUMNS = 2**16
MAX_LETTERS = 2**24  # of the names of a run's metrics
UNFINISHED = "the last line is not finished; left out"

# What counts the steps, by the names that libraries give it; the finest count comes first.
STEP_NAMES = (
    STEP,
    "time/total_timesteps",  # Stable-Baselines3
    "TotalEnvInteracts",  # Spinning Up
    "TotalEnvSteps",  # garage
    "Diagnostics/CumSteps",  # rlpyt
    *("exploration/num steps total", "expl/num steps total", "Number of env steps total"),  # rlkit
    *("total_timesteps", "num_timesteps", "TimestepsSoFar", "Time Steps"),  # OpenAI's baselines
    "timesteps_total",  # Ray Tune
    *("num_env_steps_sampled_lifetime", "num_env_steps_sampled"),  # RLlib
    *("env_step", "env_steps"),  # Tianshou
    "global_step",
    *("frame", "frames"),
    # Where both are there, ``steps`` is mostly what the one episode took.
    *("episode", "Episode", "steps", "timesteps", "timestep"),
    *("iteration", "Iteration", "Itr", "itr", "Diagnostics/Iteration", "training_iteration"),
    *("epoch", "Epoch"),
)


@dataclass(frozen=True)
class LoggedRows:
    """A run's metrics, a row for each time that its row was written."""

    # All Float64; column "step" always, then what the file has; null where nothing was logged.
    frame: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={STEP: pl.Float64}))
    faults: tuple[Fault, ...] = ()
    step_from: str | None = STEP  # the column that "step" was taken from; None: the row's number


def contents(files: Iterable[Path], faults: list[Fault]) -> Iterator[tuple[Path, bytes]]:
    """What stands in each of some files; one that cannot be read is a fault."""
    for file in files:
        try:
            content = read_content(file, faults)
        except OSError as error:
            faults.append(Fault(file, None, f"cannot be read: {error.strerror}"))
        else:
            yield file, content


def read_content(file: Path, faults: list[Fault], limit: int = MAX_BYTES) -> bytes:
    """What stands in a file up to its first hole, if it has one: that is a fault.

    A file may claim gigabytes of which hardly anything was ever written.

    Raises:
        OSError: it cannot be read, is no regular file, or has more than ``limit`` bytes.
    """
    if os.lstat(file).st_size < LARGE:
        return read_regular(file, limit)
    with open(file, "rb", buffering=0, opener=open_plain) as raw:
        hole = first_hole(raw.fileno())
        if hole is None or hole > limit:
            return read_regular(file, limit)
        faults.append(Fault(file, None, f"from byte {hole:,} on nothing was written; left out"))
        return os.pread(raw.fileno(), hole, 0)


def step_column(names: Sequence[str]) -> str | None:
    """Which of a file's columns counts the steps, None where none does: then rows are counted.

    A name as it is in ``STEP_NAMES`` goes before one in other letters: ``Global Step``.
    """
    exact = next((name for name in STEP_NAMES if name in names), None)
    if exact is not None:
        return exact
    alike = {_in_small_letters(name): name for name in reversed(names)}
    return next((alike[name] for name in _SMALL_STEP_NAMES if name in alike), None)


def _in_small_letters(name: str) -> str:
    return name.lower().replace(" ", "_")


_SMALL_STEP_NAMES = tuple(map(_in_small_letters, STEP_NAMES))


class TooManyCells(Exception):
    """Metrics that share hardly any steps would fill the memory with gaps."""


class NestedNames:
    """Names made of those around them, each of which repeats these: a short text may have many."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._letters = 0

    def once(self, name: str) -> str:
        """The name, the same object each time.

        Raises:
            TooManyCells: all names together are longer than ``MAX_LETTERS``.
        """
        known = self._known.get(name)
        if known is None:
            self._letters += len(name)
            if self._letters > MAX_LETTERS:
                raise TooManyCells(f"names of more than {MAX_LETTERS:,} letters are not read")
            known = self._known[name] = name
        return known


def check_cells(metrics: int, rows: int, numbers: int) -> None:
    """See that there are not too many metrics, or too many cells for the numbers in them.

    Raises:
        TooManyCells: they have.
    """
    if metrics > MAX_COLUMNS:
        raise TooManyCells(f"{metrics:,} metrics are not read")
    if metrics * rows > min(MAX_CELLS, max(FEW_CELLS, MAX_GAPS * numbers)):
        raise TooManyCells(f"{metrics:,} metrics at {rows:,} steps are not read")


def rows_of(entries: Sequence[Mapping[str, float]]) -> pl.DataFrame:
    """A row for each entry, a column for each of their names; null where an entry lacks it.

    Raises:
        TooManyCells: hardly any of them have the same names.
    """
    places: dict[str, tuple[list[int], list[float]]] = {}
    for row, entry in enumerate(entries):
        for name, value in entry.items():
            rows, values = places.setdefault(name, ([], []))
            rows.append(row)
            values.append(value)
    check_cells(len(places), len(entries), sum(len(rows) for rows, _ in places.values()))
    return pl.DataFrame(
        [
            _scattered(name, np.array(values, float), np.array(rows, np.intp), len(entries))
            for name, (rows, values) in places.items()
        ]
    )


def one_below_another(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The rows of some frames of Float64; null in columns that a frame lacks.

    Not by ``pl.concat``, which makes each column of all in each frame.

    Raises:
        TooManyCells: hardly any of them have the same columns.
    """
    names = {name for frame in frames for name in frame.columns}
    numbers = sum(frame.height * frame.width for frame in frames)
    check_cells(len(names), sum(frame.height for frame in frames), numbers)
    places: dict[str, list[tuple[int, pl.Series]]] = {}  # of a column: the first row of each part
    height = 0
    for frame in frames:
        for column in frame:
            places.setdefault(column.name, []).append((height, column))
        height += frame.height
    return pl.DataFrame([_put_together(name, parts, height) for name, parts in places.items()])


def _put_together(name: str, parts: Sequence[tuple[int, pl.Series]], height: int) -> pl.Series:
    values, missing = np.full(height, np.nan), np.ones(height, bool)
    for begin, part in parts:
        here = slice(begin, begin + len(part))
        values[here] = part.to_numpy()  # of a null NaN
        missing[here] = part.is_null().to_numpy() if part.null_count() else False
    return _as_series(name, values, missing)


class Points(NamedTuple):
    """What was logged of one metric, in the order in which it was logged."""

    steps: NDArray[np.float64]
    walls: NDArray[np.float64]  # Unix seconds, NaN where not known
    values: NDArray[np.float64]


def as_rows(metrics: Mapping[str, Points], faults: Sequence[Fault] = ()) -> LoggedRows:
    """One row for each step, in their order; the wall time of a row is its last value's.

    A metric that was logged n times for a step makes n rows of it. A metric's own step and wall
    time, should it be named like them, is left to those. Points that share hardly any steps would
    make a table of nearly nothing but gaps, and are refused; see ``check_cells``.
    """
    points = {tag: points for tag, points in metrics.items() if tag not in (STEP, WALL_TIME)}
    if not points:
        return LoggedRows(faults=tuple(faults))
    times = {tag: _times(its.steps) for tag, its in points.items()}
    steps, row_of = _rows(
        np.concatenate([points[tag].steps for tag in points]),
        np.concatenate([times[tag] for tag in points]),
    )
    check_cells(len(points), len(steps), len(row_of))
    walls = np.full(len(steps), -np.inf)
    np.fmax.at(walls, row_of, np.concatenate([its.walls for its in points.values()]))
    columns = [pl.Series(STEP, steps), pl.Series(WALL_TIME, walls).replace(-np.inf, None)]
    begin = 0
    for tag, its in points.items():
        here = row_of[begin : begin + len(its.values)]
        columns.append(_scattered(tag, its.values, here, len(steps)))
        begin += len(its.values)
    return LoggedRows(pl.DataFrame(columns), tuple(faults))


def _rows(
    steps: NDArray[np.float64], times: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The steps of the rows, and each point's row: told by its step and its time."""
    if not times.any():
        return np.unique(steps, return_inverse=True)
    order = np.lexsort((times, steps))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(steps[order]) != 0) | (np.diff(times[order]) != 0)
    row_of = np.empty(len(order), np.intp)
    row_of[order] = np.cumsum(new) - 1
    return steps[order][new], row_of


def _times(steps: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each point, how many points of the same step stand before it."""
    if len(steps) < 2 or (np.diff(steps) > 0).all():
        return np.zeros(len(steps), np.int64)
    order = np.argsort(steps, kind="stable")
    ordered = steps[order]
    first = np.searchsorted(ordered, ordered, side="left")
    times = np.empty(len(steps), np.int64)
    times[order] = np.arange(len(steps)) - first
    return times


def _scattered(
    name: str, values: NDArray[np.float64], rows: NDArray[np.intp], height: int
) -> pl.Series:
    spread, missing = np.full(height, np.nan), np.ones(height, bool)
    spread[rows], missing[rows] = values, False
    return _as_series(name, spread, missing)


def _as_series(name: str, values: NDArray[np.float64], missing: NDArray[np.bool_]) -> pl.Series:
    series = pl.Series(name, values)
    return series.set(pl.Series(missing), None) if missing.any() else series
