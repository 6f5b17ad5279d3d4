"""What Slurm's queue says of elements: one question for all of them, and no accounting."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection
from dataclasses import dataclass

_FORMAT = "%i|%T|%N|%S|%r"
MOST_NAMED = 1000  # jobs on a command line, which has room for some more
_LONGEST = 60.0  # seconds in which squeue should answer
_WAITS = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD")
_RUNS = (
    *("RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED"),
    *("RESIZING", "SIGNALING", "STAGE_OUT"),
)


class QueueAway(Exception):
    """The controller does not answer; the message is its own."""


@dataclass(frozen=True)
class Standing:
    """Where an element stands."""

    state: str  # Slurm's word
    node: str = ""
    reason: str = ""  # why it waits, in Slurm's word
    start: str = ""  # when Slurm expects it to start

    @property
    def waits(self) -> bool:
        """Whether it is still to run, for the first time or again."""
        return self.state in _WAITS

    @property
    def runs(self) -> bool:
        """Whether it holds its allocation."""
        return self.state in _RUNS

    @property
    def is_held(self) -> bool:
        """Whether it waits until somebody releases it."""
        return self.waits and "held" in self.reason.lower()


SUBMITTED = Standing("PENDING")  # as far as we know
GONE = Standing("GONE")  # Slurm has forgotten it: it has ended a while ago


def ask_queue(elements: Collection[str]) -> dict[str, Standing]:
    """Where elements stand, also those that have ended, as long as Slurm remembers them.

    Raises:
        QueueAway: the controller does not answer now.
    """
    arrays = sorted({element.partition("_")[0] for element in elements})
    which = ["-j", ",".join(arrays)] if len(arrays) <= MOST_NAMED else ["-u", str(os.getuid())]
    command = ["squeue", "-h", "-r", "-t", "all", *which, "-o", _FORMAT]
    try:
        answer = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_LONGEST
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise QueueAway(str(error)) from error
    if answer.returncode and "Invalid job id" not in answer.stderr:
        raise QueueAway(answer.stderr.strip().splitlines()[-1] if answer.stderr else "no answer")
    places = _parse(answer.stdout)
    return {element: places.get(element, GONE) for element in elements}


def _parse(answer: str) -> dict[str, Standing]:
    places = {}
    for line in answer.splitlines():
        element, state, node, start, reason = (*line.split("|", 4), "", "", "", "")[:5]
        known_start = "" if start == "N/A" else start
        places[element.strip()] = Standing(state, node, reason, known_start)
    return places
