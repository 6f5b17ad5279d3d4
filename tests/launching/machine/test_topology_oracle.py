"""Real machines' files, and what hwloc says of them."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from exptools.launching.machine.limits import allowed_cpus, online_cpus
from exptools.launching.machine.sysfs import pci_locality
from exptools.launching.machine.topology import read_cores, read_machine, read_nodes
from exptools.rundir import parse_cpus
from tests.conftest import ORACLE

TOPOLOGIES = ORACLE / "topology_public"
CASES = sorted(path.parent.name for path in TOPOLOGIES.glob("*/expected.json"))

# hwloc gave up on a package whose CPUs' masks contradict each other; the ids that the kernel gives
# are clear.
PACKAGE_OF_OURS = {"40intel64-4n10c+pci-conflicts": 3}
# Only one of two CPUs tells its frequency: no reason to call them two kinds.
ONE_KIND = {"2arm-2c"}

pytestmark = pytest.mark.skipif(not TOPOLOGIES.is_dir(), reason="the machines are not here")


@pytest.fixture(params=CASES, scope="module")
def machine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    case, directory = TOPOLOGIES / request.param, tmp_path_factory.mktemp("machine")
    with tarfile.open(case / "fsroot.tar.xz") as archive:
        archive.extractall(directory, filter="data")
    return directory / "fsroot", json.loads((case / "expected.json").read_text()) | {
        "name": request.param
    }


def cpus(text: str) -> set[int]:
    return set(parse_cpus(text))


def test_the_reader_agrees_with_hwloc(machine: tuple[Path, dict[str, Any]]) -> None:
    root, expected = machine
    online = online_cpus(root)
    assert online == cpus(expected["online"])
    assert allowed_cpus(root) == cpus(expected["allowed"])
    by_cpu = {cpu: core for core in read_cores(root, online) for cpu in core.cpus}
    assert sorted(by_cpu) == [pu["os"] for pu in expected["pus"]]
    for pu in expected["pus"]:
        core = by_cpu[pu["os"]]
        assert set(core.cpus) == cpus(pu["smt"])
        assert core.number == core.cpus[0]
        assert core.node in pu.get("numa_sysfs", pu["numa"])
        ours = PACKAGE_OF_OURS.get(expected["name"])
        assert core.package == (ours if pu["package"] is None else pu["package"])


def test_the_nodes_are_those_of_the_kernel(machine: tuple[Path, dict[str, Any]]) -> None:
    root, expected = machine
    online = online_cpus(root)
    nodes = {
        node["os"]: cpus(node["cpus"] if node["sysfs_cpus"] is None else node["sysfs_cpus"])
        & online
        for node in expected["numa"]
        if node["in_hwloc"]
    }
    assert {node.number: set(node.cpus) for node in read_nodes(root, online)} == nodes


def test_cores_of_one_kind_are_together(machine: tuple[Path, dict[str, Any]]) -> None:
    root, expected = machine
    kinds: dict[int, set[int]] = {}
    for core in read_cores(root, online_cpus(root)):
        kinds.setdefault(core.kind, set()).update(core.cpus)
    told = [cpus(kind["cpus"]) for kind in expected["cpukinds"] or ()]
    one = expected["name"] in ONE_KIND or not told
    assert sorted(map(sorted, kinds.values())) == sorted(
        map(sorted, [online_cpus(root)] if one else told)
    )


def test_the_cpus_next_to_each_gpu_are_found(machine: tuple[Path, dict[str, Any]]) -> None:
    root, expected = machine
    online = online_cpus(root)
    for gpu in expected["gpus"]:
        near, node = pci_locality(root, gpu["busid"], online)
        assert set(near or online) == cpus(gpu["local_cpus"])  # not known: all the same
        assert node == (None if gpu["numa_node_file"] in (None, -1) else gpu["numa_node_file"])


def test_the_machine_has_the_cores_that_its_process_may_use(
    machine: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, expected = machine
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    usable = [cpu for core in read_machine(root).cores for cpu in core.cpus]
    assert len(usable) == len(set(usable))
    assert set(usable) == cpus(expected["allowed"])
