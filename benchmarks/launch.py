"""What a job costs under our launcher and under its peers: CPU time of all processes, a job.

python benchmarks/launch.py                      a table, ratios and floors, in about five minutes
python benchmarks/launch.py --jobs 16 --rounds 1  a quick look

A no-op task with a config of ten keys and one group, two jobs at a time. Rounds take turns between
the launchers, because machines are noisy; the median is shown. Peers that are not installed are
left out: the extra ``bench`` has them.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

TASK = """
import hydra
{imports}
@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    return 0.0

if __name__ == "__main__":
    main()
"""
PEERS = {  # name → (module that must be there, arguments of a multirun)
    "exptools": ("exptools", ["hydra/launcher=exptools", "hydra.launcher.jobs=2"]),
    "exptools fresh": (
        "exptools",
        ["hydra/launcher=exptools", "hydra.launcher.jobs=2", "hydra.launcher.start=fresh"],
    ),
    "basic": ("hydra", ["hydra/launcher=basic"]),
    "joblib": (
        "hydra_plugins.hydra_joblib_launcher",
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    ),
    "submitit": (
        "hydra_plugins.hydra_submitit_launcher",
        ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=10"],
    ),
}
# Ours over the peer's, CPU time: what CONTRIBUTING promises to keep.
TARGETS = {"basic": 0.85, "joblib": 0.65, "xargs": 0.40, "submitit": 0.20}


@dataclass(frozen=True)
class Cost:
    """What one sweep took."""

    cpu: float  # seconds, all processes
    wall: float  # seconds
    memory: float  # MiB, the largest process


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        app = write_app(Path(directory) / "light", imports="")
        heavy = write_app(Path(directory) / "heavy", imports="import scipy.optimize")
        costs = measure(app, [peer for peer in (*PEERS, "xargs") if is_there(peer)], options)
        show(costs, options.jobs)
        show_heavy(app, heavy, options)
        show_start(app)


def write_app(directory: Path, imports: str) -> Path:
    """Write the task and its config."""
    (directory / "conf" / "group").mkdir(parents=True)
    keys = "".join(f"k{number}: {number}\n" for number in range(10))
    defaults = "defaults:\n  - group: a\n  - _self_\n"
    (directory / "conf" / "config.yaml").write_text(defaults + keys)
    (directory / "conf" / "group" / "a.yaml").write_text("x: 1\n")
    (directory / "noop.py").write_text(TASK.format(imports=imports))
    return directory


def is_there(peer: str) -> bool:
    """Whether a peer can be measured here."""
    module = PEERS[peer][0] if peer in PEERS else "hydra"
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def measure(app: Path, peers: Sequence[str], options: argparse.Namespace) -> dict[str, list[Cost]]:
    """Run each peer once a round."""
    costs: dict[str, list[Cost]] = {peer: [] for peer in peers}
    for number in range(options.rounds):
        for peer in peers:
            costs[peer].append(run(command(peer, options.jobs), app, f"{peer} {number}"))
    return costs


def command(peer: str, jobs: int) -> list[str]:
    """The command of a sweep."""
    if peer == "xargs":
        each = f"seq {jobs} | xargs -P2 -I@ {sys.executable} noop.py k0=@ hydra.run.dir=out/@"
        return ["sh", "-c", each]
    return [sys.executable, "noop.py", "-m", f"k0=range({jobs})", *PEERS[peer][1]]


def run(arguments: Sequence[str], app: Path, name: str) -> Cost:
    """Run a command to its end and take its bill, all its children's included."""
    sweep = [] if "sh" in arguments else [f"hydra.sweep.dir='out/{name}'"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(
        [*arguments, *sweep],
        cwd=app,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "EXPTOOLS_LEASES": str(app / "leases")},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, time.monotonic() - start, after.ru_maxrss / 1024)


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        *(statistics.median(getattr(c, n) for c in costs) for n in ("cpu", "wall", "memory"))
    )


def show(costs: dict[str, list[Cost]], jobs: int) -> None:
    """Print what each launcher took, and ours as a ratio of it, round by round."""
    table = Table("launcher", "CPU ms a job", "wall s", "ours / its CPU", "target")
    for peer, its in costs.items():
        middle = median(its)
        ratios = [ours.cpu / other.cpu for ours, other in zip(costs["exptools"], its, strict=True)]
        ratio = "" if peer == "exptools" else f"{statistics.median(ratios):.2f}"
        target = f"≤ {TARGETS[peer]}" if peer in TARGETS else ""
        cpu = f"{middle.cpu / jobs * 1000:.0f}"
        table.add_row(peer, cpu, f"{middle.wall:.1f}", ratio, target)
    Console().print(table)


def show_heavy(light: Path, heavy: Path, options: argparse.Namespace) -> None:
    """Print what a slow import costs a job: with a warm helper, it should be next to nothing."""
    imported = run([sys.executable, "-c", "import scipy.optimize"], heavy, "import")
    bare = run([sys.executable, "-c", "pass"], heavy, "bare")
    ours = command("exptools", options.jobs)
    rounds = range(options.rounds)
    cost = median([run(ours, heavy, f"heavy {n}") for n in rounds]).cpu
    base = median([run(ours, light, f"base {n}") for n in rounds]).cpu
    extra = (cost - base - 2 * (imported.cpu - bare.cpu)) / options.jobs * 1000
    Console().print(
        f"heavy import ({imported.cpu - bare.cpu:.2f} s CPU): {extra:.1f} ms more a job than the "
        "light run and two imports (target ≤ 10)"
    )


def show_start(app: Path) -> None:
    """Print what the installed plugin adds to the start of any Hydra app."""
    ask = (
        "from hydra.core.plugins import Plugins; t = Plugins.instance().get_stats()"
        ".modules_import_time; print(sum(v for k, v in t.items() if 'exptools' in k) * 1000)"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", ask], capture_output=True, check=True).stdout)
        for _ in range(7)
    ]
    Console().print(f"plugin scan: {statistics.median(times):.1f} ms at each start (target ≤ 5)")


if __name__ == "__main__":
    main()
