"""States, times, numbers and paths as short texts, for the live table and the summary."""

from __future__ import annotations

import time
from pathlib import Path

from rich.text import Text

from exptools.rundir import State
from exptools.units import short_duration
from exptools.visible import visible

# A sign and a word as well as a colour: the tables must be readable without colours.
STATE_LABELS = {
    State.QUEUED: ("·", "dim"),
    State.RUNNING: ("▶", "cyan"),
    State.COMPLETED: ("✓", "green"),
    State.FAILED: ("✗", "bold red"),
    State.KILLED: ("✗", "bold red"),
    State.TIMEOUT: ("✗", "bold red"),
    State.INTERRUPTED: ("■", "yellow"),
}


def state_label(state: State) -> Text:
    """A state's sign and word in its colour."""
    sign, style = STATE_LABELS[state]
    return Text(f"{sign} {state.value}", style=style)


def went_wrong(state: State) -> bool:
    """Whether a job in this state needs somebody's attention."""
    return state.ended and state is not State.COMPLETED


def elapsed(start: float | None, end: float | None) -> str:
    """The time between two times in Unix seconds, until now without an end: "1m05s"."""
    return "" if start is None else short_duration((time.time() if end is None else end) - start)


def format_number(value: float) -> str:
    """A whole number with its thousands set apart, any other with four digits."""
    whole = float(value).is_integer() and abs(value) < 1e15
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def plural(count: int, noun: str) -> str:
    """A count and its noun: "1 job", "3 jobs"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def short_path(path: Path) -> str:
    """A path as short as it can be and still be opened from here."""
    try:
        return visible(str(path.relative_to(Path.cwd())))
    except (ValueError, OSError):  # it is elsewhere, or "here" is gone
        return visible(str(path))


def cut_middle(text: str, width: int) -> str:
    """A text in at most that many characters; what is cut out is its middle."""
    if len(text) <= width:
        return text
    left, right = width // 2, (width - 1) // 2
    return f"{text[:left]}…{text[len(text) - right :]}"
