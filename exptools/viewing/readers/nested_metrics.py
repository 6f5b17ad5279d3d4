"""Metrics that a run's library wrote into a directory below the run's own.

A Hydra app that logs with Lightning or torch's SummaryWriter has its config in one directory and
its metrics in another one below: ``lightning_logs/version_0``, ``tb``. These are one run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from exptools.viewing.readers.formats import DetectedRun

# Formats that say no more of a run than its metrics, or hyperparameters that came from elsewhere.
_METRICS_ONLY = ("tensorboard", "csv", "lightning")
_BEST_FIRST = ("csv", "tsv", "events")


def attach_nested_metrics(detected: Iterable[DetectedRun]) -> list[DetectedRun]:
    """The runs, those without metrics with the ones that stand alone below them.

    A run takes the best kind of metrics below it if they are in one directory, which then is no run
    of its own. Where there are several, nobody can say which are the run's: all stay as they are.
    """
    runs = {run.directory: run for run in detected}
    below: dict[str, list[DetectedRun]] = {}
    for run in runs.values():
        if run.reader.name in _METRICS_ONLY and run.source is not None:
            above = _nearest(run.directory, runs)
            if above and above.source is None and above.reader.name not in _METRICS_ONLY:
                below.setdefault(above.directory, []).append(run)
    for directory, children in below.items():
        for kind in _BEST_FIRST:
            of_kind = [child for child in children if child.source and child.source.kind == kind]
            if len(of_kind) == 1:
                (child,) = of_kind
                del runs[child.directory]
                of_run = runs[directory]
                runs[directory] = replace(of_run, source=child.source, written=child.written)
            if of_kind:
                break
    return list(runs.values())


def _nearest(directory: str, runs: dict[str, DetectedRun]) -> DetectedRun | None:
    """The run in whose directory another one is."""
    above = os.path.dirname(directory)
    while above not in runs:
        if above == os.path.dirname(above):
            return None
        above = os.path.dirname(above)
    return runs[above]
