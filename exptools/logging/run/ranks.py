"""Which rank of a distributed training this process is: rank 0 logs for all.

Ranks run the same code as the process that logs. PyTorch is not imported to learn it.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Rank:
    """The place of this process in a distributed training."""

    number: int  # from 0 on; Lightning's, which does not say it, is above 0 for all but the first
    size: int  # how many ranks there are, at least 2
    said_by: str  # how we know: torch.distributed, or variables of the environment
    is_sure: bool  # whether what says so cannot be left over from something else


def this_rank() -> Rank | None:
    """Which rank this process is, None where there is only one or nothing says so for sure.

    PyTorch knows it once its process group is there. Before, who started the process may have said
    it in the environment: ``torchrun`` and those like it, Lightning, the launchers of MPI, and
    Horovod's. Where several do, the first of these counts.

    Slurm numbers all tasks of ``srun``, also those that have nothing to do with each other. They
    are ranks where the environment has an address to meet at, too (``MASTER_ADDR``), or their
    number (``WORLD_SIZE``), as PyTorch needs them.
    """
    torch = sys.modules.get("torch.distributed")  # which is half imported perhaps, by a thread
    is_initialized = getattr(torch, "is_initialized", None)
    if torch is not None and is_initialized is not None and is_initialized():
        number, size = int(torch.get_rank()), int(torch.get_world_size())
        said_by = f"torch.distributed: rank {number} of {size}"
        return Rank(number, size, said_by, is_sure=True) if size > 1 else None
    if _number("WORLD_SIZE") is not None and (_has("RANK") or _has("LOCAL_RANK")):
        # Who says that there is one is believed, too, whatever Slurm says of the tasks.
        return _torchruns() or _lightnings()
    for launcher in _MPI:
        if (rank := _rank_in(*launcher)) is not None and not _is_slurms(launcher, rank):
            return rank
    return _slurms()


def silent_rank() -> Rank | None:
    """The rank of a process that leaves logging to rank 0; None where this one logs."""
    rank = this_rank()
    return None if rank is None or rank.number == 0 else rank


def why_silent(rank: Rank) -> str | None:
    """What to tell the user of a rank that logs nothing; None where another rank tells it.

    Variables like ``RANK`` are found in environments of processes that are no ranks, too, and
    then somebody misses the files of a run. Where that cannot be, one of the ranks is enough.
    """
    if rank.is_sure:
        if rank.number != 1:
            return None
        why, unset = f"ranks above 0 log nothing ({rank.said_by})", ""
    else:
        why = f"this process logs nothing, for it is not the first rank ({rank.said_by})"
        names = " and ".join(re.findall(r"(\w+)=", rank.said_by))
        unset = f"if it is no rank, unset {names}; "
    return (
        f"{why}; {unset}if each is to log to a directory of its own, choose "
        "logger.open(directory, all_ranks=True) or hydra.callbacks.exptools.all_ranks=true"
    )


def ask_for_ranks() -> str:
    """What to add to the error of a process that may be a rank, whose directory another one has."""
    if this_rank() is not None:
        return ""
    if _rank_in(*_SLURM) is not None:
        return (
            "; if these tasks of srun are the ranks of one training, set RANK=$SLURM_PROCID and "
            "WORLD_SIZE=$SLURM_NTASKS in each"
        )
    process = sys.modules.get("multiprocessing.process")
    is_child = process is not None and process.parent_process() is not None
    if is_child and "torch.distributed" in sys.modules:
        return "; if they are the ranks of one training, open the run after init_process_group()"
    return ""


_MPI = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),  # MVAPICH
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI
    ("HOROVOD_RANK", "HOROVOD_SIZE"),
)
_SLURM = ("SLURM_PROCID", "SLURM_NTASKS")


def _torchruns() -> Rank | None:
    return _rank_in("RANK", "WORLD_SIZE", is_sure=_has("TORCHELASTIC_RUN_ID"))


def _lightnings() -> Rank | None:
    """Of a process that Lightning starts: which one of which node it is."""
    local, node, size = _number("LOCAL_RANK"), _number("NODE_RANK") or 0, _number("WORLD_SIZE")
    if _has("RANK") or local is None or size is None or size < 2:
        return None
    said_by = f"LOCAL_RANK={local} NODE_RANK={node} WORLD_SIZE={size}"
    return Rank(local + node, size, said_by, is_sure=False)


def _slurms() -> Rank | None:
    """Of a task of ``srun``, if there is more to say that it is a rank."""
    task, size = _rank_in(*_SLURM), _number("WORLD_SIZE")
    if task is None or (size is not None and size < 2):
        return None
    signs = [f"{name}={os.environ[name]}" for name in ("MASTER_ADDR", "WORLD_SIZE") if _has(name)]
    said_by = " ".join([task.said_by, *signs])
    return replace(task, said_by=said_by, is_sure=False) if signs else None


def _rank_in(rank: str, size: str, *, is_sure: bool = True) -> Rank | None:
    number, count = _number(rank), _number(size)
    if number is None or count is None or not number < count or count < 2:
        return None
    return Rank(number, count, f"{rank}={number} {size}={count}", is_sure)


def _is_slurms(launcher: tuple[str, str], rank: Rank) -> bool:
    """Whether it is srun that speaks by PMI, as it does to every task where it is built so."""
    tasks = (_number(_SLURM[0]), _number(_SLURM[1]))
    return launcher[0] == "PMI_RANK" and tasks == (rank.number, rank.size)


def _has(name: str) -> bool:
    return bool(os.environ.get(name))


def _number(name: str) -> int | None:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else None
