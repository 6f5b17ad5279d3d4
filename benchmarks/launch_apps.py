"""The Hydra apps that `launch.py` measures, and a sweep's bill."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TASK = """
import hydra
{imports}
@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    {body}
    return 0.0

if __name__ == "__main__":
    main()
"""
GROUPS, OPTIONS = 20, 5  # of the tree: 100 files
SCREEN = {"COLUMNS": "150", "LINES": "50", "TERM": "xterm-256color"}


@dataclass(frozen=True)
class Cost:
    """What one sweep took."""

    cpu: float  # seconds, all processes
    wall: float  # seconds
    memory: float  # MiB, the largest process
    first: float  # seconds until the first job had its config


def write_app(directory: Path, imports: str = "", body: str = "pass") -> Path:
    """Write a task with a config of ten keys and one group."""
    keys = "".join(f"k{number}: {number}\n" for number in range(10))
    files = {"config": "defaults:\n  - group: a\n  - _self_\n" + keys, "group/a": "x: 1\n"}
    return _write(directory, TASK.format(imports=imports, body=body), files)


def write_tree(directory: Path) -> Path:
    """Write a task whose config has an option of each of 20 groups, from a tree of 100 files."""
    names = [f"g{number}" for number in range(GROUPS)]
    keys = "".join(f"p{number}: {number}\n" for number in range(15))
    nested = "nested:\n  items: [1, 2, 3]\n  seed: ${seed}\n  name: a text\n"
    files = {
        f"{name}/o{option}": f"name: {name}_{option}\n{keys}{nested}"
        for name in names
        for option in range(OPTIONS)
    }
    defaults = "".join(f"  - {name}: o0\n" for name in names)
    files["config"] = f"defaults:\n{defaults}  - _self_\nseed: 1\n"
    return _write(directory, TASK.format(imports="", body="pass"), files)


def _write(directory: Path, task: str, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = directory / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (directory / "noop.py").write_text(task)
    return directory


def run(arguments: Sequence[str], app: Path, name: str, *, on_terminal: bool = False) -> Cost:
    """Run a command to its end and take its bill, all its children's included."""
    out = app / "out" / name
    sweep = [] if "sh" in arguments else [f"hydra.sweep.dir='{out}'"]
    with _output(on_terminal=on_terminal) as output:
        start, began = time.monotonic(), time.time()
        process = subprocess.Popen(
            [*arguments, *sweep],
            cwd=app,
            stdout=output,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **SCREEN, "EXPTOOLS_LEASES": str(app / "leases")},
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    configs = [path.stat().st_mtime for path in out.glob("*/.hydra/config.yaml")]
    first = min(configs, default=began) - began
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, first)


def busy(sweep: Path) -> float:
    """The share of the slots' time in which a job had them, from their first job to their last."""
    used: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for path in sweep.glob("*/.exptools/status.json"):
        status = json.loads(path.read_bytes())
        used[status["slot"]].append((status["started"], status["ended"]))
    spans = [
        max(end for _, end in jobs) - min(start for start, _ in jobs) for jobs in used.values()
    ]
    return sum(end - start for jobs in used.values() for start, end in jobs) / sum(spans)


@contextlib.contextmanager
def _output(*, on_terminal: bool) -> Iterator[int]:
    """Where a sweep prints: nowhere, or on a terminal that somebody reads."""
    if not on_terminal:
        yield subprocess.DEVNULL
        return
    ours, theirs = pty.openpty()
    reader = threading.Thread(target=_read_all, args=(ours,))
    reader.start()
    yield theirs
    os.close(theirs)
    reader.join()
    os.close(ours)


def _read_all(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # nobody writes there any more
        while os.read(descriptor, 65536):
            pass
