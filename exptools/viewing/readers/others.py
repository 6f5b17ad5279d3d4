"""Runs of other libraries: a marker and a config each, or metrics alone."""

from __future__ import annotations

from exptools.rundir import PROGRESS_CSV
from exptools.viewing.readers.description import EVENTS, Description, Reader
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
    """A ``progress.csv`` and nothing else, as Stable-Baselines3 and OpenAI's baselines write it."""
    return () if PROGRESS_CSV in listing.files else None


def _event_files(listing: Listing) -> tuple[str, ...] | None:
    return () if any(EVENTS in name for name in listing.files) else None


LIGHTNING = Reader("lightning", _lightning_files, lambda run: run.yaml(_HPARAMS), belongs="always")
SPINNING_UP = Reader("spinningup", _spinning_up_files, lambda run: run.json(_ITS_CONFIG))
CSV = Reader("csv", _csv_files, lambda run: Description())
TENSORBOARD = Reader("tensorboard", _event_files, lambda run: Description())
