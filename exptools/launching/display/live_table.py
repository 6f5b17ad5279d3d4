"""The table that is redrawn while a sweep runs: as many columns and rows as the terminal holds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from exptools.launching.display.headline import Headline
from exptools.launching.display.labels import (
    STATE_LABELS,
    cut_middle,
    elapsed,
    format_number,
    plural,
    went_wrong,
)
from exptools.launching.jobs.outcomes import Job
from exptools.launching.machine.slots import Slot
from exptools.launching.usage import UsageSample
from exptools.rundir import State
from exptools.units import format_bytes, rough_duration
from exptools.visible import visible

_GAP = 2  # characters between two columns
_LEAST_OVERRIDES = 24  # characters of them that no other column may take away
_SHORTEST_BAR, _LONGEST_BAR = 6, 24  # characters
_LONGEST_METRIC = 20  # characters of a metric's name


@dataclass
class Row:
    """A job as the table shows it; changed by those who watch it, while another thread draws."""

    job: Job
    name: str  # what tells it from the other jobs, in one line
    state: State = State.QUEUED
    slot: Slot | None = None
    started: float | None = None  # Unix seconds
    ended: float | None = None
    usage: UsageSample | None = None
    headline: Headline = field(default_factory=Headline)


@dataclass(frozen=True)
class _Column:
    title: str
    cell: Callable[[Row], str]
    importance: int  # the least important column goes first where the terminal is narrow
    width: int = 0  # characters that it has at least, so that it does not jump with each value
    right: bool = True

    def room(self, cells: Sequence[str]) -> int:
        """Characters that it needs for these cells."""
        return max(self.width, *map(cell_len, (self.title, *cells)))

    def padded(self, cells: Sequence[str]) -> list[str]:
        """The title and the cells, all of one width."""
        room = self.room(cells)
        if self.right:
            return [_right(cell, room) for cell in (self.title, *cells)]
        return [set_cell_size(cell, room) for cell in (self.title, *cells)]


def live_table(
    rows: Sequence[Row], waits: Mapping[int, str], began: float, slots: int, room: tuple[int, int]
) -> RenderableType:
    """Draw the sweep.

    Args:
        rows: all jobs
        waits: what a slot waits for, by its index
        began: when the sweep began, in Unix seconds
        slots: how many jobs can run at once
        room: width and height of the terminal in characters
    """
    width, height = room
    listed_waits = sorted(waits.items())[: max(height // 4, 1)]
    chosen = _most_important(rows, max(height - 6 - len(listed_waits), 1))
    lines: list[RenderableType] = [_table(chosen, width)] if chosen else []
    for index, reason in listed_waits:
        lines.append(_line(f"  slot {index} waits for {visible(reason)}", "yellow"))
    if more := _left_out(rows, chosen, len(waits) - len(listed_waits)):
        lines.append(_line(f"  and {more}", "dim"))
    return Group(*lines, "", _bar(rows, began, slots, width))


def time_left(rows: Sequence[Row], slots: int) -> float | None:
    """Seconds until the sweep's end if the jobs to come take as long as those that completed.

    None before the first has completed, and when the running ones have taken longer already.
    """
    took = [
        row.ended - row.started
        for row in rows
        if row.state is State.COMPLETED and row.started is not None and row.ended is not None
    ]
    unfinished = [row for row in rows if not row.state.ended]
    if not took or not unfinished:
        return None
    mean, now = sum(took) / len(took), time.time()
    left = [max(mean - (now - row.started if row.started else 0.0), 0.0) for row in unfinished]
    return max(sum(left) / slots, *left) or None


def _most_important(rows: Sequence[Row], free: int) -> list[Row]:
    """All jobs where they fit, else those that run, then the last that went wrong."""
    if len(rows) <= free:
        return list(rows)
    running = [row for row in rows if row.state is State.RUNNING]
    wrong = [row for row in rows if went_wrong(row.state)]
    wrong.sort(key=lambda row: row.ended or 0.0, reverse=True)
    return sorted((running + wrong)[:free], key=lambda row: row.job.number)


def _left_out(rows: Sequence[Row], chosen: Sequence[Row], waits: int) -> str:
    hidden = sum(row.state is State.RUNNING for row in rows)
    hidden -= sum(row.state is State.RUNNING for row in chosen)
    running = f"{hidden} more running" if hidden else ""
    return ", ".join(filter(None, (running, f"{plural(waits, 'slot')} waiting" if waits else "")))


def _columns(rows: Sequence[Row]) -> list[_Column]:
    """All columns that have something to say, except the overrides."""
    metrics = {row.headline.metric for row in rows if row.headline.metric}
    metric = metrics.pop() if len(metrics) == 1 else None
    title = cut_middle(visible(metric), _LONGEST_METRIC) if metric else "metric"
    columns = [
        _Column("state", lambda row: row.state.value, 2, right=False),
        _Column("slot", lambda row: str(row.slot.index) if row.slot else "", 4),
        _Column("runs on", lambda row: str(row.slot) if row.slot else "", 1, right=False),
        _Column("time", lambda row: elapsed(row.started, row.ended), 99, width=6),
        _Column("step", lambda row: _number(row.headline.step), 7, width=5),
        _Column(title, lambda row: _metric(row.headline, named=metric is None), 8, width=6),
        _Column("cpu", lambda row: _used(row, lambda use: _percent(use.cpu_percent)), 5, width=5),
        _Column("memory", lambda row: _used(row, lambda use: format_bytes(use.rss)), 3, width=8),
    ]
    if any(row.slot and row.slot.gpus for row in rows):
        gpu = _Column("gpu", lambda row: _used(row, lambda use: _percent(use.gpu_percent)), 6, 5)
        columns.append(gpu)
    return columns


def _table(rows: Sequence[Row], width: int) -> Text:
    """The columns that the terminal is wide enough for, the most important ones."""
    digits = max(len(str(row.job.number)) for row in rows)
    jobs = [f"{STATE_LABELS[row.state][0]} {row.job.number:>{digits}}" for row in rows]
    columns = [(column, [column.cell(row) for row in rows]) for column in _columns(rows)]
    taken = {column: _GAP + column.room(cells) for column, cells in columns}
    longest = max(map(cell_len, _names(rows)))
    least = min(longest, max(_LEAST_OVERRIDES, width // 3))
    free = width - max(map(len, ("job", *jobs))) - _GAP
    for column in sorted(taken, key=lambda column: column.importance):
        if least + sum(taken.values()) > free:
            del taken[column]
    room = max(min(longest, free - sum(taken.values())), 1)
    names = [set_cell_size(cut_middle(name, room), room) for name in _names(rows)]
    others = [column.padded(cells) for column, cells in columns if column in taken]
    numbers = [_right(cell, width - free - _GAP) for cell in ("job", *jobs)]
    return _joined(rows, [numbers, names, *others])


def _names(rows: Sequence[Row]) -> list[str]:
    return ["overrides", *(row.name for row in rows)]


def _right(text: str, room: int) -> str:
    return " " * (room - cell_len(text)) + text


def _joined(rows: Sequence[Row], columns: Sequence[Sequence[str]]) -> Text:
    """Columns side by side; rich's own table takes several times as long at each refresh."""
    head, *lines = [(" " * _GAP).join(cells) for cells in zip(*columns, strict=True)]
    text = Text(head, no_wrap=True, overflow="crop")
    text.stylize("dim")
    first = len(columns[0][0])
    for row, line in zip(rows, lines, strict=True):
        text.append("\n").append(line[:first], STATE_LABELS[row.state][1]).append(line[first:])
    return text


