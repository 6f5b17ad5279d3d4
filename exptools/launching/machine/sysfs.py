"""Read the small text files below ``/sys`` and ``/proc``, which no two kernels write alike."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from exptools.rundir import parse_cpus


def read_text(path: Path) -> str | None:
    """A file's text without the blanks and NUL bytes around it; None where it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8", "replace").strip("\0 \t\r\n")
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """A file's number; None where it has none."""
    try:
        return int(read_text(path) or "")
    except ValueError:
        return None


def read_list(path: Path) -> frozenset[int] | None:
    """The numbers of a list such as "0-3,8"; None where there is no such file."""
    text = read_text(path)
    try:
        return None if text is None else frozenset(parse_cpus(text))
    except ValueError:
        return None


def read_mask(path: Path) -> frozenset[int] | None:
    """The numbers of the bits of a mask such as "ff,00000001"; None where there is no such file."""
    text = read_text(path)
    try:
        mask = None if text is None else int(text.replace(",", "") or "0", 16)
    except ValueError:
        return None
    return None if mask is None else mask_bits(mask)


def mask_bits(mask: int) -> frozenset[int]:
    """The numbers of the bits that are set."""
    digits = bin(mask)[:1:-1]
    return frozenset(number for number, digit in enumerate(digits) if digit == "1")


def read_set(directory: Path, *names: tuple[str, str]) -> frozenset[int] | None:
    """The first of some sets, each a pair of names: the file with a mask and that with a list.

    Masks first, for the oldest kernels have nothing else.
    """
    for mask, listed in names:
        numbers = read_mask(directory / mask)
        if numbers is None:
            numbers = read_list(directory / listed)
        if numbers is not None:
            return numbers
    return None


def numbered(directory: Path, prefix: str) -> list[int]:
    """The numbers of the entries called ``<prefix><number>``, rising; they may have holes."""
    try:
        names = [entry.name for entry in directory.iterdir()]
    except OSError:
        return []
    ends = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return sorted(int(end) for end in ends if end.isdecimal())


def pci_locality(
    root: Path, bus_id: str, cpus: Iterable[int]
) -> tuple[tuple[int, ...], int | None]:
    """Which of the CPUs stand next to a PCI device, and its NUMA node, as far as sysfs tells.

    NVML writes "00000000:1A:00.0" where sysfs has "0000:1a:00.0", with more digits if needed.
    """
    domain, _, rest = bus_id.lower().partition(":")
    device = root / "sys/bus/pci/devices" / f"{int(domain or '0', 16):04x}:{rest}"
    near = read_set(device, ("local_cpus", "local_cpulist")) or frozenset()
    node = read_int(device / "numa_node")
    return tuple(sorted(near.intersection(cpus))), None if node is None or node < 0 else node
