"""Show the machine and the slots that a request would give, before anything runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

from exptools.launching.machine.gpus import Gpu
from exptools.launching.machine.leases import find_busy
from exptools.launching.machine.neighbours import describe_strangers
from exptools.launching.machine.request import Request, SlotError
from exptools.launching.machine.slots import Busy, Slot, make_slots, spare_cores, usable_part
from exptools.launching.machine.topology import Core, Machine, read_machine
from exptools.launching.machine.turns import Waiter, find_waiters
from exptools.rundir import format_cpus
from exptools.units import format_bytes, short_duration

_USAGE = """\
usage: python -m exptools.launching [option=value …]

Prints this machine, who uses it and who waits, and the slots that hydra/launcher=exptools would
make with these options: jobs=4 cpus_per_job=2 gpus_per_job=0.5 gpus=0,1 gpu_memory_per_job=10GB
smt=false reserve_cpus=2 pin=false share_gpus=true gpu_ids=index"""


def main(words: Sequence[str]) -> int:
    """Print machine and slots; the exit code is 2 for words that make no sense or do not fit."""
    if any(word in ("-h", "--help") for word in words):
        print(_USAGE)
        return 0
    try:
        request = Request.from_words(words)
        machine, busy = read_machine(), find_busy()
        _print_machine(machine)
        _print_holders(busy)
        _print_waiters(find_waiters())
        most = request.jobs or len(machine.cores) + len(machine.gpus) * request.sharers
        slots = make_slots(machine, request, most, busy)
    except SlotError as error:
        print(error, file=sys.stderr)
        return 2
    _print_slots(machine, slots, request)
    return 0


def _print_machine(machine: Machine) -> None:
    table = _table("node", "package", "cores", "cpus", "kind")
    for place in sorted({_place(core) for core in machine.cores}):
        cores = [core for core in machine.cores if _place(core) == place]
        cpus = tuple(cpu for core in cores for cpu in core.cpus)
        node, package, kind = (str(number) if number >= 0 else "" for number in place)
        table.add_row(node, package, str(len(cores)), format_cpus(cpus), kind)
    Console().print(table)
    for gpu in machine.gpus:
        print(f"GPU {gpu.label}: {_describe(gpu)}")
    if machine.quota is not None:
        print(f"the control group may use {machine.quota:g} CPUs' time")
    for note in machine.notes:
        print(note)


def _print_holders(busy: Busy) -> None:
    """Each sweep with what it has, since its oldest job there."""
    held: dict[str, list[str]] = {}
    times: dict[str, list[float]] = {}
    for resource, holder in sorted(busy.holders.items()):
        who = str(holder or "another process")
        held.setdefault(who, []).append(resource)
        times.setdefault(who, []).extend([holder.since] if holder and holder.since else [])
    for who, resources in held.items():
        print(f"{who} holds {_listed(resources)}{_since(min(times[who], default=None))}")


def _print_waiters(waiters: Sequence[Waiter]) -> None:
    """Each sweep that waits, in the order of their turns."""
    now, boot = time.time(), time.time() - time.monotonic()
    alike: dict[tuple[str, int, int], list[float]] = {}
    for one in waiters:
        key = str(one.holder or "another process"), one.need.cores, one.need.gpus
        alike.setdefault(key, []).append(min(boot + max(one.since, 0), now))
    for (who, cores, gpus), times in alike.items():
        slots = "a slot" if len(times) == 1 else f"{len(times)} slots"
        needs = [f"{count} {noun}{'s' * (count > 1)}" for count, noun in
                 ((cores, "core"), (gpus, "GPU")) if count]  # fmt: skip
        print(f"{who} waits for {slots} of {' and '.join(needs)}{_since(min(times))}")


def _listed(resources: Sequence[str]) -> str:
    """Several cores as one list, then the GPUs."""
    words = [name.split(maxsplit=1) for name in resources]
    cores = [int(rest) for kind, rest in words if kind == "core" and rest.isdecimal()]
    others = [name for name in resources if not name.startswith("core ")]
    noun = "cores" if len(cores) > 1 else "core"
    return ", ".join([*([f"{noun} {format_cpus(tuple(cores))}"] if cores else []), *others])


def _since(when: float | None) -> str:
    if when is None:
        return ""
    return f", since {datetime.fromtimestamp(when):%H:%M:%S} ({short_duration(time.time() - when)})"


def _place(core: Core) -> tuple[int, int, int]:
    return (
        -1 if core.node is None else core.node,
        -1 if core.package is None else core.package,
        core.kind,
    )


def _describe(gpu: Gpu) -> str:
    memory = format_bytes(gpu.memory) if gpu.memory else "the system's memory"
    where = f", node {gpu.node}" if gpu.node is not None else ""
    strangers = ", ".join(describe_strangers(gpu.processes))
    users = f"; there computes {strangers}" if strangers else ""
    return f"{gpu.name}, {memory}{where}, {gpu.uuid}{users}"


def _print_slots(machine: Machine, slots: Sequence[Slot], request: Request) -> None:
    print(f"\n{request}:")
    table = _table("slot", "cpus", "threads", "gpus")
    for slot in slots:
        gpus = ", ".join(gpu.label for gpu in slot.gpus) or ("hidden" if slot.hide_gpus else "none")
        cpus = format_cpus(slot.cpus) or "any"
        table.add_row(str(slot.index), cpus, str(slot.threads), gpus)
    Console().print(table)
    spare = spare_cores(slots, usable_part(machine, request), request)
    if spare is not None:
        print(spare.told(""))


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="bold")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
