"""What this process may use of the machine: CPU cores, where they stand, and GPUs."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from exptools.launching.machine.gpus import Gpu, read_gpus
from exptools.launching.machine.limits import (
    CPU_DIR,
    LIVE_ROOT,
    allowed_cpus,
    cpu_quota,
    online_cpus,
)
from exptools.launching.machine.sysfs import numbered, read_int, read_list, read_set, read_text

_SIBLINGS = (("core_cpus", "core_cpus_list"), ("thread_siblings", "thread_siblings_list"))
_PACKAGES = (("package_cpus", "package_cpus_list"), ("core_siblings", "core_siblings_list"))
# The kernel's names for the event counters of each kind of Intel's hybrid cores, slowest first.
_HYBRID = ("cpu_lowpower", "cpu_atom", "cpu_core")
# CPUs of one kind differ by less in their highest frequency (some are chosen to boost higher).
_SAME_FREQUENCY = 1.1


@dataclass(frozen=True)
class Core:
    """A physical core: the CPUs, as the kernel counts them, that share its execution units."""

    number: int  # its lowest online CPU, whether or not we may use that one: a name for all
    cpus: tuple[int, ...]  # its CPUs (SMT siblings) that we may use, rising
    package: int | None = None  # packages are counted by their lowest CPU; the kernel's ids repeat
    node: int | None = None  # the kernel's number of its NUMA node
    kind: int = 0  # hybrid machines: 0 is the slowest kind of core


@dataclass(frozen=True)
class Node:
    """A NUMA node: memory, and the CPUs that are near to it."""

    number: int  # the kernel's; numbers may have holes
    cpus: tuple[int, ...]  # online; memory alone has none
    distances: tuple[int, ...] = ()  # to each of the machine's nodes in their order; 10 is near


@dataclass(frozen=True)
class Machine:
    """What this process may use."""

    cores: tuple[Core, ...]  # by their numbers
    gpus: tuple[Gpu, ...]
    can_pin: bool  # whether the system can bind a process to CPUs
    nodes: tuple[Node, ...] = ()
    quota: float | None = None  # CPUs' time that the control group may use; None: no limit
    notes: tuple[str, ...] = ()  # sentences that the user should read once

    def distance(self, one: int | None, other: int | None) -> int:
        """How far memory of a node is from another, as the firmware says; 10 is the same node."""
        numbers = [node.number for node in self.nodes]
        if one not in numbers or other not in numbers:
            return 10 if one == other else 20
        distances = self.nodes[numbers.index(one)].distances
        position = numbers.index(other)
        return distances[position] if position < len(distances) else (10 if one == other else 20)


def read_machine(root: Path = LIVE_ROOT) -> Machine:
    """Read the allowed CPUs, grouped into physical cores, and the visible GPUs.

    ``root`` is a directory that holds ``sys`` and ``proc``: another machine's, for example.
    """
    if root == LIVE_ROOT and not hasattr(os, "sched_setaffinity"):
        return _counted_machine()
    online, allowed = online_cpus(root), allowed_cpus(root)
    nodes = read_nodes(root, online)
    gpus, notes = read_gpus(root, online)
    return Machine(
        cores=tuple(
            replace(core, cpus=tuple(cpu for cpu in core.cpus if cpu in allowed))
            for core in read_cores(root, online | allowed)
            if not allowed.isdisjoint(core.cpus)
        ),
        gpus=tuple(_located(gpu, nodes) for gpu in gpus),
        can_pin=True,
        nodes=nodes,
        quota=cpu_quota(root),
        notes=notes,
    )


def read_cores(root: Path, cpus: Iterable[int]) -> tuple[Core, ...]:
    """The physical cores that the given CPUs form."""
    numbers = sorted(cpus)
    packages = _packages(root, numbers)
    nodes = {cpu: node.number for node in read_nodes(root, numbers) for cpu in node.cpus}
    kinds = _kinds(root, numbers)
    return tuple(
        Core(core[0], core, packages.get(core[0]), nodes.get(core[0]), kinds[core[0]])
        for core in grouped({cpu: _core_key(root, cpu) for cpu in numbers})
    )


def read_nodes(root: Path, cpus: Iterable[int]) -> tuple[Node, ...]:
    """The NUMA nodes with those of their CPUs that are given; a machine without any is node 0."""
    directory = root / "sys/devices/system/node"
    wanted = frozenset(cpus)
    nodes: list[Node] = []
    for number in numbered(directory, "node"):
        place = directory / f"node{number}"
        members = tuple(sorted((read_set(place, ("cpumap", "cpulist")) or frozenset()) & wanted))
        distances = (read_text(place / "distance") or "").split()
        nodes.append(Node(number, members, tuple(map(int, distances))))
    if not nodes:
        return (Node(0, tuple(sorted(wanted)), (10,)),)
    return _without_repeated(nodes)


def _without_repeated(nodes: list[Node]) -> tuple[Node, ...]:
    """Nodes but those of firmware that gives several nodes the same CPUs: they say nothing."""
    first = {node.cpus: position for position, node in reversed(list(enumerate(nodes)))}
    kept = [i for i, node in enumerate(nodes) if not node.cpus or first[node.cpus] == i]
    return tuple(
        replace(nodes[i], distances=tuple(nodes[i].distances[j] for j in kept))
        if len(nodes[i].distances) == len(nodes)
        else replace(nodes[i], distances=())
        for i in kept
    )


def _core_key(root: Path, cpu: int) -> Hashable:
    """What the CPUs of one core have in common.

    (package, core_id) is not unique on some machines, so siblings decide. But kernels call the
    two cores of a module of AMD's family 15h siblings: they have core_ids of their own.
    """
    topology = root / CPU_DIR / f"cpu{cpu}/topology"
    siblings = read_set(topology, *_SIBLINGS) or frozenset()
    return siblings | {cpu}, read_int(topology / "core_id")


def _packages(root: Path, cpus: list[int]) -> dict[int, int]:
    """The package of each CPU that has one, counted by its lowest CPU."""
    masks: dict[int, frozenset[int]] = {}
    shared: dict[frozenset[int], frozenset[int]] = {}
    for cpu in cpus:
        mask = read_set(root / CPU_DIR / f"cpu{cpu}/topology", *_PACKAGES)
        if mask:
            whole = mask | {cpu}
            masks[cpu] = shared.setdefault(whole, whole)  # the same object compares at once
    keys: dict[int, Hashable] = {}
    for cpu, mask in masks.items():
        agreed = all(masks.get(other, mask) == mask for other in mask)
        name = root / CPU_DIR / f"cpu{cpu}/topology/physical_package_id"
        keys[cpu] = mask if agreed else read_int(name)  # the id repeats, but does not contradict
    return {cpu: index for index, group in enumerate(grouped(keys)) for cpu in group}


def _kinds(root: Path, cpus: list[int]) -> dict[int, int]:
    """The kind of each CPU's core, 0 for the slowest; all 0 where nothing tells them apart."""
    speeds = _hybrid_speeds(root) or _speeds(root, cpus)
    if not all(cpu in speeds for cpu in cpus):
        return dict.fromkeys(cpus, 0)
    ranks = sorted({speeds[cpu] for cpu in cpus})
    return {cpu: ranks.index(speeds[cpu]) for cpu in cpus}


