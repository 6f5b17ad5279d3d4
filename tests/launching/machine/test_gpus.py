"""What the real pynvml says of stand-in GPUs, asked in processes of their own."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ask = Callable[..., Any]
UUID = "GPU-00000000-0000-0000-0000-00000000000{}".format
PART = "MIG-00000000-0000-0000-0000-00000000000{}".format


@pytest.fixture
def ask(fake_nvml: str, tmp_path: Path) -> Ask:
    """Evaluate an expression about ``machine`` where NVML says what some lines say."""

    def evaluate(lines: str, expression: str, visible: str | None = None) -> Any:
        file = tmp_path / "gpus.txt"
        file.write_text(lines + "\n")
        environment = {**os.environ, "LD_LIBRARY_PATH": fake_nvml, "FAKE_NVML_FILE": str(file)}
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        if visible is not None:
            environment["CUDA_VISIBLE_DEVICES"] = visible
        code = (
            "from exptools.launching.machine.topology import read_machine\n"
            "from pathlib import Path;"
            f"machine = read_machine(Path({str(tmp_path)!r})); print(repr({expression}))"
        )
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return ast.literal_eval(done.stdout)

    online = tmp_path / "sys/devices/system/cpu/online"
    online.parent.mkdir(parents=True)
    online.write_text("0-7")
    for node, cpus in enumerate(["0-3", "4-7"]):
        place = tmp_path / f"sys/devices/system/node/node{node}"
        place.mkdir(parents=True)
        (place / "cpulist").write_text(cpus)
    return evaluate


EIGHT = "\n".join(f"gpu {n} node={n // 4} cpus={n // 4 * 4}-{n // 4 * 4 + 3}" for n in range(8))
PLACES = "[(gpu.index, gpu.node, gpu.cpus) for gpu in machine.gpus]"
UUIDS = "[gpu.uuid for gpu in machine.gpus]"
INDICES = "[gpu.index for gpu in machine.gpus]"


def test_eight_gpus_on_two_nodes(ask: Ask) -> None:
    assert ask(EIGHT, PLACES) == [
        (n, n // 4, (0, 1, 2, 3) if n < 4 else (4, 5, 6, 7)) for n in range(8)
    ]


def test_name_uuid_memory_and_processes(ask: Ask) -> None:
    lines = "gpu 0 name=Small memory=2048\nprocess 0 4321 100\nprocess 0 4322 50"
    told = "[(gpu.name, gpu.uuid, gpu.memory) for gpu in machine.gpus]"
    assert ask(lines, told) == [("Small", UUID(0), 2 << 30)]
    told = "[(process.pid, process.memory) for process in machine.gpus[0].processes]"
    assert ask(lines, told) == [(4321, 100 << 20), (4322, 50 << 20)]


@pytest.mark.parametrize(
    ("nvml", "files", "place"),
    [
        ("", {"local_cpus": "f0", "numa_node": "-1"}, (0, 1, (4, 5, 6, 7))),
        ("", {"local_cpulist": "4-7"}, (0, 1, (4, 5, 6, 7))),
        ("", {"numa_node": "1"}, (0, 1, (4, 5, 6, 7))),
        ("", {"local_cpus": "ff", "numa_node": "-1"}, (0, None, tuple(range(8)))),
        ("", {}, (0, None, ())),
        ("cpus=4-7", {"local_cpus": "ff"}, (0, 1, (4, 5, 6, 7))),  # NVML's word comes first
    ],
)
def test_where_nvml_knows_no_cpus_the_pci_device_tells(
    ask: Ask, tmp_path: Path, nvml: str, files: dict[str, str], place: object
) -> None:
    device = tmp_path / "sys/bus/pci/devices/0000:3b:00.0"
    device.mkdir(parents=True)
    for name, text in files.items():
        (device / name).write_text(text)
    assert ask(f"gpu 0 bus=00000000:3B:00.0 {nvml}", PLACES) == [place]


@pytest.mark.parametrize("question", ["*", "GetHandleByIndex", "GetUUID", "GetMemoryInfo"])
def test_a_gpu_that_is_lost_is_left_out_and_named(ask: Ask, question: str) -> None:
    lines = f"{EIGHT}\nerror 3 {question} 15"
    assert ask(lines, INDICES) == [0, 1, 2, 4, 5, 6, 7]
    (note,) = ask(lines, "machine.notes")
    assert note.startswith("GPU 3 ")
    assert note.endswith("is left out: NVML says GPU is lost")


@pytest.mark.parametrize(
    "question", ["GetMemoryInfo", "GetPciInfo_v3", "GetMigMode", "GetComputeRunningProcesses_v3"]
)
def test_a_gpu_that_cannot_answer_every_question_is_used(ask: Ask, question: str) -> None:
    assert ask(f"gpu 0\nerror 0 {question} 3", INDICES) == [0]
    assert ask(f"gpu 0\nerror 0 {question} 3", "machine.notes") == ()


@pytest.mark.parametrize(("code", "notes"), [(9, 0), (12, 0), (18, 1)])
def test_a_driver_that_does_not_start_is_told_unless_there_is_none(
    ask: Ask, code: int, notes: int
) -> None:
    told = ask(f"gpu 0\ninit {code}", "machine.notes")
    assert len(told) == notes
    assert ask(f"gpu 0\ninit {code}", INDICES) == []


MIG = "gpu 0 node=1\nmig 0 3 0 4096\nmig 0 4 0 2048\ngpu 1"


def test_the_parts_of_a_gpu_are_devices_of_their_own(ask: Ask) -> None:
    told = "[(g.uuid, g.label, g.memory, g.node, g.parent) for g in machine.gpus]"
    assert ask(MIG, told) == [
        (PART(0), "0:3/0", 4 << 30, 1, UUID(0)),
        (PART(1), "0:4/0", 2 << 30, 1, UUID(0)),
        (UUID(1), "1", 16 << 30, None, None),
    ]


def test_a_gpu_to_be_divided_without_any_part_is_left_out(ask: Ask) -> None:
    assert ask("gpu 0 mig=1\ngpu 1", INDICES) == [1]
    (note,) = ask("gpu 0 mig=1\ngpu 1", "machine.notes")
    assert note == f"GPU 0 ({UUID(0)}) is left out: it is in MIG mode, but has no instances"


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        (None, [0, 1, 2, 3, 4, 5, 6, 7]),
        ("2,3", [2, 3]),
        ("3, 2", [3, 2]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        (f"3,{UUID(1)}", [3, 1]),
        ("GPU-beef,0", [7, 0]),  # enough of a UUID to know it
        ("GPU-", []),  # the beginning of all of them
        ("1,9,2", [1]),  # CUDA ends the list at the first device that it does not find
        ("2,2", [2]),
    ],
)
def test_the_parents_visible_devices_limit_the_gpus(
    ask: Ask, visible: str | None, indices: list[int]
) -> None:
    lines = f"{EIGHT} uuid=GPU-beef0000-0000-0000-0000-000000000000"
    assert ask(lines, INDICES, visible) == indices


def test_a_limit_that_ends_early_is_told(ask: Ask) -> None:
    (note,) = ask(EIGHT, "machine.notes", "1,9,2")
    assert (
        note == "CUDA_VISIBLE_DEVICES=1,9,2 ends before '9', as in CUDA: there is no such GPU here"
    )


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        (PART(1), [PART(1)]),
        (f"MIG-{UUID(0)}/3/0", [PART(0)]),  # how older drivers name them
        ("0", [PART(0), PART(1)]),
        (UUID(0), [PART(0), PART(1)]),
        ("1", [UUID(1)]),
    ],
)
def test_a_limit_may_name_parts_of_a_gpu_or_all_of_it(
    ask: Ask, visible: str, uuids: list[str]
) -> None:
    assert ask(MIG, UUIDS, visible) == uuids
