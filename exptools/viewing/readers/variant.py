"""Runs of the original exptools, rlpyt, rllab, viskit and Ray Tune: settings as JSON.

The original exptools and rlpyt keep a job's settings in ``variant_config.json``, and its runs below
that as ``run_<n>/params.json``; rllab and viskit keep ``variant.json`` or ``params.json`` beside
``progress.csv``. Ray Tune's ``params.json`` is like theirs.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from exptools.viewing.readers.description import Description, Reader, RunTexts, usual_sources
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Fault

_OF_THE_JOB, _OF_THE_RUN = "variant_config.json", ("variant.json", "params.json")
_ABOVE = f"../{_OF_THE_JOB}"
_PICKLED = ("args_data",)  # rllab: the whole experiment as base64


def config_files(listing: Listing) -> tuple[str, ...]:
    """The files with settings that a run may have, relative to it."""
    of_the_run = [name for name in _OF_THE_RUN if name in listing.files][:1]
    return (_OF_THE_JOB if _OF_THE_JOB in listing.files else _ABOVE, *of_the_run)


def read_config(run: RunTexts) -> Description:
    """A run's settings; those of the run itself count more than the job's."""
    config: dict[str, Any] = {}
    faults: tuple[Fault, ...] = ()
    for name in (_ABOVE, _OF_THE_JOB, *_OF_THE_RUN):
        settings = run.json(name, without=_PICKLED)
        config |= settings.config
        faults += settings.faults
    return Description(MappingProxyType(config), faults=faults)


def _files(listing: Listing) -> tuple[str, ...] | None:
    files = config_files(listing)
    if len(files) > 1:
        return files
    # A job's own directory is a run only where the runs are not in directories below.
    below = any(name.startswith("run_") for name in listing.directories)
    is_run = files[0] == _OF_THE_JOB and (bool(usual_sources(listing)) or not below)
    return files if is_run else None


READER = Reader(
    *("variant", _files, read_config),
    marks=f"{_OF_THE_JOB}, {' or '.join(_OF_THE_RUN)} (rlpyt, rllab)",
)
