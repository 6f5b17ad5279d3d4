"""The final table of a sweep: every job that did not complete, with its reason and its log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from exptools.launching.display.labels import (
    STATE_LABELS,
    elapsed,
    plural,
    short_path,
    state_label,
    went_wrong,
)
from exptools.launching.jobs.outcomes import Outcome
from exptools.rundir import State


def print_summary(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print the jobs that went wrong, and how many jobs ended in each way."""
    wrong = [outcome for outcome in outcomes if went_wrong(outcome.status.state)]
    if wrong:
        console.print(_table(wrong))
    start = min((out.status.queued for out in outcomes if out.status.queued), default=None)
    line = Text(f"exptools: {plural(len(outcomes), 'job')} in {elapsed(start, None)}: ")
    counts = Counter(outcome.status.state for outcome in outcomes)
    for state in (state for state in State if counts[state]):
        line.append(f"{counts[state]} {state.value}  ", style=STATE_LABELS[state][1])
    console.print(line)


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("job", justify="right")
    table.add_column("state", no_wrap=True)
    table.add_column("overrides", overflow="fold")
    table.add_column("what happened", overflow="fold")
    table.add_column("time", justify="right", no_wrap=True)
    for outcome in outcomes:
        job, status = outcome.job, outcome.status
        details = Text(status.error or "")
        if status.started is not None:
            details.append(f"\n{short_path(job.log)}", style="dim")
        took = elapsed(status.started, status.ended)
        table.add_row(str(job.number), state_label(status.state), Text(job.name), details, took)
    return table
