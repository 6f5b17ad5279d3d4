"""Runs of other libraries: a marker and a config each, or metrics alone."""

from __future__ import annotations

from exptools.rundir import PROGRESS_CSV
from exptools.viewing.readers.description import (
    EVENTS,
    Description,
    Reader,
    RunTexts,
)
from exptools.viewing.readers.walk import Listing

_HPARAMS, _SPINNING_UP, _ITS_CONFIG = "hparams.yaml", "progress.txt", "config.json"


def _lightning_files(listing: Listing) -> tuple[str, ...] | None:
    """Lightning's ``version_<n>``, written by its CSVLogger or its TensorBoardLogger."""
    return (_HPARAMS,) if _HPARAMS in listing.files else None


def _read_lightning(run: RunTexts) -> Description:
    config, faults = run.yaml(_HPARAMS)
    return Description(config, None, faults)


def _spinning_up_files(listing: Listing) -> tuple[str, ...] | None:
    if _SPINNING_UP not in listing.files:
        return None
    return (_ITS_CONFIG,) if _ITS_CONFIG in listing.files else ()


def _read_spinning_up(run: RunTexts) -> Description:
    config, faults = run.json(_ITS_CONFIG)
    return Description(config, None, faults)


def _csv_files(listing: Listing) -> tuple[str, ...] | None:
    """A ``progress.csv`` and nothing else, as Stable-Baselines3 and OpenAI's baselines write it."""
    return () if PROGRESS_CSV in listing.files else None


def _event_files(listing: Listing) -> tuple[str, ...] | None:
    return () if any(EVENTS in name for name in listing.files) else None


def _read_nothing(run: RunTexts) -> Description:
    return Description()


LIGHTNING = Reader("lightning", _lightning_files, _read_lightning)
SPINNING_UP = Reader("spinningup", _spinning_up_files, _read_spinning_up)
CSV = Reader("csv", _csv_files, _read_nothing)
TENSORBOARD = Reader("tensorboard", _event_files, _read_nothing)
