"""Which rows of earlier attempts count in one that goes on.

After a snapshot of ours they are the rows that stood there when it was saved. After a checkpoint of
somebody else's only a step is known, and not all rows need go by the same steps: updates may be
counted beside the steps of an environment. Then the rows that hold the tags of the new ones tell
where the new attempt begins in the table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from exptools.logging.media.store import MediaRecord, index_size
from exptools.logging.rows.row import PendingRow, Row
from exptools.logging.run.earlier.position import EarlierRows, Place, Position, last_row_of
from exptools.logging.run.row_lock import Attempt
from exptools.rundir import PROGRESS_CSV


@dataclass(frozen=True)
class Kept:
    """What counts of the attempts before."""

    rows: list[bool]  # whether each of the table does
    until: int  # the step behind which the attempt goes on
    time: float  # Unix seconds, at which the last row ended before the first that is replaced
    index_size: int | None = None  # bytes of the media's index that count; None: see has_medium
    pending: tuple[int, ...] = ()  # steps of which the media behind those count, too

    def has_medium(self, position: int, medium: MediaRecord) -> bool:
        """Whether a medium counts, whose line begins at some byte of the index."""
        if self.index_size is not None:
            return position < self.index_size or medium.step in self.pending
        return medium.step <= self.until or medium.wall_time <= self.time


def going_on(
    attempt: Attempt, step: int, position: Position | None, place: Place | None
) -> Attempt:
    """The attempt as one that goes on behind a step, or where a snapshot's position is now."""
    attempt = attempt._replace(resumed=step, rows=None)
    if position is None or place is None:
        return attempt
    return attempt._replace(
        rows=place.rows,
        later_rows=place.later_rows,
        media=position.media,
        pending=[position.count if row.step is None else row.step for row in position.pending],
    )


def position_now(
    run_dir: Path,
    attempt: Attempt,
    loaded: Position | None,
    pending: tuple[PendingRow, ...],
    count: int,
) -> Position | None:
    """How far an attempt has come; None where only the step is known.

    Args:
        run_dir: the run.
        attempt: the attempt.
        loaded: where it goes on from, with the rows that were pending then and have ended since.
        pending: the rows that have not ended.
        count: the step with which counting goes on.
    """
    if attempt.event_file:
        return Position(last_row_of(run_dir / PROGRESS_CSV), index_size(run_dir), count, pending)
    # No row has ended yet: what stands there is of the attempt before.
    if attempt.resumed is None:
        return Position(None, None, count, pending)
    if loaded is None:
        return None
    return Position(loaded.last_row, None, count, (*loaded.pending, *pending))


def rows_that_count(
    table: EarlierRows, attempt: Attempt, first_rows: Sequence[Row], *, may_go_back: bool
) -> Kept:
    """What counts of a table for an attempt that goes on.

    Rows behind the first that the new ones replace do not, whatever steps they have: they were
    logged later. ``may_go_back``: the first rows may replace some that would count.
    """
    until = attempt.resumed or 0
    if may_go_back and first_rows:
        until = min(until, first_rows[0].step - 1)
    if attempt.rows is not None:  # then what was open goes on, and not back
        first_rows = [row for row in first_rows if row.step not in attempt.pending]
    firsts = _first_steps(table, first_rows if may_go_back else ())
    if attempt.rows is None:
        rows = _up_to_step(table, attempt.resumed or 0, until, firsts)
        goes_back = True
    else:
        # Where the steps of its tags start over now and then, one says nothing of the place.
        tells = all(_goes_forward(table, row, attempt.rows) for row in first_rows)
        begin = _begin(table, firsts) if tells else len(firsts)
        later = {*attempt.later_rows}
        rows = [n < begin and (n < attempt.rows or n in later) for n in range(len(table.lines))]
        goes_back = begin < attempt.rows
    rows = [counts and step < math.inf for counts, step in zip(rows, table.steps, strict=True)]
    end = next((n for n, counts in enumerate(rows) if not counts), len(rows))
    time = table.wall_time(end - 1) if end else -math.inf
    size = None if goes_back else attempt.media
    return Kept(rows, until, time, size, tuple(attempt.pending))


def _first_steps(table: EarlierRows, first_rows: Sequence[Row]) -> list[float | None]:
    """For each row of a table the least step of the new rows with which it shares a tag."""
    columns = [(row.step, table.columns(row.scalars)) for row in first_rows]
    return [
        min((step for step, its in columns if any(table.held(n, its))), default=None)
        for n in range(len(table.lines))
    ]


def _goes_forward(table: EarlierRows, row: Row, count: int) -> bool:
    """Whether the steps of a row's tags never went back in the first rows of a table."""
    columns = table.columns(row.scalars)
    numbers = range(min(count, len(table.lines)))
    steps = [table.steps[n] for n in numbers if any(table.held(n, columns))]
    return all(before <= step for before, step in pairwise(steps))


def _begin(table: EarlierRows, firsts: Sequence[float | None]) -> int:
    """The number of the first row that the new ones replace, by their tags and steps."""
    begin = len(firsts)
    for n in range(len(firsts) - 1, -1, -1):
        first = firsts[n]
        if first is not None:
            if table.steps[n] < first:
                break
            begin = n
    return begin


def _up_to_step(
    table: EarlierRows, resumed: int, until: int, firsts: Sequence[float | None]
) -> list[bool]:
    """Which rows count after a step: by the step alone where no row has a tag of the new ones."""
    steps = table.steps
    if not any(first is not None for first in firsts):
        return [step <= until for step in steps]
    # What stands behind all rows up to the step was logged after it; what stands before some of
    # them, and has a greater step, may go by other steps.
    end = max((n for n, step in enumerate(steps) if step <= resumed), default=-1)
    replaced = [
        first is not None and (step >= first or n > end)
        for n, (step, first) in enumerate(zip(steps, firsts, strict=True))
    ]
    kept = [n for n, first in enumerate(firsts) if first is not None and not replaced[n]]
    last = kept[-1] if kept else -1
    begin = next((n for n in range(last + 1, len(steps)) if replaced[n]), len(steps))
    begin_step = steps[begin] if begin < len(steps) else math.inf
    others = _columns_beyond(table, resumed, end)
    return [
        n < begin
        and not replaced[n]
        and (step <= resumed or step > begin_step or any(table.held(n, others)))
        for n, step in enumerate(steps)
    ]


def _columns_beyond(table: EarlierRows, resumed: int, end: int) -> list[int]:
    """The columns that had greater steps already before the one from which the attempt goes on."""
    columns: set[int] = set()
    for n in range(end):
        if table.steps[n] > resumed:
            columns.update(table.held(n, table.all_columns))
    return sorted(columns)
