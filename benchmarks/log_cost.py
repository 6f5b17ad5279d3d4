"""The CPU time of a scalar by both doors of the logger, and by a bare CSV writer: the floor.

python benchmarks/log_cost.py WRITER TAGS ROWS     one measurement, in microseconds a scalar

``log.py`` measures each writer in a process of its own, in turns: what one leaves in the caches,
the allocator or the garbage collector's lists is no part of another's time.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from log_peers import compat_door, exptools, floor, floor_of_dictionaries
from rich.table import Table

WRITERS = {
    "floor, whole rows": floor_of_dictionaries,
    "floor, value by value": floor,
    "exptools": exptools,
    "exptools, as in rlpyt": compat_door,
}
WHOLE_ROWS, BY_VALUE, MAIN_DOOR, COMPAT_DOOR = WRITERS
SCALARS = 100_000  # a measurement
AT_MOST = {MAIN_DOOR: {10: 1.3, 100: 0.85}, COMPAT_DOOR: {10: 1.7, 100: 1.2}}  # over WHOLE_ROWS


def cost_table(rounds: int) -> Table:
    """Both doors over both floors: medians."""
    table = Table("tags", "writer", "CPU µs a scalar", "over whole", "over by value", "target")
    for tags in (10, 100):
        costs: dict[str, list[float]] = {name: [] for name in WRITERS}
        for name in [*WRITERS] * rounds:
            costs[name].append(measured_apart(name, tags, SCALARS // tags))
        for name, its in costs.items():
            limit = AT_MOST.get(name, {}).get(tags)
            table.add_row(
                str(tags), name, f"{statistics.median(its):.2f}",
                *(f"{ratio(its, costs[under]):.2f}" for under in (WHOLE_ROWS, BY_VALUE)),
                f"≤ {limit}" if limit else "",
            )  # fmt: skip
    return table


def ratio(ours: Sequence[float], its: Sequence[float]) -> float:
    """The median of the ratios, each of one round."""
    return statistics.median(one / other for one, other in zip(ours, its, strict=True))


def measured_apart(name: str, tags: int, rows: int) -> float:
    """What one writer takes in a process of its own."""
    command = [sys.executable, __file__, name, str(tags), str(rows)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def measured(name: str, tags: int, rows: int) -> float:
    """The microseconds of CPU time a scalar."""
    names = [f"train/metric_{number}" for number in range(tags)]
    some = [{tag: random.random() for tag in names} for _ in range(100)]
    with tempfile.TemporaryDirectory() as directory:
        writer = WRITERS[name](Path(directory) / "run", names)
        for row in some:
            writer.log(row)
        begun = time.process_time()
        for number in range(rows):
            writer.log(some[number % len(some)])
        took = time.process_time() - begun
        writer.close()
    return took / (rows * tags) * 1e6


if __name__ == "__main__":
    print(measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
