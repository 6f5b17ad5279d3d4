"""Which CPUs are online, which of them this process may use, and for how much of the time.

Three things limit a process: its affinity mask, the cpuset and the quota of its control group.
Control groups exist in three forms, and one machine may have all of them: the ``cpuset`` file
system of old kernels, version 1 with a directory tree a controller, and version 2 with one tree.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from exptools.launching.machine.sysfs import numbered, read_int, read_list, read_text

LIVE_ROOT = Path("/")
CPU_DIR = "sys/devices/system/cpu"


@dataclass(frozen=True)
class _Mount:
    point: str  # absolute, as the mounted system sees it
    kind: str  # "cpuset", "cgroup" or "cgroup2"
    options: frozenset[str]


def online_cpus(root: Path = LIVE_ROOT) -> frozenset[int]:
    """The CPUs that the kernel uses; empty where sysfs does not tell."""
    directory = root / CPU_DIR
    listed = read_list(directory / "online")
    if listed:
        return listed
    # Old kernels have only a directory a CPU. Offline ones say so, or have no topology.
    return frozenset(
        cpu
        for cpu in numbered(directory, "cpu")
        if read_int(directory / f"cpu{cpu}/online") != 0
        and (directory / f"cpu{cpu}/topology").is_dir()
    )


def allowed_cpus(root: Path = LIVE_ROOT) -> frozenset[int]:
    """The CPUs that this process may use: online, in its affinity mask and in its cpuset.

    Below another root than ``/`` the mask is left out, for it is not the mask of a process there.
    """
    online = online_cpus(root)
    allowed = online
    if root == LIVE_ROOT and hasattr(os, "sched_getaffinity"):
        mask = frozenset(os.sched_getaffinity(0))
        allowed = (online & mask) or mask
    for mount in _mounts(root):
        # An empty intersection is a cpuset that we misread (a container shows its host's paths).
        allowed = (allowed & (_cpuset(root, mount) or allowed)) or allowed
    return allowed


def cpu_quota(root: Path = LIVE_ROOT) -> float | None:
    """How many CPUs' time the control group and those above it may use; None: no limit."""
    quotas = [quota for mount in _mounts(root) for quota in _quotas(root, mount)]
    return min(quotas, default=None)


def _cpuset(root: Path, mount: _Mount) -> frozenset[int] | None:
    names: tuple[str, ...]
    if mount.kind == "cgroup2":
        names = ("cpuset.cpus.effective",)
    elif mount.kind == "cpuset" or {"cpuset", "noprefix"} <= mount.options:
        names = ("effective_cpus", "cpus")
    elif "cpuset" in mount.options:
        names = ("cpuset.effective_cpus", "cpuset.cpus")
    else:
        return None
    for directory in _own_groups(root, mount, "cpuset"):
        for name in names:
            cpus = read_list(directory / name)
            if cpus:
                return cpus
    return None


def _quotas(root: Path, mount: _Mount) -> Iterator[float]:
    for directory in _own_groups(root, mount, "cpu"):
        if mount.kind == "cgroup2":
            quota, _, period = (read_text(directory / "cpu.max") or "max").partition(" ")
            if quota.isdecimal():
                yield int(quota) / int(period or 100_000)
        elif "cpu" in mount.options:
            granted = read_int(directory / "cpu.cfs_quota_us") or -1
            if granted > 0:
                yield granted / (read_int(directory / "cpu.cfs_period_us") or 100_000)


def _own_groups(root: Path, mount: _Mount, controller: str) -> Iterator[Path]:
    """This process's group in a mounted tree, then those above it up to the mount.

    In a container the path may be the host's, of which the mount shows only the last part or
    nothing: what is above it then is the container's own group.
    """
    path = PurePosixPath(_group_path(root, mount, controller).lstrip("/"))
    top = root / mount.point.lstrip("/")
    for parent in (path, *path.parents):
        if ".." not in parent.parts:
            yield top / parent


def _group_path(root: Path, mount: _Mount, controller: str) -> str:
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" if mount.kind == "cgroup2" else controller in controllers.split(","):
            return path
    return read_text(root / "proc/self/cpuset") or "/"


def _mounts(root: Path) -> list[_Mount]:
    lines = (read_text(root / "proc/mounts") or "").splitlines()
    fields = [line.split() for line in lines]
    return [
        _Mount(_unescaped(entry[1]), entry[2], frozenset(entry[3].split(",")))
        for entry in fields
        if len(entry) > 3 and entry[2] in ("cpuset", "cgroup", "cgroup2")
    ]


def _unescaped(point: str) -> str:
    # The kernel writes blanks and backslashes of a path as three octal digits.
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)
