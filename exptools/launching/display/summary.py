"""The final table of a sweep: every job that did not complete, with its reason and its log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from exptools.launching.display.looks import LOOKS, counted, duration, look, shown, went_wrong
from exptools.launching.jobs.outcomes import Outcome
from exptools.rundir import State


def print_summary(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print the jobs that went wrong, and how many jobs ended in each way."""
    wrong = [outcome for outcome in outcomes if went_wrong(outcome.status.state)]
    if wrong:
        console.print(_table(wrong))
    start = min((out.status.queued for out in outcomes if out.status.queued), default=None)
    line = Text(f"exptools: {counted(len(outcomes), 'job')} in {duration(start, None)}: ")
    counts = Counter(outcome.status.state for outcome in outcomes)
    for state in (state for state in State if counts[state]):
        line.append(f"{counts[state]} {state.value}  ", style=LOOKS[state][1])
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
        told = Text(status.error or "")
        if status.started is not None:
            told.append(f"\n{shown(job.log)}", style="dim")
        took = duration(status.started, status.ended)
        table.add_row(str(job.number), look(status.state), Text(job.name), told, took)
    return table
