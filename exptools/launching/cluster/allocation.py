"""The part of a machine that a cluster's scheduler gave to this process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from exptools.launching.machine.gpus import VISIBLE, Gpu
from exptools.launching.machine.request import Request
from exptools.launching.machine.topology import Machine, read_machine

# What tells that a scheduler has set a part of this machine aside for us, and how many CPUs.
_SCHEDULERS = (
    ("SLURM_JOB_ID", ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE")),
    ("PBS_JOBID", ("NCPUS",)),
)
_SLURM_GPUS = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS")


@dataclass(frozen=True)
class Allocation:
    """What this process may divide among jobs."""

    machine: Machine
    is_ours: bool  # whether somebody keeps others off it
    is_bound: bool  # whether the kernel does so, by the CPU mask

    def fit(self, request: Request) -> Request:
        """A request as it can be met here."""
        if any(not gpu.uuid.startswith(("GPU-", "MIG-")) for gpu in self.machine.gpus):
            request = replace(request, gpu_ids="index")
        return request if self.is_bound else replace(request, pin=False)


def read_allocation(environment: Mapping[str, str] = os.environ) -> Allocation:
    """What a scheduler gave us; without one, what this process may use of the machine.

    Where nothing binds us to the CPUs that we were given, so many of them are ours, and which the
    kernel may choose.
    """
    machine = read_machine()
    if not machine.gpus:
        machine = replace(machine, gpus=_gpus_by_name(environment))
    for name, counts in _SCHEDULERS:
        if environment.get(name):
            granted = _first_number(environment, counts)
            seen = sum(len(core.cpus) for core in machine.cores)
            if granted is None or granted >= seen:
                return Allocation(machine, is_ours=True, is_bound=True)
            quota = min(granted, machine.quota or granted)
            return Allocation(replace(machine, quota=quota), is_ours=True, is_bound=False)
    return Allocation(machine, is_ours=False, is_bound=True)


def _gpus_by_name(environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """The GPUs that were given to us where no driver of NVIDIA's tells of them."""
    for name in (VISIBLE, *_SLURM_GPUS):
        tokens = [token.strip() for token in environment.get(name, "").split(",")]
        if name in environment and all(token.isdecimal() for token in tokens):
            return tuple(Gpu(int(token), token, "GPU", memory=0) for token in tokens)
    return ()


def _first_number(environment: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    return next((int(t) for name in names if (t := environment.get(name, "")).isdecimal()), None)
