import os
import subprocess
import sys
from pathlib import Path

import pytest

from exptools.launching.topology import read_machine


def write_siblings(sysfs: Path, name: str, siblings: dict[int, str]) -> None:
    for cpu, text in siblings.items():
        topology = sysfs / f"devices/system/cpu/cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / name).write_text(text)


@pytest.fixture
def four_allowed_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 4, 5})


@pytest.mark.usefixtures("four_allowed_cpus")
def test_sibling_threads_are_one_core(tmp_path: Path) -> None:
    write_siblings(tmp_path, "core_cpus_list", {0: "0,4\n", 1: "1,5\n", 4: "0,4\n", 5: "1,5\n"})
    assert read_machine(tmp_path).cores == ((0, 4), (1, 5))


@pytest.mark.usefixtures("four_allowed_cpus")
def test_older_kernels_name_the_file_differently(tmp_path: Path) -> None:
    write_siblings(tmp_path, "thread_siblings_list", {0: "0-1", 1: "0-1", 4: "4-5", 5: "4-5"})
    assert read_machine(tmp_path).cores == ((0, 1), (4, 5))


@pytest.mark.usefixtures("four_allowed_cpus")
def test_cpus_that_we_may_not_use_are_left_out_of_their_cores(tmp_path: Path) -> None:
    siblings = {0: "0,2", 1: "1,3", 4: "4,6", 5: "5,7"}
    write_siblings(tmp_path, "core_cpus_list", siblings)
    assert read_machine(tmp_path).cores == ((0,), (1,), (4,), (5,))


@pytest.mark.usefixtures("four_allowed_cpus")
def test_without_sysfs_each_cpu_counts_as_a_core(tmp_path: Path) -> None:
    assert read_machine(tmp_path / "none").cores == ((0,), (1,), (4,), (5,))


def test_a_system_that_cannot_pin_still_has_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    machine = read_machine()
    assert machine.cores
    assert not machine.can_pin


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        (None, [0, 1, 2, 3]),
        ("2,3", [2, 3]),
        ("", []),
        ("3,GPU-00000000-0000-0000-0000-000000000001", [3, 1]),
        ("1,9,2", [1]),  # CUDA ends the list at the first device that it does not find
    ],
)
def test_the_parents_visible_devices_limit_the_gpus(
    fake_nvml: str, visible: str | None, indices: list[int]
) -> None:
    environment = {**os.environ, "LD_LIBRARY_PATH": fake_nvml, "FAKE_NVML_GPUS": "4"}
    if visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    code = (
        "from exptools.launching.topology import visible_gpus;"
        "print([gpu.index for gpu in visible_gpus()])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(indices)
