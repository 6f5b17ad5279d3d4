"""Which cores and GPUs each run of an affinity code has, by the rules of rlpyt.

Cores are numbered from 0; a core's second hardware thread has the core's number plus an offset.
Sockets are equal blocks of cores. A code is taken only if its runs have equal shares, with no core
in two of them: rlpyt refuses much of the rest, too, but some of it only by accident. What is left
over idles, as with rlpyt; `waste.py` says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from exptools.launching.affinity.codes import AffinityError, Settings


@dataclass(frozen=True)
class Share:
    """What one process of a run has, together with its workers."""

    cores: tuple[int, ...]
    gpu: int | None = None


@dataclass(frozen=True)
class Run:
    """The processes of a run; only asynchronous ones have optimizers besides their samplers."""

    samplers: tuple[Share, ...]
    optimizers: tuple[Share, ...] = ()

    @property
    def cores(self) -> list[int]:
        """The cores of all its processes."""
        return list(chain.from_iterable(share.cores for share in self.optimizers + self.samplers))

    @property
    def gpus(self) -> list[int]:
        """The GPUs of all its processes, each once."""
        shares = self.optimizers + self.samplers
        return list(dict.fromkeys(share.gpu for share in shares if share.gpu is not None))


def make_runs(settings: Settings) -> list[Run]:
    """The runs of a code, by their slots.

    Raises:
        AffinityError: they cannot have equal shares, each its own, of what the code names.
    """
    problem = _uneven(settings)
    if problem is None:
        runs = [_make_run(settings, slot) for slot in range(settings.runs)]
        problem = _without_workers(settings, runs) or _misplaced(settings, runs)
    if problem is not None:
        raise AffinityError(f"{settings.code}: {problem}")
    return runs


def _make_run(settings: Settings, slot: int) -> Run:
    """What the rules give to a slot, be it sane or not."""
    if settings.ass:
        return _async_run(settings, slot)
    if not settings.gpu:
        return Run((Share(_side_by_side(settings, settings.runs, slot)),))
    # Runs that share GPUs go to different ones first; their cores are side by side all the same.
    context, first = divmod(slot * settings.gpr, settings.gpu)
    gpus = range(first, first + settings.gpr)
    parts = settings.gpu * settings.cxg
    places = [gpu * settings.cxg + context for gpu in gpus]
    cores = [_side_by_side(settings, parts, place) for place in places]
    return Run(tuple(map(Share, cores, gpus)))


def _side_by_side(settings: Settings, parts: int, place: int) -> tuple[int, ...]:
    """The cores of one of so many equal parts, which are spread over the sockets."""
    each = settings.cpu // parts
    if parts >= settings.skt:
        socket, inside = divmod(place, parts // settings.skt)
        first = socket * settings.block + inside * each
        return tuple(range(first, first + each))
    sockets = settings.skt // parts
    return tuple(
        chain.from_iterable(
            range(socket * settings.block, socket * settings.block + each // sockets)
            for socket in range(place * sockets, (place + 1) * sockets)
        )
    )


def _async_run(s: Settings, slot: int) -> Run:
    """On each socket first the optimizers, which have the reserved cores, then the samplers."""
    if s.spread:  # over sockets of its own
        sockets, place = range(slot * s.spread, (slot + 1) * s.spread), 0
    else:
        socket, place = divmod(slot, s.runs // s.skt)
        sockets = range(socket, socket + 1)
    optimizers_here, samplers_here = (n // len(sockets) for n in (s.gpr, s.sampler_gpus))
    each = s.sampler_cores // max(s.sampler_gpus, len(sockets))
    optimizers: list[Share] = []
    samplers: list[Share] = []
    alone: list[int] = []  # of a sampler without GPUs, which is one for all sockets
    for socket in sockets:
        gpu = socket * (s.gpu // s.skt) + place * s.gpus_each
        core = socket * s.block + place * s.cores_each
        optimizers += _neighbours(core, s.res, gpu, optimizers_here)
        core += s.res * (optimizers_here if samplers_here else _skipped(s, optimizers_here))
        gpu += 0 if s.oss else optimizers_here
        samplers += _neighbours(core, each, gpu, samplers_here)
        alone += [] if samplers_here else range(core, core + each)
    return Run(tuple(samplers) or (Share(tuple(alone)),), tuple(optimizers))


def _skipped(s: Settings, optimizers_here: int) -> int:
    """How many optimizers' cores lie before a sampler without GPUs.

    Over several sockets rlpyt counts those of all; where that is more, codes mean it so.
    """
    gpus_of_socket = max(s.gpu // s.skt, 1)
    return max(optimizers_here, s.gpr // gpus_of_socket) if s.spread else optimizers_here


def _neighbours(core: int, cores_each: int, gpu: int, count: int) -> tuple[Share, ...]:
    """Shares on one socket, one beside the other."""
    return tuple(
        Share(tuple(range(first, first + cores_each)), gpu + number)
        for number in range(count)
        for first in (core + number * cores_each,)
    )


def _uneven(s: Settings) -> str | None:
    """What cannot be divided evenly."""
    parts = (s.gpu * s.cxg if not s.ass else s.runs) if s.gpu else s.cpr
    fits = s.cpu - s.cpu % parts
    if not fits or (s.cpu % parts and not s.ass):
        hint = f"n_cpu_core={fits} can" if fits else f"there should be {parts} or more"
        return f"{s.cpu} cores cannot be divided evenly by {parts}: {hint}"
    if not (_async_fits(s) if s.ass else (s.hto - s.cpu) % s.skt == 0):
        return f"n_socket={s.skt} does not divide its runs evenly: n_socket=1 would do"
    if 0 < s.hto < s.cpu:
        return (
            f"hyperthread_offset={s.hto} is less than n_cpu_core={s.cpu}, so that numbers of cores "
            "and of hyperthreads are the same: 0 is for none"
        )
    return None


def _async_fits(s: Settings) -> bool:
    """Whether a socket has a whole number of runs, or a run a whole number of sockets."""
    if s.gpus_each <= s.gpu // s.skt:
        return s.runs % s.skt == 0
    return s.spread > 0 and s.gpr % s.spread == s.sampler_gpus % s.spread == 0


def _without_workers(s: Settings, runs: list[Run]) -> str | None:
    """Why a sampler would have no worker, or uneven ones: all runs have equal shares."""
    (share, *others), reserved = runs[0].samplers, 0 if s.ass else s.res
    cores = len(share.cores) - reserved
    each = f"cpu_per_worker={s.cpw}" + (f" on each of {len(others) + 1} GPUs" if others else "")
    if cores < s.cpw:
        left = max(s.cores_each - s.res * s.gpr, 0) if s.ass else max(cores, 0)
        all_cores = s.cores_each if s.ass else len(share.cores)
        kept = f"cpu_reserved={s.res} leaves {left} of {all_cores} cores for workers"
        return f"{kept}, too few for one of {each}"
    if cores % s.cpw and not s.ass:
        kept = f"cpu_reserved={s.res} leaves {cores} of {len(share.cores)} cores for workers"
        return f"{kept}, which cannot be divided evenly by {each}"
    return None


def _misplaced(s: Settings, runs: list[Run]) -> str | None:
    """Why the sockets do not go with the runs: with one socket all is well."""
    used = list(chain.from_iterable(run.cores for run in runs))
    gpus = list(chain.from_iterable(run.gpus for run in runs))
    if len(set(used)) < len(used) or len(set(gpus)) * s.cxg < len(gpus):
        wrong = "two runs would get the same cores or GPUs"
    elif max(used, default=0) >= s.numbered_cores or max(gpus, default=0) >= max(s.gpu, 1):
        wrong = "a run would get cores or GPUs that do not exist"
    else:
        return None
    return f"{s.runs} runs cannot be spread over n_socket={s.skt}: {wrong}; n_socket=1 would do"