def _bar(rows: Sequence[Row], began: float, slots: int, width: int) -> RenderableType:
    """The sweep in one line; where that is too long, the bar shrinks, then the counts are cut."""
    counts = Counter(row.state for row in rows)
    done = sum(count for state, count in counts.items() if state.ended)
    left = time_left(rows, slots)
    about = f"about {rough_duration(left)} left" if left is not None else ""
    texts = [text for text in (f"{done}/{len(rows)}", elapsed(began, None), about) if text]
    free = width - sum(len(text) + _GAP for text in texts) - _GAP
    words = _counts(counts)
    words.truncate(max(free - _SHORTEST_BAR, 1), overflow="ellipsis")
    bar = max(min(free - words.cell_len, _LONGEST_BAR), 1)
    line = Table.grid()
    for room in (bar, *map(len, texts)):
        line.add_column(no_wrap=True, width=room + _GAP)
    line.add_column(no_wrap=True, width=words.cell_len)
    line.add_row(ProgressBar(total=len(rows), completed=done, width=bar), *texts, words)
    return line


def _counts(counts: Mapping[State, int]) -> Text:
    """How many jobs are in each state; the completed last, for the bar tells nearly as much."""
    states = sorted(counts, key=lambda state: (state is State.COMPLETED, list(State).index(state)))
    return Text("  ").join(
        Text(f"{counts[state]} {state.value}", STATE_LABELS[state][1]) for state in states
    )


def _line(text: str, style: str) -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _metric(headline: Headline, *, named: bool) -> str:
    name = visible(headline.metric) if headline.metric and named else ""
    name = cut_middle(name, _LONGEST_METRIC)
    return f"{name} {_number(headline.value)}".strip()


def _used(row: Row, to_text: Callable[[UsageSample], str]) -> str:
    """What the job uses now; of a job that does not run, nothing."""
    return to_text(row.usage) if row.usage and row.state is State.RUNNING else ""


def _number(value: float | None) -> str:
    return "" if value is None else format_number(value)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} %"


def show_live(
    console: Console, render: Callable[[], RenderableType], a_second: float
) -> Live | None:
    """What is rendered anew so often, until it is stopped; None where nobody could watch it."""
    if not console.is_terminal or console.is_dumb_terminal:
        return None
    live = Live(get_renderable=render, console=console, refresh_per_second=a_second, transient=True)
    live.start()
    return live
