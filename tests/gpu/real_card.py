"""Does a real NVIDIA GPU behave as exptools thinks? Prints a report to be pasted into an issue.

    python tests/gpu/real_card.py               everything, in a minute or two
    python tests/gpu/real_card.py wait kill     these parts only

It uses the first GPU that CUDA_VISIBLE_DEVICES leaves, and 2 GiB of it; torch is asked, too, where
it is installed with CUDA. "DIFFERS" marks what is not as we think, "unseen" what cannot be shown on
this machine. The exit code is 1 if anything differs, 2 where no driver answers.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from card import TAKEN, Card, Report, comes_true, finish, line_with  # noqa: E402
from driver import MIB, Device  # noqa: E402

from exptools.launching.machine.gpus import Gpu, nvml  # noqa: E402
from exptools.launching.machine.topology import read_machine  # noqa: E402
from exptools.rundir import format_cpus  # noqa: E402
from exptools.units import format_bytes  # noqa: E402

SPARE = 256  # MiB by which free memory may move while we look


def check_driver(card: Card, report: Report) -> None:
    """Our list of GPUs against that of nvidia-smi."""
    gpus = read_machine().gpus
    for gpu in gpus:
        report.fact(f"GPU {gpu.label}: {gpu.name}, {gpu.uuid}, {format_bytes(gpu.memory)}")
        near, users = format_cpus(gpu.cpus) or "?", [process.pid for process in gpu.processes]
        report.fact(f"    node {gpu.node}, CPUs {near}, used by the processes {users}")
    if not shutil.which("nvidia-smi"):
        report.unseen("what nvidia-smi says: it is not installed")
        return
    for line in _output("nvidia-smi", "topo", "-m").splitlines():
        report.fact(re.sub(r"\x1b\[\d*m", "", line))
    listed = set(re.findall(r"UUID: ([\w/-]+)", _output("nvidia-smi", "-L")))
    ours = {name for gpu in gpus for name in (gpu.uuid, gpu.parent) if name}
    report.check("it knows all our UUIDs", ours - listed, set())
    if "CUDA_VISIBLE_DEVICES" not in os.environ:
        report.check("we know all of its UUIDs", listed - ours, set())
    fields = "--query-gpu=uuid,index,name,memory.total"
    table = _output("nvidia-smi", fields, "--format=csv,noheader,nounits")
    told = dict(line.split(", ", 1) for line in table.splitlines())
    for gpu in (gpu for gpu in gpus if gpu.mig is None):
        row = f"{gpu.index}, {gpu.name}, {gpu.memory // MIB}"
        report.check(f"index, name and MiB of {gpu.uuid}", row, told.get(gpu.uuid))


def check_visible(card: Card, report: Report) -> None:
    """What CUDA and torch see for the names that may stand in CUDA_VISIBLE_DEVICES."""
    uuid = card.gpu.uuid
    names = {"the UUID": uuid, "the UUID and a name of nothing": f"{uuid},nothing"}
    if card.gpu.mig is None:
        names |= {"the beginning of the UUID": uuid[:12], "the index": str(card.gpu.index)}
    for library in ("cuda", "torch") if card.has_torch else ("cuda",):
        for kind, name in names.items():
            order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if name.isdecimal() else {}
            seen = card.ask(library, CUDA_VISIBLE_DEVICES=name, **order)
            report.check(f"{library} sees this GPU alone by {kind}", _uuids(seen), [_bare(uuid)])
        seen = card.ask(library, CUDA_VISIBLE_DEVICES="")
        report.check(f"{library} sees none by an empty name", isinstance(seen, str) or seen == [])
    if not card.has_torch:
        report.unseen("what torch sees: it is not installed with CUDA")
    for moment, files in _opened_files(card).items():
        report.fact(f"device files that are open {moment}: {' '.join(files) or 'none'}")


def check_share(card: Card, report: Report) -> None:
    """Two jobs on halves of the GPU, then two on all of it."""
    torch = f"+torch={str(card.has_torch).lower()}"
    for share, at_once, how in (("0.5", 2, "at once"), ("1", 1, "one after the other")):
        overrides = (f"hydra.launcher.gpus_per_job={share}", f"+together={at_once}", torch)
        records, output = card.sweep(f"share {share}", "+x=1,2", *overrides)
        report.check(f"two jobs with gpus_per_job={share} completed", len(records), 2)
        overlap = len(records) == 2 and records[1]["start"] < records[0]["end"]
        report.check(f"they ran {how}", overlap is (at_once == 2))
        report.check("as forks of the program", "the script's guard" not in output)
        for line in output.splitlines():
            if line.startswith("exptools:"):
                report.fact(line)
        for record in records:
            report.fact(f"a job was told {record['environment']}")
            seen = (record["slot"], _uuids(record["cuda"]))
            report.check("its GPU is this one", seen, ([card.gpu.uuid], [_bare(card.gpu.uuid)]))
            if record["torch"] is not None:
                report.fact(f"torch saw {record['torch']}")


def check_wait(card: Card, report: Report) -> None:
    """A job that needs more memory than a foreign process leaves."""
    needed = card.free() - SPARE
    foreigner = card.start_foreigner()
    report.fact(f"process {foreigner.pid} took {TAKEN} MiB, and what CUDA needs")
    report.check("NVML names that process by its pid", foreigner.pid in card.pids())
    sweep = card.start_sweep("wait", "+x=1", f"hydra.launcher.gpu_memory_per_job={needed}MiB")
    said = line_with(sweep, "waits for")
    report.check("the job waits and says for what", bool(said))
    report.fact(said)
    report.check("it has not started", not card.has_recorded("wait"))
    finish(foreigner)
    finish(sweep)
    report.check("it ran when the memory was free", card.has_recorded("wait"))


def check_kill(card: Card, report: Report) -> None:
    """What stays on the GPU when a job, or a process that runs it, is killed."""
    before = card.free()
    for victim in ("job", "helper", "sweep", "helper and sweep"):
        name = f"kill {victim}"
        sweep = card.start_sweep(name, "+x=1", "+forever=true")
        started = comes_true(lambda name=name: card.has_recorded(name))
        report.check("a job runs that took memory", started)
        if started:
            pid = json.loads((card.directory / name / "0" / "record.json").read_text())["pid"]
            report.check("NVML names the job by its pid", pid in card.pids())
            report.check("its memory is taken", card.free() <= before - TAKEN + SPARE)
            pids = {"job": pid, "helper": _parent(pid), "sweep": sweep.pid}
            for one in victim.split(" and "):
                os.kill(pids[one], signal.SIGKILL)
            _check_nothing_stays(card, report, before, victim)
        finish(sweep)


def _check_nothing_stays(card: Card, report: Report, before: int, victim: str) -> None:
    began, pids = time.monotonic(), card.pids()
    free = comes_true(lambda: card.free() >= before - SPARE)
    took = time.monotonic() - began
    report.check(f"all memory is free {took:.1f} s after the {victim} was killed", free)
    if not free:
        report.fact(f"{card.free()} MiB are free, {before} were; pids {pids}, now {card.pids()}")


def check_top(card: Card, report: Report) -> None:
    """A script that opens CUDA at its top level: a fork of it could not use the GPU."""
    files = _opened_files(card).get("with CUDA", [])
    if not any("nvidia" in file for file in files):
        report.unseen(f"how such a script is recognised: CUDA opens {files or 'no file'} here")
        return
    records, output = card.sweep("top", "+x=1,2", CARD_OPENS_CUDA="1")
    note = [line for line in output.splitlines() if "fresh interpreter" in line]
    report.check("it is told that its jobs start in fresh interpreters", bool(note))
    report.fact(" ".join(note))
    report.check("both its jobs used the GPU", len(records), 2)


def check_egl(card: Card, report: Report) -> None:
    """Whether EGL's device number EGL_DEVICE_ID is the slot's GPU."""
    devices = card.ask("egl")
    if isinstance(devices, str) or not devices:
        report.unseen(f"EGL's devices: {devices or 'it lists none'}")
        return
    for device in map(Device._make, devices):
        names = f"UUID {device.uuid}, bus {device.bus}, CUDA's number {device.cuda}"
        report.fact(f"EGL's device {device.index}: {names}")
    known = [name for device in map(Device._make, devices) for name in (device.uuid, device.bus)]
    if not any(known):
        report.unseen("which GPUs these are: EGL tells neither UUID nor bus")
        return
    (record, *_), _ = card.sweep("egl", "+x=1", "+egl=true")
    number, cuda = int(record["environment"]["EGL_DEVICE_ID"]), Device._make(record["cuda"][0])
    seen = record["egl"][number : number + 1]
    device = Device._make(*seen) if seen else Device(number)
    pair = (device.uuid, cuda.uuid) if device.uuid else (device.bus, cuda.bus)
    report.check(f"EGL's device {number} is the job's GPU", *pair)


PARTS: dict[str, Callable[[Card, Report], None]] = {
    "driver": check_driver,
    "visible": check_visible,
    "share": check_share,
    "wait": check_wait,
    "kill": check_kill,
    "top": check_top,
    "egl": check_egl,
}


def main(chosen: list[str]) -> int:
    """Print the report and return the exit code."""
    for name in chosen:
        if name not in PARTS:
            sys.exit(f"{name!r} is no part of the report; the parts are {', '.join(PARTS)}")
    gpus = read_machine().gpus
    if not gpus:
        print("NVML tells of no GPU that this process may use: there is nothing to report")
        return 2
    print(_versions())
    report = Report()
    with tempfile.TemporaryDirectory() as directory:
        card = _card(gpus[0], Path(directory))
        for name in chosen or PARTS:
            report.title(f"{name}: {PARTS[name].__doc__}")
            PARTS[name](card, report)
    print(f"\n{report.differences or 'nothing'} differs")
    return 1 if report.differences else 0


def _card(gpu: Gpu, directory: Path) -> Card:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    card = Card(gpu, directory, {**os.environ, "PYTHONPATH": path}, has_torch=False)
    has_torch = "+cpu" not in _version("torch") and isinstance(card.ask("torch"), list)
    return Card(gpu, directory, card.environment, has_torch)


def _versions() -> str:
    with nvml() as library:
        driver = library.nvmlSystemGetDriverVersion()
    packages = ("exptools", "hydra-core", "nvidia-ml-py", "torch")
    versions = [f"{package} {_version(package)}" for package in packages]
    python = f"Python {platform.python_version()}"
    return ", ".join([f"driver {driver}", platform.platform(), python, *versions])


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _opened_files(card: Card) -> dict[str, list[str]]:
    files = card.ask("files", CUDA_VISIBLE_DEVICES=card.gpu.uuid)
    return files if isinstance(files, dict) else {f"(not known: {files})": []}


def _uuids(devices: Any) -> Any:
    """The UUIDs in a library's answer; the answer itself where it is no list."""
    return [Device._make(one).uuid for one in devices] if isinstance(devices, list) else devices


def _bare(uuid: str) -> str:
    return uuid.partition("-")[2]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
