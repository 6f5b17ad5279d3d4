"""Affinities: what a run of a code has, in the dictionaries that rlpyt's runners read.

And what a script does with its own: choose its GPUs, or take several shares as one.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from copy import copy
from typing import Any

from exptools.collections import AttrDict
from exptools.launching.affinity.codes import AffinityError, Settings
from exptools.launching.affinity.layout import Run, Share
from exptools.launching.machine.gpus import VISIBLE

Affinity = AttrDict | list[AttrDict]


def render(settings: Settings, run: Run) -> Affinity:
    """A run's affinity: one, a list of one a GPU, or an asynchronous run's."""
    if settings.ass:
        return _render_async(settings, run)
    rendered = [_render_share(settings, share, settings.res) for share in run.samplers]
    return rendered if settings.gpr > 1 else rendered[0]


def logical_cpus(cores: tuple[int, ...], offset: int) -> tuple[int, ...]:
    """The cores' first hardware threads, then their second ones if there are."""
    return cores + tuple(core + offset for core in cores if offset)


def set_gpu_from_visibles(cuda_idxs: int | Sequence[int], n_gpu_max: int = 16) -> None:
    """Narrow this process's ``CUDA_VISIBLE_DEVICES`` to some of the devices that it names.

    Call it before anything uses CUDA. Devices are counted anew afterwards: the first one is 0.

    Args:
        cuda_idxs: positions among the visible devices, as an affinity's ``cuda_idx`` has them; an
            empty list hides all.
        n_gpu_max: how many devices there may be where the variable is not set.

    Raises:
        AffinityError: a position is no number, repeated, or beyond the visible devices.
    """
    limit = os.environ.get(VISIBLE)
    names = list(map(str, range(n_gpu_max))) if limit is None else limit.split(",")
    wanted = [cuda_idxs] if isinstance(cuda_idxs, int) else cuda_idxs
    if not isinstance(wanted, list | tuple):
        raise AffinityError(f"cuda_idx is {wanted!r}; it should be a number or a list of numbers")
    chosen = [_device_name(names, index, limit) for index in wanted]
    if len(set(chosen)) < len(chosen):
        raise AffinityError(f"cuda_idx is {cuda_idxs!r}; it names a GPU twice")
    os.environ[VISIBLE] = ",".join(chosen)


def combine_affinity(affinities: Sequence[Mapping[str, Any]]) -> AttrDict:
    """One affinity with all that several have, such as those of a run with several GPUs.

    CPUs are listed one after the other, ``cuda_idx`` becomes a list, thread counts are added, and
    a switch is on if it is on in one.

    Raises:
        AffinityError: there is none, or one has other keys than the first.
    """
    if isinstance(affinities, Mapping):
        affinities = [affinities]
    if not affinities or any("optimizer" in one for one in affinities):
        raise AffinityError("combine_affinity takes the affinities of one run's GPUs, as a list")
    if any(one.keys() != affinities[0].keys() for one in affinities):
        raise AffinityError("the affinities are of two modes: only some of them have cuda_idx")
    combined = AttrDict()
    for key in affinities[0]:
        values = [affinity[key] for affinity in affinities]
        if "cpus" in key:
            combined[key] = [cpu for cpus in values for cpu in cpus]
        elif key == "cuda_idx":
            combined[key] = values
        else:
            combined[key] = sum(values) if "torch_threads" in key else any(values)
    return combined


def _render_share(settings: Settings, share: Share, reserved: int) -> AttrDict:
    cpus = logical_cpus(share.cores, settings.hto)
    affinity = AttrDict(
        all_cpus=cpus,
        master_cpus=cpus,
        workers_cpus=_workers(share.cores[reserved:], settings),
        alternating=bool(settings.alt),
        set_affinity=bool(settings.saf),
    )
    if share.gpu is not None:
        affinity.cuda_idx = share.gpu
    return affinity


def _render_async(settings: Settings, run: Run) -> AttrDict:
    bind = bool(settings.saf)
    optimizers = [_OptimizerAffinity(settings, share) for share in run.optimizers]
    samplers = [_render_share(settings, share, 0) for share in run.samplers]
    for sampler in samplers:
        sampler.setdefault("cuda_idx")
    masters = [optimizer.cpus for optimizer in optimizers] + [one.all_cpus for one in samplers]
    return AttrDict(
        all_cpus=tuple(cpu for cpus in masters for cpu in cpus),
        optimizer=optimizers,
        sampler=samplers if settings.sampler_gpus else samplers[0],
        set_affinity=bind,
    )


class _OptimizerAffinity(AttrDict):
    """What an optimizer has. rlpyt's runners ask for ``torch_threads``, which the original left out
    of its answer: it is told to those who ask for it, and is no key.
    """

    def __init__(self, settings: Settings, share: Share) -> None:
        super().__init__(
            cpus=logical_cpus(share.cores, settings.hto),
            cuda_idx=share.gpu,
            set_affinity=bool(settings.saf),
        )
        object.__setattr__(self, "_threads", max(len(share.cores), 1))

    def __missing__(self, key: Hashable) -> Any:
        return vars(self)["_threads"] if key == "torch_threads" else super().__missing__(key)

    def copy(self) -> Any:
        """A copy that knows it, too."""
        return copy(self)


def _workers(cores: tuple[int, ...], settings: Settings) -> tuple[tuple[int, ...], ...]:
    """The CPUs of each worker; alternating samplers have two workers on each group of cores."""
    size, offset = settings.cpw, settings.hto
    groups = [cores[at : at + size] for at in range(0, len(cores) - size + 1, size)]
    if not settings.alt:
        return tuple(logical_cpus(group, offset) for group in groups)
    return tuple(groups + [tuple(core + offset for core in group) for group in groups])


def _device_name(names: Sequence[str], index: object, limit: str | None) -> str:
    name = names[index] if isinstance(index, int) and 0 <= index < len(names) else ""
    if not name.strip():
        reason = f"{VISIBLE} is not set" if limit is None else f"{VISIBLE} is {limit!r}"
        raise AffinityError(f"there is no GPU {index!r}: {reason}")
    return name
