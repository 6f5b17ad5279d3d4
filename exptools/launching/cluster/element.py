"""What an element of Slurm's runs: an agent for its chunk, queued again when its time is up.

Its arguments are SWEEP PLAN FIRST COUNT: the elements of an array have COUNT chunks from FIRST on.
What stands behind that is submitit's, which would unpickle a file by its name alone; the agent
looks at whose the plan is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from exptools.launching.cluster.chunk_run import AHEAD, run_chunk
from exptools.launching.cluster.claim import ChunkBusy
from exptools.launching.cluster.plan import PlanError, read_plan
from exptools.launching.display.labels import plural
from exptools.launching.machine.request import SlotError
from exptools.visible import visible_lines

_MOST_REQUEUES = 1000  # of one element; each goes on where the last one stopped
_ANSWERS = 60.0  # seconds in which Slurm's controller should


def main(arguments: Sequence[str]) -> None:
    """Run what is left of a chunk.

    Raises:
        SystemExit: some jobs failed, or are left. The element counts as failed then, so that
            ``squeue`` and ``sacct`` tell the truth.
    """
    sweep_dir, plan, first, count = arguments[:4]
    for announced in (signal.SIGTERM, signal.SIGCONT):  # what Slurm does later
        signal.signal(announced, lambda *_: None)
    at, name = 0, os.environ["SLURM_JOB_ID"]
    if int(count) > 1:  # one of them has the array's number, which stands for all
        at = int(os.environ["SLURM_ARRAY_TASK_ID"])
        name = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{at}"
    signal.signal(getattr(signal, AHEAD), lambda *_: _queue_again(name))
    try:
        end = run_chunk(read_plan(Path(sweep_dir), int(plan)), int(first) + at)
    except (ChunkBusy, PlanError, SlotError, OSError) as error:
        sys.exit(f"exptools: {visible_lines(str(error))}")
    if end.left and end.signum == getattr(signal, AHEAD):
        _queue_again(name)
    if end.left:
        sys.exit(f"exptools: {end.left} of {plural(end.jobs, 'job')} did not run to their end")
    if end.went_wrong:
        sys.exit(f"exptools: {end.went_wrong} of {plural(end.jobs, 'job')} went wrong")


def _queue_again(name: str) -> None:
    """Have Slurm queue this element once more, by its name, and end.

    Raises:
        SystemExit: always.
    """
    if int(os.environ.get("SLURM_RESTART_COUNT") or 0) >= _MOST_REQUEUES:
        sys.exit(f"exptools: this element was queued again {_MOST_REQUEUES} times")
    command = ["scontrol", "requeue", name]
    try:
        subprocess.run(command, check=True, timeout=_ANSWERS)
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"exptools: Slurm does not queue this element again: {error}")
    sys.exit("exptools: the time is up; what is left waits in the queue again")
