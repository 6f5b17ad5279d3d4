"""Runs of exptools' logger in a program without Hydra: ``logger.open("runs/first")``.

Nobody keeps a status of them. The logger's lock says which process logs there; it is empty once
that has closed the run. How it ended nobody says, so only what was killed has ended early.
"""

from __future__ import annotations

import os
import re

from exptools.rundir import EXPTOOLS_DIR, LOG_LOCK, PROGRESS_CSV, State, Status
from exptools.viewing.readers.description import Description, Reader, RunTexts
from exptools.viewing.readers.walk import Listing

MAX_LOCK = 4096  # bytes
_HOLDER = re.compile(r"process (\d{1,10}) on host ([^\n]{1,200})\n(\d{1,20})\s*")


def _files(listing: Listing) -> tuple[str, ...] | None:
    ours = EXPTOOLS_DIR in listing.hidden and PROGRESS_CSV in listing.files
    return (LOG_LOCK,) if ours else None


def _read(run: RunTexts) -> Description:
    try:
        holder = _HOLDER.fullmatch(run.text(LOG_LOCK, MAX_LOCK))
        here = os.stat(f"{run.directory}/{EXPTOOLS_DIR}").st_ino
    except (OSError, ValueError):
        return Description()
    if holder is None or int(holder[3]) != here:  # closed; or of a run that this is a copy of
        return Description()
    return Description(status=Status(State.RUNNING, pid=int(holder[1]), host=holder[2]))


READER = Reader(
    "exptools",
    _files,
    _read,
    belongs="always",
    marks=f"{LOG_LOCK} beside {PROGRESS_CSV} (exptools' logger)",
)
