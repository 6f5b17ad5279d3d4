"""How many jobs a machine has room for at once, and what to say when it is too few."""

from __future__ import annotations

import math

from exptools.launching.machine.request import Request, SlotError
from exptools.launching.machine.topology import Machine


def count_jobs(free: Machine, request: Request, share: float, sharers: int) -> int:
    """The number of jobs at once, each with ``share`` GPUs of which ``sharers`` jobs share one.

    Raises:
        SlotError: there is not enough; the message says what there is and what would fit.
    """
    cores = len(free.cores) // (request.cpus_per_job or 1)
    room = _gpu_room(free, share, sharers) if share else cores
    if request.pin:
        room = min(room, cores)
    elif not share:  # nobody has cores of their own: there may be any number of jobs
        room = max(room, request.jobs or 1)
    if room < (request.jobs or 1):
        raise SlotError(
            f"{request} does not fit this machine, which has {_what_there_is(free, request)} for "
            f"us: {_what_fits(free, request, share, sharers, room)}"
        )
    if request.jobs or share or free.quota is None:
        return request.jobs or room
    return min(room, max(1, math.ceil(free.quota) // (request.cpus_per_job or 1)))


def has_too_few_cores(machine: Machine, request: Request, share: float, most: int) -> bool:
    """Whether GPUs would idle if each of their jobs had a core of its own."""
    if not share or request.cpus_per_job is not None:
        return False
    room = _gpu_room(machine, share, count_sharers(machine, request))
    return len(machine.cores) < min(request.jobs or room, most) <= room


def count_sharers(free: Machine, request: Request) -> int:
    """How many jobs go on one GPU: as many as the share says, if its memory is enough for them."""
    memory = min((gpu.memory for gpu in free.gpus if gpu.memory), default=0)
    if request.gpu_memory is None or not memory:
        return request.sharers
    return max(1, min(request.sharers, memory // request.gpu_memory))


def _gpu_room(free: Machine, share: float, sharers: int) -> int:
    return len(free.gpus) // math.ceil(share) * sharers


def _what_there_is(free: Machine, request: Request) -> str:
    limited = [name for name in ("gpus", "gpu_memory_per_job") if getattr(request, name)]
    within = f" (within {' and '.join(limited)})" if limited else ""
    return f"{len(free.cores)} cores and {len(free.gpus)} GPUs{within}"


def _what_fits(free: Machine, request: Request, share: float, sharers: int, room: int) -> str:
    """The nearest requests that fit: fewer jobs at once, or as many with less for each."""
    jobs = request.jobs or 1
    fits = [f"jobs={room} at once"] if room else []
    cores, gpus = len(free.cores) // jobs, len(free.gpus) // jobs
    less = [f"cpus_per_job={cores}"] if (request.cpus_per_job or 1) > cores else []
    if share and jobs > _gpu_room(free, share, sharers):
        each = math.ceil(jobs / len(free.gpus)) if free.gpus else 0  # jobs on one GPU
        less.append(f"gpus_per_job={gpus or (each and math.floor(100 / each) / 100):g}")
    # How many jobs' memory a GPU has is not known here.
    if cores and less and request.gpu_memory is None:
        fits.append(" and ".join(less))
    return f"{' or '.join(fits)} would fit" if fits else "ask for less"
