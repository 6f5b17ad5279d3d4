"""Trials of Ray Tune and RLlib: ``result.json`` or ``progress.csv``, and ``params.json``."""

from __future__ import annotations

from exptools.rundir import PROGRESS_CSV
from exptools.viewing.readers.description import Reader, usual_sources
from exptools.viewing.readers.tabular.csv_logs import beginning
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Source

_RESULT, _PARAMETERS, _PICKLED = "result.json", "params.json", "params.pkl"
_ITERATION = b"training_iteration"
LONG_LINE = 2**20  # bytes
_REPEATED = ("csv", "events")  # what Ray writes in several forms; the first one has all


def _files(listing: Listing) -> tuple[str, ...] | None:
    pickled = _PICKLED in listing.files and _RESULT in listing.files
    if pickled or _is_rays_result(listing) or _is_rays_table(listing):
        return (_PARAMETERS,) if _PARAMETERS in listing.files else ()
    return None


def _is_rays_result(listing: Listing) -> bool:
    """Whether a ``result.json`` is Ray's: many programs call what they have found so."""
    if _RESULT not in listing.files or _PARAMETERS not in listing.files:
        return False
    path = f"{listing.path}/{_RESULT}"
    text = beginning(path)
    if b"\n" not in text and _ITERATION not in text:
        text = beginning(path, LONG_LINE)  # with a large config in it
    return text.startswith(b'{"') and _ITERATION in text.partition(b"\n")[0]


def _is_rays_table(listing: Listing) -> bool:
    """Whether a ``progress.csv`` is Ray's: others write files of that name, too."""
    if PROGRESS_CSV not in listing.files:
        return False
    return _ITERATION in beginning(f"{listing.path}/{PROGRESS_CSV}").partition(b"\n")[0]


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