def _hybrid_speeds(root: Path) -> dict[int, int]:
    return {
        cpu: speed
        for speed, name in enumerate(_HYBRID)
        for cpu in read_list(root / "sys/devices" / name / "cpus") or ()
    }


def _speeds(root: Path, cpus: list[int]) -> dict[int, int]:
    for name, tolerance in (
        ("cpu_capacity", 1.0),
        ("cpufreq/base_frequency", 1.0),
        ("cpufreq/cpuinfo_max_freq", _SAME_FREQUENCY),
    ):
        read = {cpu: read_int(root / CPU_DIR / f"cpu{cpu}" / name) for cpu in cpus}
        speeds = {cpu: speed for cpu, speed in read.items() if speed is not None}
        if len(speeds) == len(cpus) and max(speeds.values()) > tolerance * min(speeds.values()):
            return speeds
    return {}


def grouped(keys: Mapping[int, Hashable]) -> list[tuple[int, ...]]:
    """Numbers (of CPUs) with the same key together; the groups are ordered by their lowest one."""
    groups: dict[Hashable, list[int]] = {}
    for number in sorted(keys):
        groups.setdefault(keys[number], []).append(number)
    return [tuple(group) for group in groups.values()]


def _located(gpu: Gpu, nodes: tuple[Node, ...]) -> Gpu:
    """The GPU with its node, where only its CPUs tell which one that is, or the reverse."""
    if gpu.node is None and gpu.cpus:
        around = [node.number for node in nodes if set(gpu.cpus) <= set(node.cpus)]
        return replace(gpu, node=around[0]) if len(around) == 1 else gpu
    if not gpu.cpus:
        own = (node.cpus for node in nodes if node.number == gpu.node)
        return replace(gpu, cpus=next(own, ()))
    return gpu


def _counted_machine() -> Machine:
    import psutil

    count = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    cores = tuple(Core(number, (number,)) for number in range(count))
    gpus, notes = read_gpus(LIVE_ROOT, range(count))
    note = "this system cannot bind a process to CPUs: jobs get counts of threads, but no cores"
    return Machine(cores, gpus, can_pin=False, notes=(*notes, note))
