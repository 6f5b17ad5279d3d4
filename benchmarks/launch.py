"""What a job costs under our launcher and under its peers: CPU time of all processes, a job.

python benchmarks/launch.py                       all questions, in about fifteen minutes
python benchmarks/launch.py --jobs 16 --rounds 1   a quick look
python benchmarks/launch.py --only tree            those whose name has the word in it

A no-op task with a config of ten keys and one group, two jobs at a time. Rounds take turns between
the launchers, because machines are noisy; the median is shown. Peers that are not installed are
left out: the extra ``bench`` has them.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from launch_apps import Cost, busy, run, write_app, write_tree
from rich.console import Console
from rich.table import Table

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
TARGETS = {"basic": 0.55, "joblib": 0.35, "xargs": 0.40, "submitit": 0.20}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="a word in the names of the questions to ask")
    options = parser.parse_args()
    for name, ask in QUESTIONS.items():
        if options.only in name:
            with tempfile.TemporaryDirectory() as directory:
                ask(Path(directory), options)


def ask_peers(directory: Path, options: argparse.Namespace) -> None:
    """What a job costs with each launcher."""
    app = write_app(directory)
    costs = measure(app, [peer for peer in (*PEERS, "xargs") if is_there(peer)], options)
    show(costs, options.jobs)


def is_there(peer: str) -> bool:
    """Whether a peer can be measured here."""
    module = PEERS[peer][0] if peer in PEERS else "hydra"
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def measure(
    app: Path, peers: Sequence[str], options: argparse.Namespace, jobs: int | None = None
) -> dict[str, list[Cost]]:
    """Run each peer once a round."""
    costs: dict[str, list[Cost]] = {peer: [] for peer in peers}
    for number in range(options.rounds):
        for peer in peers:
            costs[peer].append(run(command(peer, jobs or options.jobs), app, f"{peer} {number}"))
    return costs


def command(peer: str, jobs: int) -> list[str]:
    """The command of a sweep."""
    if peer == "xargs":
        each = f"seq {jobs} | xargs -P2 -I@ {sys.executable} noop.py k0=@ hydra.run.dir=out/@"
        return ["sh", "-c", each]
    return [sys.executable, "noop.py", "-m", f"k0=range({jobs})", *PEERS[peer][1]]


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        *(
            statistics.median(getattr(c, n) for c in costs)
            for n in ("cpu", "wall", "memory", "first")
        )
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


def ask_import(directory: Path, options: argparse.Namespace) -> None:
    """What a slow import costs a job: with a warm helper, it should be next to nothing."""
    light = write_app(directory / "light")
    heavy = write_app(directory / "heavy", imports="import scipy.optimize")
    imported = run([sys.executable, "-c", "import scipy.optimize"], heavy, "import")
    bare = run([sys.executable, "-c", "pass"], heavy, "bare")
    ours = command("exptools", options.jobs)
    rounds = range(options.rounds)
    cost = median([run(ours, heavy, f"heavy {n}") for n in rounds]).cpu
    base = median([run(ours, light, f"base {n}") for n in rounds]).cpu
    extra = (cost - base - 2 * (imported.cpu - bare.cpu)) / options.jobs * 1000
    tell(
        f"heavy import ({imported.cpu - bare.cpu:.2f} s CPU): {extra:.1f} ms more a job than the "
        "light run and two imports (target ≤ 10)"
    )


def ask_first(directory: Path, options: argparse.Namespace) -> None:
    """When the first of 200 jobs starts."""
    app = write_app(directory)
    costs = measure(app, ["exptools", "basic"], options, jobs=200)
    ours, basic = median(costs["exptools"]).first, median(costs["basic"]).first
    ratio = ours / basic
    tell(f"first of 200 jobs: after {ours:.1f} s, basic's {basic:.1f} s: {ratio:.2f} (≤ 0.35)")


def ask_many(directory: Path, options: argparse.Namespace) -> None:
    """What each of a thousand jobs costs, in CPU and in the parent's memory."""
    app = write_app(directory)
    few, many = (run(command("exptools", jobs), app, f"{jobs}") for jobs in (64, 1064))
    each = many.cpu / 1064 * 1000
    memory = (many.memory - few.memory) * 1024 / 1000
    tell(f"1064 jobs: {each:.1f} ms CPU each in all (target ≤ 50)")
    tell(f"memory of the parent: {memory:.1f} kB for each further job (target ≤ 20)")


def ask_tree(directory: Path, options: argparse.Namespace) -> None:
    """What a job costs where each chooses other groups from a tree of 100 files."""
    app = write_tree(directory)
    sweep = [f"g{number}=o1,o2,o3,o4" for number in range(3)]  # 64 jobs
    ratios = []
    for number in range(options.rounds):
        ours, basic = (
            run([sys.executable, "noop.py", "-m", *sweep, *PEERS[peer][1]], app, f"{peer} {number}")
            for peer in ("exptools", "basic")
        )
        ratios.append(ours.cpu / basic.cpu)
    each, ratio = ours.cpu / 64 * 1000, statistics.median(ratios)
    tell(f"tree of 100 files, groups swept: {each:.0f} ms CPU a job, {ratio:.2f} of basic (≤ 0.4)")


def ask_slots(directory: Path, options: argparse.Namespace) -> None:
    """Whether 256 slots are kept busy by jobs of a second, with a table on a terminal."""
    app = write_app(directory, imports="import time", body="time.sleep(1)")
    slots = ["hydra/launcher=exptools", "hydra.launcher.jobs=256", "hydra.launcher.pin=false"]
    sweep = [sys.executable, "noop.py", "-m", "k0=range(1024)", *slots]
    cost = run(sweep, app, "slots", on_terminal=True)
    share = busy(app / "out" / "slots")
    tell(f"256 slots, 1024 jobs of 1 s, {cost.wall:.0f} s: busy {share:.2f} (target ≥ 0.9)")


def ask_start(directory: Path, options: argparse.Namespace) -> None:
    """What the installed plugin adds to the start of any Hydra app."""
    ask = (
        "from hydra.core.plugins import Plugins; t = Plugins.instance().get_stats()"
        ".modules_import_time; print(sum(v for k, v in t.items() if 'exptools' in k) * 1000)"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", ask], capture_output=True, check=True).stdout)
        for _ in range(7)
    ]
    tell(f"plugin scan: {statistics.median(times):.1f} ms at each start (target ≤ 5)")
    imports = ("pass", "import exptools", "from exptools import logger", "import numpy")
    rounds = [[_cpu_of(code) for code in imports] for _ in range(10)]  # in turns
    bare, *costs = map(statistics.median, zip(*rounds, strict=True))
    told = [f"{code}: {cost - bare:.0f} ms" for code, cost in zip(imports[1:], costs, strict=True)]
    tell(f"CPU beside a bare interpreter's {bare:.0f} ms: {', '.join(told)}")


def _cpu_of(code: str) -> float:
    """CPU milliseconds of an interpreter that runs some code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def tell(line: str) -> None:
    """Print an answer."""
    Console().print(line, highlight=False, soft_wrap=True)


QUESTIONS: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    "peers": ask_peers,
    "import": ask_import,
    "first": ask_first,
    "many": ask_many,
    "tree": ask_tree,
    "slots": ask_slots,
    "start": ask_start,
}


if __name__ == "__main__":
    main()
