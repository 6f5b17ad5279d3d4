"""How many slots there is room for, and which cores and GPUs go together in each.

Memory should be near, and nobody shares a core.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from exptools.launching.machine.gpus import Gpu
from exptools.launching.machine.request import Request, SlotError
from exptools.launching.machine.topology import Core, Machine, grouped

_UNPINNED = "; with pin=false jobs share the cores, and all of it fits"


@dataclass(frozen=True)
class _Home:
    """Where a slot's cores should be, and from where distance counts for those that are not."""

    cores: frozenset[int]  # numbers
    node: int | None = None
    package: int | None = None


def count_jobs(free: Machine, request: Request, share: float, sharers: int) -> int:
    """The number of jobs at once, each with ``share`` GPUs of which ``sharers`` jobs share one.

    Raises:
        SlotError: there is not enough; the message says what there is and what would fit.
    """
    cores = len(free.cores) // (request.cpus_per_job or 1)
    room = count_places(free, share, sharers) if share else cores
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
    room = count_places(machine, share, count_sharers(machine, request))
    return len(machine.cores) < min(request.jobs or room, most) <= room


def count_places(free: Machine, share: float, sharers: int) -> int:
    """How many jobs the GPUs are enough for."""
    return len(free.gpus) // math.ceil(share) * sharers


