"""Affinities: what a run of a code has, in the dictionaries that rlpyt's runners read."""

from __future__ import annotations

from exptools.collections import AttrDict
from exptools.launching.affinity.codes import (
    AffinityError,
    Settings,
    read_settings,
    remove_run_slot,
)
from exptools.launching.affinity.layout import Run, Share, make_runs

CLUSTER = "cluster"  # stands for a code where a cluster's manager has chosen the resources

Affinity = AttrDict | list[AttrDict]


def affinity_of_slot(run_slot_affinity_code: str) -> Affinity:
    """The affinity of a run's code.

    Raises:
        AffinityError: the code makes no sense, or has no such slot.
    """
    slot, code = remove_run_slot(run_slot_affinity_code)
    settings = read_settings(code)
    runs = make_runs(settings)
    if slot >= len(runs):
        raise AffinityError(
            f"run slot {slot} is not one of {code}, which has {len(runs)}: 0 to {len(runs) - 1}"
        )
    return render(settings, runs[slot])


def render(settings: Settings, run: Run) -> Affinity:
    """A run's affinity: one, a list of one a GPU, or an asynchronous run's."""
    if settings.ass:
        return _render_async(settings, run)
    rendered = [_render_share(settings, share, settings.res) for share in run.samplers]
    return rendered if settings.gpr > 1 else rendered[0]


def logical_cpus(cores: tuple[int, ...], offset: int) -> tuple[int, ...]:
    """The cores' first hardware threads, then their second ones if there are."""
    return cores + tuple(core + offset for core in cores if offset)


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
    optimizers = [
        AttrDict(
            cpus=logical_cpus(share.cores, settings.hto), cuda_idx=share.gpu, set_affinity=bind
        )
        for share in run.optimizers
    ]
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


def _workers(cores: tuple[int, ...], settings: Settings) -> tuple[tuple[int, ...], ...]:
    """The CPUs of each worker; alternating samplers have two workers on each group of cores."""
    size, offset = settings.cpw, settings.hto
    groups = [cores[at : at + size] for at in range(0, len(cores) - size + 1, size)]
    if not settings.alt:
        return tuple(logical_cpus(group, offset) for group in groups)
    return tuple(groups + [tuple(core + offset for core in group) for group in groups])
