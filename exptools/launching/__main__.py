"""Show the machine and the slots that a request would give, before anything runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from exptools.launching.machine.gpus import Gpu
from exptools.launching.machine.leases import find_busy
from exptools.launching.machine.request import Request, SlotError
from exptools.launching.machine.slots import Busy, Slot, make_slots
from exptools.launching.machine.topology import Core, Machine, read_machine
from exptools.rundir import format_cpus
from exptools.units import format_bytes

_USAGE = """\
usage: python -m exptools.launching [option=value …]

Prints this machine, and the slots that hydra/launcher=exptools would make with these options:
jobs=4 cpus_per_job=2 gpus_per_job=0.5 gpus=0,1 gpu_memory_per_job=10GB smt=false
reserve_cpus=2 pin=false gpu_ids=index"""


def main(words: Sequence[str]) -> int:
    """Print machine and slots; the exit code is 2 for words that make no sense or do not fit."""
    if any(word in ("-h", "--help") for word in words):
        print(_USAGE)
        return 0
    try:
        request = Request.from_words(words)
        machine, busy = read_machine(), find_busy()
        _print_machine(machine, busy)
        most = request.jobs or len(machine.cores) + len(machine.gpus) * request.sharers
        slots = make_slots(machine, request, most, busy)
    except SlotError as error:
        print(error, file=sys.stderr)
        return 2
    _print_slots(slots, request)
    return 0


def _print_machine(machine: Machine, busy: Busy) -> None:
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
    for resource, holder in sorted(busy.holders.items()):
        print(f"{resource} is held by {holder or 'another process'}")


def _place(core: Core) -> tuple[int, int, int]:
    return (
        -1 if core.node is None else core.node,
        -1 if core.package is None else core.package,
        core.kind,
    )


def _describe(gpu: Gpu) -> str:
    memory = format_bytes(gpu.memory) if gpu.memory else "the system's memory"
    where = f", node {gpu.node}" if gpu.node is not None else ""
    users = ", ".join(str(process.pid) for process in gpu.processes)
    return f"{gpu.name}, {memory}{where}, {gpu.uuid}" + (f", used by pid {users}" if users else "")


def _print_slots(slots: Sequence[Slot], request: Request) -> None:
    print(f"\n{request}:")
    table = _table("slot", "cpus", "threads", "gpus")
    for slot in slots:
        gpus = ", ".join(gpu.label for gpu in slot.gpus) or ("hidden" if slot.hide_gpus else "none")
        cpus = format_cpus(slot.cpus) or "any"
        table.add_row(str(slot.index), cpus, str(slot.threads), gpus)
    Console().print(table)


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="bold")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
