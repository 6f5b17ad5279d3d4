"""Trials of Ray Tune and RLlib: ``result.json`` or ``progress.csv``, and ``params.json``."""

from __future__ import annotations

from exptools.rundir import PROGRESS_CSV
from exptools.viewing.readers.description import Reader, usual_sources
from exptools.viewing.readers.tabular.csv_logs import first_rows
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Source

_RESULT, _PARAMETERS, _PICKLED = "result.json", "params.json", "params.pkl"
_REPEATED = ("csv", "events")  # what Ray writes in several forms; the first one has all


def _files(listing: Listing) -> tuple[str, ...] | None:
    config = (_PARAMETERS,) if _PARAMETERS in listing.files else ()
    if _RESULT in listing.files and (config or _PICKLED in listing.files):
        return config
    return config if _is_rays_table(listing) else None


def _is_rays_table(listing: Listing) -> bool:
    """Whether a ``progress.csv`` is Ray's: others write files of that name, too."""
    if PROGRESS_CSV not in listing.files:
        return False
    rows = first_rows(f"{listing.path}/{PROGRESS_CSV}")
    return bool(rows) and "training_iteration" in rows[0]


def _sources(listing: Listing) -> tuple[Source, ...]:
    usual = usual_sources(listing)
    for name in (_RESULT, PROGRESS_CSV):
        if name in listing.files:
            own = Source("ray", (f"{listing.path}/{name}",))
            return own, *(source for source in usual if source.kind not in _REPEATED)
    return usual


READER = Reader(
    *("ray", _files, lambda run: run.json(_PARAMETERS), _sources),
    belongs="alone",
    marks=f"{_RESULT} and {_PARAMETERS} (Ray Tune)",
)
