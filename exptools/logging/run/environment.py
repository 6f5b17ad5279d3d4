"""What this process is to a run, by what torch and the environment say: a rank, a child, a job.

Workers and ranks run the same code as the process that logs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from exptools.rundir import RUN_DIR, STATUS_WRITER, StatusError, read_status


def rank() -> int | None:
    """The rank of this process, None where there is only one.

    As PyTorch says it once its process group is there, else as its launcher ``torchrun`` says it
    in the environment; Lightning's says there only which process of which node it is, so that the
    number is 0 for the first one alone. PyTorch is not imported for that.
    """
    torch = sys.modules.get("torch.distributed")
    if torch is not None and torch.is_available() and torch.is_initialized():
        return int(torch.get_rank()) if torch.get_world_size() > 1 else None
    if (_number("WORLD_SIZE") or 0) < 2:
        return None
    number, local = _number("RANK"), _number("LOCAL_RANK")
    return number if number is not None or local is None else local + (_number("NODE_RANK") or 0)


def is_silent() -> bool:
    """Whether this process leaves logging to rank 0."""
    return bool(rank())


def inherited_directory() -> Path | None:
    """The run directory of the process that started this one, None where that has none."""
    text = os.environ.get(RUN_DIR) or os.environ.get(STATUS_WRITER)
    return Path(text) if text and os.path.isdir(text) else None


def is_of_the_run(directory: Path) -> bool:
    """Whether this process was started by one that logs in the directory, or as that run's job."""
    return str(directory) in (os.environ.get(RUN_DIR), os.environ.get(STATUS_WRITER))


def attempt_name(directory: Path) -> str | None:
    """Which attempt at the run this process belongs to; see :class:`OpenRun` for the answers."""
    if os.environ.get(RUN_DIR) == str(directory):
        return None  # of the process that has started us, which may have closed it
    if os.environ.get(STATUS_WRITER) != str(directory):
        return ""
    try:
        status = read_status(directory)
    except StatusError:
        return ""
    # Not the process, of which the scheduler may write only after that has begun to log.
    return f"{status.attempt} of {status.queued}" if status else ""


def _number(name: str) -> int | None:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else None
