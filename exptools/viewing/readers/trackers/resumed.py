"""Runs that W&B has resumed: each time in another directory, under one id and with one history."""

from __future__ import annotations

import os
from collections.abc import Iterable

from exptools.viewing.readers.formats import DetectedRun
from exptools.viewing.readers.places import Order, attempt

_CONTINUED = "wandb"  # the kind of source that goes on where an earlier one has ended


def continued(run: DetectedRun, earlier: Iterable[DetectedRun]) -> DetectedRun:
    """A run with a history that begins in those of the earlier ones that have its id."""
    if all(source.kind != _CONTINUED for source in run.sources):
        return run
    tries = [(order, one) for one in earlier if (order := _order(one, run)) is not None]
    tries.sort(key=lambda tried: tried[0])
    parts = (*(one for _, one in tries), run)
    logs = [file for one in parts for s in one.sources if s.kind == _CONTINUED for file in s.files]
    sources = tuple(
        source._replace(files=tuple(logs)) if source.kind == _CONTINUED else source
        for source in run.sources
    )
    signatures = {file: its for one in parts for file, its in one.signatures.items()}
    written = tuple(signatures[file] for source in sources for file in source.files)
    return run._replace(sources=sources, written=written)


def _order(earlier: DetectedRun, run: DetectedRun) -> Order | None:
    """When an earlier run was begun that a run goes on with; None where it does not."""
    (above, name), (its_above, its_name) = map(os.path.split, (earlier.directory, run.directory))
    tried, now = attempt(name), attempt(its_name)
    goes_on = tried and now and tried.is_resumed and tried.family == now.family
    return tried.order if tried and goes_on and above == its_above else None
