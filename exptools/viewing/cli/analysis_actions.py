"""What the commands do that judge settings: ``exptools importance`` and ``improvement``."""

from __future__ import annotations

from collections.abc import Sequence

from exptools.viewing.api.analysis_results import (
    HEADS,
    GroupImprovement,
    KeyImportance,
    importance_rows,
)
from exptools.viewing.cli.actions import find_runs, tell_faults
from exptools.viewing.cli.commands import FIGURE, ImportanceCommand, ImprovementCommand, Output
from exptools.viewing.cli.output import say, show, write_frame, writing
from exptools.visible import visible


def tell_importance(command: ImportanceCommand) -> None:
    """How much each key explains."""
    output, runs = command.output, find_runs(command.roots, command)
    found = runs.importance(
        command.metric, command.keys or None, summary=command.summary, states=command.states
    )
    if output.kind is None:
        show(HEADS, importance_rows(found), numbers=len(HEADS) - 1)
    _tell(output, found, [found.headline, found.described, *found.notes], command.size)
    tell_faults(output, runs)


def tell_improvement(command: ImprovementCommand) -> None:
    """Whether one group is better than the other."""
    output, runs = command.output, find_runs(command.roots, command)
    strata = command.strata
    found = runs.improvement(
        command.metric,
        of=command.of,
        over=command.over,
        summary=command.summary,
        strata=None if strata is None else [key for key in strata if key],
        interval=command.interval,
        better=dict(command.better),
        states=command.states,
    )
    _tell(output, found, [*found.sentences, *found.notes], command.size)
    tell_faults(output, runs)


def _tell(
    output: Output, found: KeyImportance | GroupImprovement, sentences: Sequence[str], size: str
) -> None:
    """Write numbers or a figure, where that is asked for; say what they are and what to know."""
    if output.kind in ("csv", "json"):
        write_frame(found.frame(), output)
        say(output, found.notes)
        return
    if output.kind == FIGURE and output.path is not None:
        with writing(output.path):
            found.paper(size=size, out=output.path)
        print(f"{output.path}: ", end="")
    for sentence in sentences:
        print(visible(sentence))
