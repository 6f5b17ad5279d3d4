"""What logging costs and keeps, beside a CSV writer and its peers: ratios.

python benchmarks/log.py             all tables, in about two minutes
python benchmarks/log.py --quick     a look

The floor is Python's ``csv.DictWriter`` with a flush a row, which has no TensorBoard file, nor new
columns: there CPU time is compared, each measurement in a process of its own (``log_cost.py``).
With the peers it is the time that the caller waits. Rounds take turns between ours and what it is
compared with, because machines are noisy; medians are shown. Peers that are not installed are left
out.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from log_cost import cost_table
from log_media import show_media
from log_peers import Row, Writer, exptools, floor, installed
from rich.console import Console
from rich.table import Table

SCALARS = 1000  # a turn
# The peer over ours.
AT_LEAST = {"torch SummaryWriter": 40, "the original exptools": 80, "wandb offline": 8}

START = """
import re, sys, time
begun = time.process_time()
if len(sys.argv) > 1:
    from exptools import logger
    logger.open(sys.argv[1], console=None)
took = time.process_time() - begun
status = open("/proc/self/status").read()
print(took * 1000, int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1024)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, of everything")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        Console().print(cost_table(rounds=2 if quick else 9))
        show_peers(here, rounds=2 if quick else 7)
        if find_spec("torch"):
            show_media(here, rounds=3 if quick else 15)
        table = Table("question", "answer", "target")
        for row in (
            *growing(here, rounds=1 if quick else 5),
            ("bytes a scalar, both files", f"{bytes_a_scalar(here):.1f}", "≤ 50"),
            *start(here, rounds=3 if quick else 11),
        ):
            table.add_row(*row)
        Console().print(table)


def show_peers(here: Path, rounds: int) -> None:
    """Print what the caller waits for a scalar beside each peer's."""
    table = Table("tags a row", "peer", "its µs a scalar", "ours", "ratio", "target")
    peers = list(installed())
    for tags in (10, 100):
        for name, make in peers:
            its, ours = compare(make, tags, here, rounds)
            target = f"its ≥ {AT_LEAST[name]} × ours" if name in AT_LEAST else ""
            table.add_row(str(tags), name, f"{its:.2f}", f"{ours:.2f}", f"{its / ours:.3g}", target)
    Console().print(table)


def compare(
    make: Callable[[Path, Sequence[str]], Writer], tags: int, here: Path, rounds: int
) -> tuple[float, float]:
    """The µs a scalar of a peer and of ours, which take turns: medians.

    A turn of ours is so short that other processes rarely come between. A peer's has so many
    scalars that no queue holds most of them.
    """
    names = [f"train/metric_{number}" for number in range(tags)]
    rows = [{tag: random.random() for tag in names} for _ in range(SCALARS // tags)]
    its, ours = make(new_path(here), names), exptools(new_path(here), names)
    turns = ((its, rows * 5, 1), (ours, rows, 5))
    costs: list[list[float]] = [[], []]
    for writer, some, times in turns * (rounds + 1):
        figures = costs[writer is ours]
        figures += [timed(writer, some) / (len(some) * tags) * 1e6 for _ in range(times)]
    its.close()
    ours.close()
    return statistics.median(costs[0][1:]), statistics.median(costs[1][1:])


def timed(writer: Writer, rows: Sequence[Row]) -> float:
    """The seconds that rows take their caller."""
    begun = time.perf_counter()
    for row in rows:
        writer.log(row)
    took = time.perf_counter() - begun
    writer.settle()
    return took


def growing(here: Path, rounds: int) -> list[tuple[str, str, str]]:
    """10,000 rows with a new tag every 100, beside the same with all columns known."""
    ratios, stalls = [], []
    for _ in range(rounds):
        known = grow(floor(new_path(here), growing_tags(10_000)))
        ours = grow(exptools(new_path(here), []))
        ratios.append(sum(ours) / sum(known))
        stalls.append(max(ours) * 1000)
    return [
        ("growing columns, ours / fixed ones", f"{statistics.median(ratios):.2f}", "≤ 6"),
        ("the longest stall, ms", f"{statistics.median(stalls):.0f}", "≤ 100"),
    ]


def growing_tags(step: int) -> list[str]:
    """The tags that there are at a step."""
    return [f"tag/{number}" for number in range(min(step // 100 + 1, 100))]


def grow(writer: Writer) -> list[float]:
    """The seconds that each row takes."""
    seconds = []
    for step in range(10_000):
        row = dict.fromkeys(growing_tags(step), 0.123456789 + step)
        begun = time.perf_counter()
        writer.log(row)
        seconds.append(time.perf_counter() - begun)
    writer.close()
    return seconds


def bytes_a_scalar(here: Path) -> float:
    """What 1,000 rows of 10 scalars take on the disk."""
    run = new_path(here)
    writer = exptools(run, [])
    for _ in range(1000):
        writer.log({f"train/metric_{number}": random.random() for number in range(10)})
    writer.close()
    files = [run / "progress.csv", *run.glob("events.*")]
    return sum(file.stat().st_size for file in files) / 10_000


def start(here: Path, rounds: int) -> list[tuple[str, str, str]]:
    """The CPU time and the memory of the import and an open run, over the bare interpreter."""
    taken = []
    for _ in range(rounds):
        bare, ours = run_start(), run_start(str(new_path(here)))
        taken.append((ours[0], ours[1] - bare[1]))
    took, memory = (statistics.median(figures) for figures in zip(*taken, strict=True))
    return [
        ("import and open, ms of CPU", f"{took:.0f}", "≤ 100"),
        ("import and open, MB more than Python", f"{memory:.0f}", "≤ 30"),
    ]


def run_start(*arguments: str) -> list[float]:
    """Milliseconds of CPU and MiB of one start."""
    command = [sys.executable, "-c", START, *arguments]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [float(figure) for figure in said.split()]


def new_path(here: Path) -> Path:
    """A path where nothing is."""
    return here / f"{len(list(here.iterdir()))}"


if __name__ == "__main__":
    main()
