"""Where Hugging Face's Trainer keeps its state: in the run's directory, or in its checkpoints."""

from __future__ import annotations

import os
import re

from exptools.viewing.readers.walk import Listing

STATE = "trainer_state.json"
CHECKPOINTS = "checkpoint-[0-9]*"  # a pattern of fnmatch's
_CHECKPOINT = re.compile(r"checkpoint-(\d{1,18})")


def trainer_states(listing: Listing) -> tuple[str, ...]:
    """The state of a run itself, and that of its newest checkpoint, relative to it; if there."""
    own = (STATE,) if STATE in listing.files else ()
    if not listing.directories:
        return own
    steps = {
        int(found[1]): name
        for name in listing.directories
        if (found := _CHECKPOINT.fullmatch(name))
    }
    for step in sorted(steps, reverse=True):
        if os.path.isfile(f"{listing.path}/{steps[step]}/{STATE}"):
            return (*own, f"{steps[step]}/{STATE}")
    return own
