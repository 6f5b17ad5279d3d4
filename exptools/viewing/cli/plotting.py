"""``exptools plot``: apart from the other commands, for only this one needs Matplotlib."""

from __future__ import annotations

import warnings
from argparse import Namespace
from collections.abc import Sequence

import polars as pl

from exptools.viewing.api import Runs
from exptools.viewing.cli.actions import find_runs, keys_of, metrics_of, tell_faults
from exptools.viewing.cli.output import kind_of, say, write_frame, writing
from exptools.viewing.cli.parser import FIGURE
from exptools.viewing.curves.curve_data import CurveData
from exptools.viewing.errors import UsageError


def plot(options: Namespace) -> None:
    """A figure, or the numbers in it."""
    kind = kind_of(options)
    if kind is None:
        raise UsageError(
            "say where to, as in --out curves.pdf; --csv and --json print the figure's numbers"
        )
    runs = find_runs(options, options.roots)
    curves = _curves(options, runs)
    if kind == FIGURE:
        _draw(options, curves)
    else:
        write_frame(_numbers(curves), options, kind)
    say(options, dict.fromkeys(note for part in curves for note in part.notes))
    tell_faults(options, runs)


def _curves(options: Namespace, runs: Runs) -> list[CurveData]:
    facet = [options.facet] if options.facet else []
    by = [*facet, *keys_of(options, runs)]
    return [
        runs.curves(
            metric, by, options.x, center=options.center, band=options.band, smooth=options.smooth
        )
        for metric in metrics_of(options, runs)
    ]


def _draw(options: Namespace, curves: Sequence[CurveData]) -> None:
    from exptools.viewing.paper import compose as paper

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        drawn = paper.figure(curves, facet=options.facet, size=options.size)
        with writing(options.out):
            paper.save(drawn, options.out)
    print(f"{options.out}: {paper.caption(curves)}")
    say(options, dict.fromkeys(str(warning.message) for warning in caught))


def _numbers(curves: Sequence[CurveData]) -> pl.DataFrame:
    """All points of all curves, the metric before them."""
    return pl.concat(
        [part.frame().select(pl.lit(part.metric).alias("metric"), pl.all()) for part in curves],
        how="vertical_relaxed",
    )
