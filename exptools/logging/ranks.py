"""Which process of a run this is: workers and ranks run the same code as the one that logs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from exptools.rundir import RUN_DIR, STATUS_WRITER


def rank() -> int | None:
    """The rank of this process, None where there is only one.

    As PyTorch says it once its process group is there, else as its launcher ``torchrun`` says it
    in the environment. PyTorch is not imported for that.
    """
    torch = sys.modules.get("torch.distributed")
    if torch is not None and torch.is_available() and torch.is_initialized():
        return int(torch.get_rank()) if torch.get_world_size() > 1 else None
    text, size = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    if text.isdecimal() and size.isdecimal() and int(size) > 1:
        return int(text)
    return None


def is_silent() -> bool:
    """Whether this process leaves logging to rank 0."""
    return bool(rank())


def inherited_directory() -> Path | None:
    """The run directory of the process that started this one, None where that has none."""
    text = os.environ.get(RUN_DIR) or os.environ.get(STATUS_WRITER)
    return Path(text) if text and os.path.isdir(text) else None
