"""What a script does with its affinity: choose its GPUs, or take several shares as one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from exptools.collections import AttrDict
from exptools.launching.affinity.codes import AffinityError
from exptools.launching.machine.gpus import VISIBLE


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


def _device_name(names: Sequence[str], index: object, limit: str | None) -> str:
    name = names[index] if isinstance(index, int) and 0 <= index < len(names) else ""
    if not name.strip():
        reason = f"{VISIBLE} is not set" if limit is None else f"{VISIBLE} is {limit!r}"
        raise AffinityError(f"there is no GPU {index!r}: {reason}")
    return name
