"""Which process of a distributed training this is: all of them run the same code."""

from __future__ import annotations

import os
import sys


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
