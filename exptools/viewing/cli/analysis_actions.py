"""What the commands do that judge settings: ``exptools importance`` and ``improvement``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exptools.viewing.analysis.improvement import Improvement
from exptools.viewing.api.analysis_results import (
    HEADS,
    GroupImprovement,
    KeyImportance,
    importance_rows,
)
from exptools.viewing.cli.actions import find_runs, tell_faults
from exptools.viewing.cli.commands import FIGURE, ImportanceCommand, ImprovementCommand, Output
from exptools.viewing.cli.output import printable, say, show, write_frame, writing


def tell_importance(command: ImportanceCommand) -> None:
    """How much each key explains."""
    output, runs = command.output, find_runs(command.roots, command)
    found = runs.importance(
        command.metric, command.keys or None, summary=command.summary, states=command.states
    )
    if not _written(output, found, found.paper, command.size):
        show(HEADS, importance_rows(found), numbers=len(HEADS) - 1)
        print(f"{printable(found.headline)}\n{found.described}")
    say(output, found.notes)
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
    if not _written(output, found, found.paper, command.size):
        _print(found)
    say(output, found.notes)
    tell_faults(output, runs)


def _written(
    output: Output, found: KeyImportance | GroupImprovement, draw: Callable[..., Any], size: str
) -> bool:
    """Write numbers or a figure, where that is asked for."""
    if output.kind is None:
        return False
    if output.kind == FIGURE and output.path is not None:
        with writing(output.path):
            draw(size=size, out=output.path)
        if isinstance(found, KeyImportance):
            print(f"{output.path}: {found.described}")
        else:
            _print(found)
    else:
        write_frame(found.frame(), output)
    return True


def _print(found: Improvement) -> None:
    for sentence in found.sentences:
        print(printable(sentence))
