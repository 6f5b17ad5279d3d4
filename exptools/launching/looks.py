"""How states, times, sizes and paths are said, while a sweep runs and at its end."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from exptools.rundir import State

# A sign and a word as well as a colour: the tables must be readable without colours.
LOOKS = {
    State.QUEUED: ("·", "dim"),
    State.RUNNING: ("▶", "cyan"),
    State.COMPLETED: ("✓", "green"),
    State.FAILED: ("✗", "bold red"),
    State.KILLED: ("✗", "bold red"),
    State.TIMEOUT: ("✗", "bold red"),
    State.INTERRUPTED: ("■", "yellow"),
}


class SteadyConsole(Console):
    """A console that falls silent when nobody reads it any more, where rich ends the program."""

    def on_broken_pipe(self) -> None:
        """See rich's `Console`."""
        self.quiet = True


def look(state: State) -> Text:
    """A state's sign and word in its colour."""
    sign, style = LOOKS[state]
    return Text(f"{sign} {state.value}", style=style)


def went_wrong(state: State) -> bool:
    """Whether a job in this state needs somebody's attention."""
    return state.ended and state is not State.COMPLETED


def duration(start: float | None, end: float | None) -> str:
    """The time between two times in Unix seconds, until now without an end: "1m05s"."""
    if start is None:
        return ""
    seconds = (time.time() if end is None else end) - start
    minutes, hours = int(seconds // 60) % 60, int(seconds // 3600)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{int(seconds % 60):02}s" if minutes else f"{seconds:.1f}s"


def roughly(seconds: float) -> str:
    """A time that is only estimated: "3m", "2h10m"."""
    if seconds < 60:
        return f"{max(round(seconds / 5) * 5, 5)}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}m"
    hours, rest = divmod(minutes, 60)
    return f"{hours}h{rest:02}m" if hours < 10 else f"{round(minutes / 60)}h"


def size(count: int) -> str:
    """A number of bytes: "340 MiB", "1.2 GiB"."""
    mebibytes = count / 2**20
    return f"{mebibytes:.0f} MiB" if mebibytes < 1000 else f"{mebibytes / 1024:.1f} GiB"


def number(value: float) -> str:
    """A whole number with its thousands set apart, any other with four digits."""
    whole = float(value).is_integer() and abs(value) < 1e15
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def counted(count: int, noun: str) -> str:
    """A noun in the number that its count asks for."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shown(path: Path) -> str:
    """A path as short as it can be and still be opened from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # it is elsewhere, or "here" is gone
        return str(path)


def one_line(text: str) -> str:
    """A text without line breaks and terminal codes, which would tear a table."""
    return "".join(character if character.isprintable() else " " for character in text)


def middle(text: str, width: int) -> str:
    """A text in at most that many characters; what is cut out is its middle."""
    if len(text) <= width:
        return text
    left, right = width // 2, (width - 1) // 2
    return f"{text[:left]}…{text[len(text) - right :]}"
