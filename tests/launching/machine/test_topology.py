"""Machines made here, each with one trap of the kernel's files."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exptools.launching.machine import limits
from exptools.launching.machine.limits import allowed_cpus, cpu_quota, online_cpus
from exptools.launching.machine.sysfs import pci_locality
from exptools.launching.machine.topology import Core, Node, read_cores, read_machine, read_nodes

CPU = "sys/devices/system/cpu"
Write = Callable[[dict[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_files(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write_files


def topology(files: dict[str, list[str]], cpus: list[int]) -> dict[str, str]:
    return {
        f"{CPU}/cpu{cpu}/topology/{name}": text
        for name, texts in files.items()
        for cpu, text in zip(cpus, texts, strict=True)
    }


def cores(root: Path, *cpus: int) -> list[tuple[int, ...]]:
    return [core.cpus for core in read_cores(root, cpus)]


@pytest.mark.parametrize("name", ["core_cpus_list", "thread_siblings_list"])
def test_sibling_threads_are_one_core(write: Write, name: str) -> None:
    root = write(topology({name: ["0,2\n", "1,3\n", "0,2\n", "1,3\n"]}, [0, 1, 2, 3]))
    assert cores(root, 0, 1, 2, 3) == [(0, 2), (1, 3)]


def test_masks_of_more_than_64_cpus_are_read_where_there_are_no_lists(write: Write) -> None:
    masks = ["00000001,00000000,00000001"] * 2
    root = write(topology({"thread_siblings": masks}, [0, 64]))
    assert cores(root, 0, 64) == [(0, 64)]


def test_siblings_with_core_ids_of_their_own_are_two_cores(write: Write) -> None:
    files = {"thread_siblings_list": ["0-1", "0-1"], "core_id": ["0", "1"]}
    assert cores(write(topology(files, [0, 1])), 0, 1) == [(0,), (1,)]


def test_equal_core_ids_do_not_make_one_core(write: Write) -> None:
    files = {"core_cpus_list": ["0", "1"], "core_id": ["0", "0"], "physical_package_id": ["0", "0"]}
    assert cores(write(topology(files, [0, 1])), 0, 1) == [(0,), (1,)]


def test_packages_are_told_apart_by_their_cpus_for_their_ids_repeat(write: Write) -> None:
    files = {"core_siblings": ["1", "2"], "physical_package_id": ["0", "0"]}
    root = write(topology(files, [0, 1]))
    assert [core.package for core in read_cores(root, [0, 1])] == [0, 1]


def test_packages_whose_cpus_contradict_each_other_are_told_apart_by_their_ids(
    write: Write,
) -> None:
    files = {"core_siblings": ["3", "7", "6"], "physical_package_id": ["5", "5", "8"]}
    root = write(topology(files, [0, 1, 2]))
    assert [core.package for core in read_cores(root, [0, 1, 2])] == [0, 0, 1]


def test_cpus_that_we_may_not_use_are_left_out_but_still_name_their_core(write: Write) -> None:
    files = topology({"core_cpus_list": ["0,2", "1,3", "0,2", "1,3"]}, [0, 1, 2, 3])
    cpuset = {
        "proc/mounts": "none /dev/cpuset cpuset rw 0 0\n",
        "proc/self/cpuset": "/one\n",
        "dev/cpuset/one/cpus": "3\n",
    }
    root = write(files | cpuset | {f"{CPU}/online": "0-3"})
    assert read_machine(root).cores == (Core(number=1, cpus=(3,), node=0),)


def test_without_an_online_file_the_directories_tell_which_cpus_are_online(write: Write) -> None:
    files = topology({"core_id": ["0", "0", "0"]}, [1, 2, 5])
    root = write(files | {f"{CPU}/cpu2/online": "0\n", f"{CPU}/cpu3/online": "1\n"})
    assert online_cpus(root) == {1, 5}


def test_a_list_may_end_in_a_nul_byte_and_nodes_may_have_no_cpus_and_holes(write: Write) -> None:
    nodes = {"node0/cpulist": "0-1\n\0", "node2/cpulist": "\n", "node2/distance": "20 10\n"}
    root = write({f"sys/devices/system/node/{name}": text for name, text in nodes.items()})
    assert read_nodes(root, [0, 1]) == (Node(0, (0, 1)), Node(2, (), (20, 10)))


def test_nodes_that_repeat_anothers_cpus_are_dropped(write: Write) -> None:
    nodes = {"node0/cpumap": "3", "node1/cpumap": "3", "node0/distance": "10 10"}
    root = write({f"sys/devices/system/node/{name}": text for name, text in nodes.items()})
    assert read_nodes(root, [0, 1]) == (Node(0, (0, 1), (10,)),)


def test_a_machine_without_node_directory_is_one_node(write: Write) -> None:
    root = write(topology({"core_id": ["0"]}, [0]))
    assert [core.node for core in read_cores(root, [0])] == [0]


@pytest.mark.parametrize(
    "files",
    [
        {"sys/devices/cpu_atom/cpus": "1", "sys/devices/cpu_core/cpus": "0,2"},
        {f"{CPU}/cpu{cpu}/cpu_capacity": text for cpu, text in enumerate(["1024", "446", "1024"])},
        {
            f"{CPU}/cpu{cpu}/cpufreq/cpuinfo_max_freq": text
            for cpu, text in enumerate(["5600000", "4300000", "5600000"])
        },
    ],
)
def test_hybrid_cores_are_ranked_by_their_speed(write: Write, files: dict[str, str]) -> None:
    assert [core.kind for core in read_cores(write(files), [0, 1, 2])] == [1, 0, 1]


def test_cores_that_boost_a_little_higher_are_no_other_kind(write: Write) -> None:
    speeds = {f"{CPU}/cpu{cpu}/cpufreq/cpuinfo_max_freq": f"5{cpu}00000" for cpu in (0, 1)}
    assert [core.kind for core in read_cores(write(speeds), [0, 1])] == [0, 0]


@pytest.mark.parametrize(
    ("mounts", "group", "files"),
    [
        ("cpuset /c cgroup rw,cpuset,noprefix", "", {"c/a/cpus": "1-2"}),
        ("cgroup /c cgroup rw,cpuset", "4:cpuset:/a", {"c/a/cpuset.cpus": "1-2"}),
        # The nearest group that has its own set counts; those above it have more.
        ("x /c cgroup2 rw", "0::/a/b", {"c/a/cpuset.cpus.effective": "1-2", "c/a/b/x": ""}),
        # A container may see its host's path, but only its own group, as the mount's top.
        ("x /c cgroup2 rw", "0::/host/docker", {"c/cpuset.cpus.effective": "1-2"}),
        (
            "x /c cgroup2 rw",
            "0::/../..",
            {"c/cpuset.cpus.effective": "1-2", "cpuset.cpus.effective": "3"},
        ),
        (
            "cgroup /with\\040blank cgroup rw,cpuset",
            "4:cpuset:/",
            {"with blank/cpuset.cpus": "1-2"},
        ),
    ],
)
def test_the_cpuset_of_each_version_of_control_groups_is_obeyed(
    write: Write, mounts: str, group: str, files: dict[str, str]
) -> None:
    process = {"proc/self/cgroup": group} if group else {"proc/self/cpuset": "/a\n"}
    root = write({f"{CPU}/online": "0-3", "proc/mounts": f"{mounts} 0 0\n"} | process | files)
    assert allowed_cpus(root) == {1, 2}


def test_a_cpuset_without_any_online_cpu_is_not_believed(write: Write) -> None:
    files = {"proc/mounts": "x /c cgroup2 rw 0 0", "c/cpuset.cpus.effective": "64-127"}
    assert allowed_cpus(write(files | {f"{CPU}/online": "0-3"})) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("mounts", "group", "files", "quota"),
    [
        ("x /c cgroup2 rw", "0::/a/b", {"c/a/b/cpu.max": "max 100000"}, None),
        # A group may use no more than the one above it.
        (
            "x /c cgroup2 rw",
            "0::/a/b",
            {"c/a/b/cpu.max": "400000 100000", "c/a/cpu.max": "150000 100000"},
            1.5,
        ),
        (
            "x /c cgroup rw,cpu,cpuacct",
            "3:cpu,cpuacct:/a",
            {"c/a/cpu.cfs_quota_us": "50000", "c/a/cpu.cfs_period_us": "100000"},
            0.5,
        ),
        ("x /c cgroup rw,cpu", "3:cpu:/a", {"c/a/cpu.cfs_quota_us": "-1"}, None),
        # cpuacct alone has no quota, whatever stands there.
        ("x /c cgroup rw,cpuacct", "3:cpuacct:/", {"c/cpu.cfs_quota_us": "50000"}, None),
    ],
)
def test_the_quota_is_the_smallest_of_the_group_and_those_above(
    write: Write, mounts: str, group: str, files: dict[str, str], quota: float | None
) -> None:
    root = write({"proc/mounts": f"{mounts} 0 0\n", "proc/self/cgroup": f"{group}\n"} | files)
    assert cpu_quota(root) == quota


def test_the_affinity_mask_of_this_process_limits_this_machine(
    monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    root = write({f"{CPU}/online": "0-3"})
    monkeypatch.setattr(limits, "LIVE_ROOT", root)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 3}, raising=False)
    assert allowed_cpus(root) == {1, 3}


@pytest.mark.parametrize(
    ("bus", "directory"),
    [("00000000:1A:00.0", "0000:1a:00.0"), ("00010000:00:04.0", "10000:00:04.0")],
)
def test_a_pci_device_is_found_however_wide_its_domain_is(
    write: Write, bus: str, directory: str
) -> None:
    root = write({f"sys/bus/pci/devices/{directory}/local_cpus": "c"})
    assert pci_locality(root, bus, range(8)) == ((2, 3), None)


def test_this_very_machine_can_be_read() -> None:
    machine = read_machine()
    cpus = {cpu for core in machine.cores for cpu in core.cpus}
    if sys.platform == "linux":
        assert cpus <= os.sched_getaffinity(0)
    assert cpus


def test_a_system_that_cannot_pin_still_has_cores_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_setaffinity")
    machine = read_machine()
    assert machine.cores
    assert not machine.can_pin
    assert "cannot bind a process to CPUs" in machine.notes[-1]
