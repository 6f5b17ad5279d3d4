"""What a code wastes: hardware that no run uses, and runs that are spread over two sockets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from exptools.launching.affinity.codes import ARGUMENTS, AffinityError, Settings, read_settings
from exptools.launching.affinity.layout import Run, make_runs
from exptools.rundir import format_cpus

_MOST = 16  # values of one argument that are tried


def find_waste(settings: Settings, runs: list[Run]) -> str | None:
    """A sentence on what is wasted, and what would use it; None where nothing is."""
    return _idle(settings, runs) or _crossing(settings, runs)


def _idle(settings: Settings, runs: list[Run]) -> str | None:
    gpus = _idle_gpus(settings, runs)
    cores = settings.cpu - len(_used_cores(settings, runs))
    if not gpus and not cores:
        return None
    idle = [f"GPU {format_cpus(tuple(gpus))}"] if gpus else []
    idle += [f"{cores} of {settings.cpu} cores"] if cores else []
    return f"{' and '.join(idle)} of {settings.code} will idle: {_better(settings, gpus)}"


def _crossing(settings: Settings, runs: list[Run]) -> str | None:
    block = settings.block
    crossing = [
        str(slot)
        for slot, run in enumerate(runs)
        if len(run.cores) <= block and len({core // block for core in run.cores}) > 1
    ]
    if not crossing:
        return None
    return (
        f"{settings.code} gives run slot {', '.join(crossing)} cores of two sockets although one "
        "would do: n_socket=1 does not count them"
    )


def _idle_gpus(settings: Settings, runs: list[Run]) -> set[int]:
    used = chain.from_iterable(run.gpus for run in runs)
    return set(range(settings.gpu)) - set(used)


def _used_cores(settings: Settings, runs: list[Run]) -> set[int]:
    """The cores that have work: a sampler's beyond its last whole worker have none."""
    used: set[int] = set()
    for run in runs:
        for share in run.samplers:
            left_over = len(share.cores) % settings.cpw if settings.ass else 0
            used.update(share.cores[: len(share.cores) - left_over])
        used.update(chain.from_iterable(share.cores for share in run.optimizers))
    return used


def _better(settings: Settings, idle_gpus: set[int]) -> str:
    for argument, value, code in _others(settings, idle_gpus):
        try:
            other = read_settings(code)
            runs = make_runs(other)
        except AffinityError:
            continue
        if not _idle_gpus(other, runs) and len(_used_cores(other, runs)) == other.cpu:
            less = argument in ("cpu", "gpu")
            verb = "names only what is used" if less else "would use all"
            return f"{ARGUMENTS[argument]}={value} {verb} ({code})"
    return "n_gpu and n_cpu_core can name less"


def _others(s: Settings, idle_gpus: set[int]) -> Iterator[tuple[str, int, str]]:
    """Codes with another value of one argument: the nearest ones first, smaller machines last."""
    tried = {
        "cpw": range(s.cpw - 1, 0, -1),
        "sgr": range(s.sgr + 1, s.gpu + 1) if s.ass and not s.oss else (),
        "gpr": [*range(s.gpr + 1, s.gpu + 1), *range(s.gpr - 1, 0, -1)],
        "res": range(s.res + 1, s.cpu + 1) if s.ass else (),
        "gpu": [s.gpu - len(idle_gpus)] if idle_gpus else [],
        "cpu": range(s.cpu - 1, 0, -1),
    }
    for argument, values in tried.items():
        for value in islice(values, _MOST):
            changed: dict[str, Any] = {argument: value}
            yield argument, value, _code(replace(s, **changed))


def _code(s: Settings) -> str:
    """The code of settings; only what differs from rlpyt's defaults is said, but for GPUs."""
    defaults = Settings("", s.cpu, hto=s.cpu, res=1 if s.ass else 0)
    said = [name for name in ARGUMENTS if getattr(s, name) != getattr(defaults, name)]
    names = [name for name in ARGUMENTS if name in ("cpu", "gpu") or name in said]
    return "_".join(f"{getattr(s, name)}{name}" for name in names)
