"""Runs of Ultralytics YOLO (``args.yaml``) and of YOLOv5 (``opt.yaml``, ``hyp.yaml``)."""

from __future__ import annotations

from types import MappingProxyType

from exptools.viewing.readers.description import Description, Reader, RunTexts, usual_sources
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Source

_RESULTS = "results.csv"
_ARGS, _OPTIONS, _HYPERPARAMETERS = "args.yaml", "opt.yaml", "hyp.yaml"


def _files(listing: Listing) -> tuple[str, ...] | None:
    """Without its options a ``results.csv`` may be anybody's."""
    if _RESULTS not in listing.files:
        return None
    if _ARGS in listing.files:
        return (_ARGS,)
    return (_OPTIONS, _HYPERPARAMETERS) if _OPTIONS in listing.files else None


def _sources(listing: Listing) -> tuple[Source, ...]:
    return Source("table", (f"{listing.path}/{_RESULTS}",)), *usual_sources(listing)


def _read(run: RunTexts) -> Description:
    """The options; YOLOv5's hyperparameters are below ``hyp``, as later versions have them."""
    options, own = run.yaml(_ARGS), run.yaml(_OPTIONS)
    hyperparameters = run.yaml(_HYPERPARAMETERS)
    below = {f"hyp.{key}": value for key, value in hyperparameters.config.items()}
    named = {key: value for key, value in own.config.items() if key != "hyp" or not below}
    config = {**options.config, **named, **below}
    faults = (*options.faults, *own.faults, *hyperparameters.faults)
    return Description(MappingProxyType(config), faults=faults)


READER = Reader(
    *("yolo", _files, _read, _sources),
    belongs="alone",
    marks=f"{_RESULTS} and {_ARGS} (YOLO)",
)
