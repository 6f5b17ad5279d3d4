"""Runs of other libraries: a marker and a config each, or metrics alone."""

from __future__ import annotations

from functools import partial

from exptools.rundir import PROGRESS_CSV
from exptools.viewing.readers.description import (
    EVENTS,
    METRICS_CSV,
    Description,
    Reader,
    RunTexts,
)
from exptools.viewing.readers.tabular.csv_logs import has_log, more_sources
from exptools.viewing.readers.walk import Listing

_HPARAMS, _SPINNING_UP, _ITS_CONFIG = "hparams.yaml", "progress.txt", "config.json"


def _lightning_files(listing: Listing) -> tuple[str, ...] | None:
    """Lightning's ``version_<n>``, written by its CSVLogger or its TensorBoardLogger."""
    return (_HPARAMS,) if _HPARAMS in listing.files else None


def _spinning_up_files(listing: Listing) -> tuple[str, ...] | None:
    if _SPINNING_UP not in listing.files:
        return None
    return (_ITS_CONFIG,) if _ITS_CONFIG in listing.files else ()


def _csv_files(listing: Listing) -> tuple[str, ...] | None:
    """A table and nothing else, as Stable-Baselines3, OpenAI's baselines and Fabric write it."""
    return () if PROGRESS_CSV in listing.files or has_log(listing, METRICS_CSV) else None


def _has_source(kind: str, listing: Listing) -> tuple[str, ...] | None:
    return () if any(source.kind == kind for source in more_sources(listing)) else None


def _event_files(listing: Listing) -> tuple[str, ...] | None:
    return () if any(EVENTS in name for name in listing.files) else None


def _nothing(_: RunTexts) -> Description:
    """Nobody wrote what the run is."""
    return Description()


LIGHTNING = Reader(
    *("lightning", _lightning_files, lambda run: run.yaml(_HPARAMS)),
    belongs="always",
    marks=f"{_HPARAMS} (Lightning)",
)
SPINNING_UP = Reader(
    *("spinningup", _spinning_up_files, lambda run: run.json(_ITS_CONFIG)),
    marks=f"{_SPINNING_UP} (Spinning Up)",
)
CSV = Reader(
    *("csv", _csv_files, _nothing),
    marks=f"{PROGRESS_CSV} (Stable-Baselines3, OpenAI's baselines); "
    f"{METRICS_CSV} with steps (Lightning Fabric)",
)
MONITOR = Reader(
    *("monitor", partial(_has_source, "monitor"), _nothing),
    marks="*.monitor.csv (Stable-Baselines3)",
)
KERAS = Reader(
    "keras",
    partial(_has_source, "table"),
    _nothing,
    marks="training.log or log.csv (Keras's CSVLogger)",
)
TENSORBOARD = Reader("tensorboard", _event_files, _nothing, marks="*.tfevents.* (TensorBoard)")
