"""``exptools plot``: apart from the other commands, for only this one needs Matplotlib."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from exptools.viewing.api import Runs
from exptools.viewing.cli.actions import find_runs, keys_of, metrics_of, tell_faults
from exptools.viewing.cli.commands import FIGURE, PlotCommand
from exptools.viewing.cli.output import say, write_frame, writing
from exptools.viewing.curves.aggregation import parse_method
from exptools.viewing.curves.query import CurveData, CurveQuery, curve_set, points
from exptools.viewing.errors import UsageError


def plot(command: PlotCommand) -> None:
    """A figure, or the numbers in it."""
    output = command.output
    if output.kind is None:
        raise UsageError(
            "say where to, as in --out curves.pdf; --csv and --json print the figure's numbers"
        )
    runs = find_runs(command.roots, command)
    curves = [curve_set(runs.origin, runs, query) for query in _queries(command, runs)]
    if output.kind == FIGURE and output.path is not None:
        _draw(command, curves, output.path)
    else:
        write_frame(points(curves), output)
    say(output, dict.fromkeys(note for part in curves for note in part.notes))
    tell_faults(output, runs)


def _queries(command: PlotCommand, runs: Runs) -> list[CurveQuery]:
    facet = (command.facet,) if command.facet else ()
    by = (*facet, *keys_of(command.by, command.facet, runs))
    method = parse_method(command.center, command.band, command.smooth)
    return [CurveQuery(name, by, command.x, method) for name in metrics_of(command.metrics, runs)]


def _draw(command: PlotCommand, curves: Sequence[CurveData], path: Path) -> None:
    from exptools.viewing import paper

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        drawn = paper.figure(curves, facet=command.facet, size=command.size)
        with writing(path):
            paper.save(drawn, path)
    print(f"{path}: {paper.caption(curves)}")
    say(command.output, dict.fromkeys(str(warning.message) for warning in caught))