def count_sharers(free: Machine, request: Request) -> int:
    """How many jobs go on one GPU: as many as the share says, if its memory is enough for them."""
    memory = min((gpu.memory for gpu in free.gpus if gpu.memory), default=0)
    if request.gpu_memory is None or not memory:
        return request.sharers
    return max(1, min(request.sharers, memory // request.gpu_memory))


def choose_gpus(machine: Machine, per_slot: int, sharers: int, count: int) -> list[tuple[Gpu, ...]]:
    """GPUs for each of ``count`` slots; those that nobody computes on are taken first.

    Slots that share GPUs are spread over all of them before two meet on one, and slots that leave
    GPUs unused are spread over the NUMA nodes. The GPUs of one slot are of one node if possible.
    """
    if per_slot == 0:
        return [()] * count
    chosen = _chunks(machine, per_slot)[:count]
    chosen.sort(key=lambda group: machine.gpus.index(group[0]))
    return (chosen * sharers)[:count]


def choose_cores(
    machine: Machine, cores: Sequence[Core], slots: Sequence[tuple[Gpu, ...]], per_slot: int
) -> list[tuple[Core, ...]]:
    """``per_slot`` cores for each slot, given the GPUs of each; no core is in two slots.

    First the cores next to a slot's GPUs, shared evenly with the other slots there; then the
    nearest of what is left.
    """
    free = sorted(cores, key=_sort_key)
    homes = [_gpu_home(machine, free, gpus) if gpus else None for gpus in slots]
    shares = _from_homes(free, homes, per_slot)
    for home, own in zip(homes, shares, strict=True):
        missing = per_slot - len(own)
        _move(_nearest(machine, free, home)[:missing], free, own)
    chosen = [tuple(sorted(own, key=lambda core: core.number)) for own in shares]
    # Without GPUs all slots are alike, so that they can stand in the order of their cores.
    return chosen if any(slots) else sorted(chosen, key=lambda own: own[0].number)


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
    places = count_places(free, share, sharers) if share else jobs
    if share and jobs > places:
        each = math.ceil(jobs / len(free.gpus)) if free.gpus else 0  # jobs on one GPU
        less.append(f"gpus_per_job={gpus or (each and math.floor(100 / each) / 100):g}")
    # How many jobs' memory a GPU has is not known here.
    if cores and less and request.gpu_memory is None:
        fits.append(" and ".join(less))
    told = f"{' or '.join(fits)} would fit" if fits else "ask for less"
    lacks_cores = jobs > 1 and jobs * (request.cpus_per_job or 1) > len(free.cores)
    return told + (_UNPINNED if request.pin and lacks_cores and jobs <= places else "")


def _chunks(machine: Machine, size: int) -> list[tuple[Gpu, ...]]:
    """Groups of GPUs for a slot each: first within a node, in turn over the nodes, then mixed."""
    gpus = sorted(machine.gpus, key=lambda gpu: bool(gpu.processes))
    nodes = _positions_by((gpu.node, gpu.parent) for gpu in gpus)
    nodes = _far_apart(machine, nodes, [gpu.node for gpu in gpus])
    within: list[list[tuple[Gpu, ...]]] = []
    rest: list[Gpu] = []
    for members in nodes:
        whole = len(members) - len(members) % size
        within.append(
            [tuple(gpus[i] for i in members[at : at + size]) for at in range(0, whole, size)]
        )
        rest += [gpus[i] for i in members[whole:]]
    rest.sort(key=machine.gpus.index)  # neighbours together
    mixed = [tuple(rest[at : at + size]) for at in range(0, len(rest) - size + 1, size)]
    in_turn = list(chain.from_iterable(zip_longest(*within)))
    groups = [group for group in in_turn if group is not None]
    groups.sort(key=lambda group: any(gpu.processes for gpu in group))
    return groups + mixed


def _far_apart(
    machine: Machine, groups: Sequence[tuple[int, ...]], nodes: Sequence[int | None]
) -> list[tuple[int, ...]]:
    """The groups in such an order that each is far from those before it."""
    left, ordered = list(groups), list[tuple[int, ...]]()
    while left:
        near = [
            min((machine.distance(nodes[group[0]], nodes[one[0]]) for one in ordered), default=0)
            for group in left
        ]
        ordered.append(left.pop(near.index(max(near))))
    return ordered


def _positions_by(keys: Iterable[Hashable]) -> list[tuple[int, ...]]:
    """The positions of equal keys together."""
    return grouped(dict(enumerate(keys)))


def _sort_key(core: Core) -> tuple[int, int, int, int]:
    # Neighbours together; of hybrid cores the fast ones first.
    package, node = (-1 if place is None else place for place in (core.package, core.node))
    return package, node, -core.kind, core.number


def _gpu_home(machine: Machine, cores: Sequence[Core], gpus: Sequence[Gpu]) -> _Home:
    """The cores next to the GPUs: their CPUs', else the nearest node's, else all the same."""
    near = {cpu for gpu in gpus for cpu in gpu.cpus}
    local = [core for core in cores if not near.isdisjoint(core.cpus)]
    node = gpus[0].node
    if not local and node is not None:
        distances = {core.node: machine.distance(node, core.node) for core in cores}
        least = min(distances.values(), default=0)
        local = [core for core in cores if distances[core.node] == least]
    return _home(local or cores, node)


def _home(cores: Sequence[Core], node: int | None = None) -> _Home:
    nodes = {core.node for core in cores}
    packages = {core.package for core in cores}
    if node is None and len(nodes) == 1:
        (node,) = nodes
    package = packages.pop() if len(packages) == 1 else None
    return _Home(frozenset(core.number for core in cores), node, package)


def _from_homes(free: list[Core], homes: Sequence[_Home | None], per_slot: int) -> list[list[Core]]:
    """What each slot gets of its home; slots with the same home share it evenly."""
    shares: list[list[Core]] = [[] for _ in homes]
    by_home = [
        group for group in _positions_by(map(_cores_of, homes)) if homes[group[0]] is not None
    ]
    # The choosy first: those whose GPUs are near to all cores leave them the rest.
    for group in sorted(by_home, key=lambda group: len(_cores_of(homes[group[0]]))):
        local = [core for core in free if core.number in _cores_of(homes[group[0]])]
        for position, slot in enumerate(group):
            share = min(per_slot, len(local) // (len(group) - position))
            _move(local[:share], free, shares[slot])
            del local[:share]
    return shares


def _cores_of(home: _Home | None) -> frozenset[int]:
    return home.cores if home else frozenset()


def _nearest(machine: Machine, free: Sequence[Core], home: _Home | None) -> list[Core]:
    """The free cores by their distance: of the home's package, then of the nearest nodes."""
    if home is None:  # begin where most is left, so that the fewest nodes are mixed
        package = _largest(free, [core.package for core in free])
        home = _home(_largest(package, [core.node for core in package]))

    ranks = {
        (core.package, core.node): (
            core.package != home.package,
            machine.distance(home.node, core.node),
        )
        for core in free
    }
    return sorted(free, key=lambda core: ranks[core.package, core.node])


def _largest(cores: Sequence[Core], keys: Sequence[Hashable]) -> list[Core]:
    return [cores[i] for i in max(_positions_by(keys), key=len, default=())]


def _move(chosen: Sequence[Core], free: list[Core], own: list[Core]) -> None:
    own += chosen
    for core in chosen:
        free.remove(core)
