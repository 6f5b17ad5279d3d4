"""The GPU that `real_card.py` tries, and the report of what was seen."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driver import MIB

from exptools.launching.machine.gpus import Gpu, free_memory, nvml

HERE = Path(__file__).resolve().parent
TAKEN = 512  # MiB that a job or a foreign process takes
_PATIENCE = 60.0  # seconds in which a process should say or do something


class Report:
    """What was seen, line by line as it is printed."""

    def __init__(self) -> None:
        self.differences = 0

    def title(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    def fact(self, text: str) -> None:
        print(f"           {text}", flush=True)

    def unseen(self, text: str) -> None:
        print(f"  unseen   {text}", flush=True)

    def check(self, text: str, seen: object, expected: object = True) -> None:
        """Say whether something is as expected, and if not, what it is."""
        if seen == expected:
            print(f"  ok       {text}", flush=True)
            return
        self.differences += 1
        what = "" if isinstance(seen, bool) else f": {seen}, not {expected}"
        print(f"  DIFFERS  {text}{what}", flush=True)


@dataclass(frozen=True)
class Card:
    """A GPU, and what is needed to run sweeps on it alone."""

    gpu: Gpu
    directory: Path  # for the sweeps
    environment: dict[str, str]
    has_torch: bool  # with CUDA

    def free(self) -> int:
        """Its free MiB, as NVML says."""
        return self._memory()[0] // MIB

    def pids(self) -> set[int]:
        """The processes that compute on it, as NVML says."""
        return {process.pid for process in self._memory()[1]}

    def _memory(self) -> tuple[int, Any]:
        with nvml() as library:
            memory = free_memory(library, self.gpu.uuid)
        if memory is None:
            sys.exit("NVML no longer tells the GPU's memory: the report ends here")
        return memory

    def start_sweep(self, name: str, *overrides: str, **environment: str) -> subprocess.Popen[str]:
        """Start a sweep of `card_app.py` into a directory of this name."""
        app = [str(HERE / "card_app.py"), "-m", "hydra/launcher=exptools", f"+mib={TAKEN}"]
        where = [f"hydra.sweep.dir={self.directory / name}"]
        return self._start(
            *app, *where, f"hydra.launcher.gpus=[{self.gpu.uuid}]", *overrides, **environment
        )

    def sweep(self, name: str, *overrides: str, **environment: str) -> tuple[list[Any], str]:
        """Run a sweep: what its jobs recorded, by their starts, and all that it printed."""
        process = self.start_sweep(name, *overrides, **environment)
        output = finish(process)
        if process.returncode:
            print(output)
        files = self.directory.glob(f"{name}/*/record.json")
        records = [json.loads(file.read_text()) for file in files]
        return sorted(records, key=lambda record: float(record["start"])), output

    def has_recorded(self, name: str) -> bool:
        """Whether the first job of a sweep has come to its record."""
        return (self.directory / name / "0" / "record.json").exists()

    def start_foreigner(self) -> subprocess.Popen[str]:
        """Start a process that takes memory of the GPU until `finish` ends it."""
        foreigner = self._start(
            str(HERE / "driver.py"), "hold", str(TAKEN), CUDA_VISIBLE_DEVICES=self.gpu.uuid
        )
        line_with(foreigner, "held")
        return foreigner

    def ask(self, what: str, **environment: str) -> Any:
        """What a library says in a process of its own, or why it says nothing, as a text."""
        done = subprocess.run(
            [sys.executable, str(HERE / "driver.py"), what],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        return json.loads(done.stdout) if done.returncode == 0 else last

    def _start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *command],
            env={**self.environment, **environment},
            cwd=self.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def finish(process: subprocess.Popen[str]) -> str:
    """Close a process's input and wait for its end: the rest of its output."""
    try:
        return process.communicate(timeout=2 * _PATIENCE)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0] + "\nit came to no end and was killed"


def line_with(process: subprocess.Popen[str], part: str) -> str:
    """The next line of a process's output that has a part; empty if it ends without."""
    assert process.stdout is not None
    return next((line.strip() for line in process.stdout if part in line), "")


def comes_true(condition: Callable[[], bool]) -> bool:
    """Whether something that other processes do happens in time."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
