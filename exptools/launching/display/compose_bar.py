"""What people see while the jobs' configs are composed."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

_QUIET = 2.0  # seconds of composing that need no explanation
_EVERY = 10.0  # seconds between two plain lines about it


class ComposeBar:
    """Shows that Hydra composes the jobs' configs, which takes minutes for thousands of them.

    A bar on a terminal, elsewhere a plain line now and then, and nothing for a short wait. How many
    there will be only the sweeper knows. After `close` it can be used for the next batch.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        # When the batch began, by time.monotonic(): of a later one, when its first was composed.
        self._began: float | None = time.monotonic()
        self._next_line = self._began + _EVERY
        self._before = 0  # configs of earlier batches
        self._bar: Progress | None = None

    def update(self, done: int) -> None:
        """Say how many configs are composed, those of earlier batches among them."""
        now = time.monotonic()
        if self._began is None:
            self._began, self._next_line, self._before = now, now + _EVERY, done - 1
        if now - self._began < _QUIET:
            return
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._draw(done - self._before)
        elif now >= self._next_line:
            self._next_line = now + _EVERY
            text = f"exptools: {done - self._before} configs composed"
            self._console.print(text, highlight=False)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._began = None

    def _draw(self, done: int) -> None:
        if self._bar is None:
            self._bar = Progress(
                TextColumn("exptools: composing configs"),
                BarColumn(bar_width=24),
                TextColumn("{task.completed}"),
                console=self._console,
                transient=True,
                refresh_per_second=4,
            )
            self._bar.add_task("", total=None)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done)
