"""How fast the viewer's core reads runs, beside the least that it could take and beside a peer.

python benchmarks/view.py                       all questions, in about five minutes
python benchmarks/view.py --only index --rounds 1   those whose name has the word in it, quickly

The data sets are in ``view_data.py``: A 100 runs × 1,000 rows × 10 metrics, B 1,000 × 1,000 × 10,
C 10 × 1,000,000 × 3, D 10,000 × 100 × 5. A floor is a script that does only what has to be done, as
fast as we know how; it checks nothing and can do nothing else. Each measurement is a process of its
own; rounds take turns between ours and the other, because machines are noisy, and the median of the
rounds' ratios is shown. "Cold" is without our cache; the files are in the system's cache.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import view_data
from rich.console import Console
from rich.table import Table
from view_tasks import Took

TASKS = Path(__file__).with_name("view_tasks.py")


@dataclass(frozen=True)
class Question:
    """One line of the table."""

    name: str
    data: str
    ours: str  # a task of view_tasks.py
    other: str | None  # the floor's or the peer's task; None where the target is in seconds
    at_most: float | None = None  # ours / other, or seconds
    at_least: float | None = None  # other / ours
    of: str = "seconds"  # or "memory"
    before: tuple[str, ...] = ()  # tasks to do first, in the same cache


QUESTIONS = (
    Question("index and diff, cold", "D", "index", "floor_index", 2.0),
    Question("index and diff, warm", "D", "index", None, 0.35, before=("index",)),
    Question("the same session's second load", "D", "second_load", None, 0.2, before=("index",)),
    Question("import", "A", "imports", None, 0.2),
    Question("one changed run among 1,000", "B", "one_changed", None, 0.1),
    Question("all metrics, cold", "B", "all_metrics", "floor_all_metrics", 2.0),
    Question("all metrics, cold", "D", "all_metrics", "floor_all_metrics", 2.0),
    Question("one metric, warm", "B", "metric", "floor_metric_warm", 2.0, before=("metric",)),
    Question(
        "all metrics and configs against viskit's way", "A", "all_metrics", "viskit", None, 15
    ),
    Question(
        "all metrics and configs against viskit's way", "B", "all_metrics", "viskit", None, 15
    ),
    Question("one metric of long runs, cold", "C", "columns", "floor_columns", 1.3),
    Question("memory of all metrics", "B", "memory_all", None, 1.5, of="memory"),
    Question("memory of one metric of long runs", "C", "memory_one", None, 1.5, of="memory"),
    Question("event files, beside TensorBoard's EventAccumulator", "E", "events", "accumulator"),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="ask only what has this in its name or data")
    parser.add_argument("--data", type=Path, help="where the data sets are kept for the next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = options.data or Path(directory) / "data"
        table = Table("question", "data", "ours", "other", "ratio", "CPU ratio", "target")
        for question in QUESTIONS:
            if options.only in f"{question.name} {question.data}":
                make(data, question.data)
                table.add_row(*row(question, data, options.rounds))
        Console(width=140).print(table)


def make(data: Path, name: str) -> None:
    """Write a data set where it is not there yet."""
    if not (data / name).exists():
        view_data.write(view_data.SHAPES[name], data / name)


def row(question: Question, data: Path, rounds: int) -> Iterator[str]:
    """Measure, and say what came out."""
    ours: list[Took] = []
    others: list[Took] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for task in question.before:
                run(task, data / question.data, cache)
            ours.append(run(question.ours, data / question.data, cache))
        if question.other:
            others.append(run(question.other, data / question.data, cache))
    unit = "×" if question.of == "memory" else "s"
    yield question.name
    yield question.data
    yield f"{statistics.median(took.wall for took in ours):.3f} {unit}"
    if not question.other:
        cpu = statistics.median(took.cpu for took in ours)
        yield from ("", "", "" if question.of == "memory" else f"{cpu:.3f} s of CPU")
        yield f"≤ {question.at_most} {unit}"
        return
    yield f"{statistics.median(took.wall for took in others):.3f} s"
    pairs = list(zip(ours, others, strict=True))
    for ratios in (
        [mine.wall / other.wall for mine, other in pairs],
        [mine.cpu / other.cpu for mine, other in pairs],
    ):
        ratio = statistics.median(ratios)
        yield f"{1 / ratio:.1f} × faster" if question.at_least else f"{ratio:.2f}"
    if question.at_least:
        yield f"≥ {question.at_least} × faster"
    else:
        yield f"≤ {question.at_most}" if question.at_most else ""


def run(task: str, data: Path, cache: str) -> Took:
    """Do a task in a process of its own; what it measured."""
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    done = subprocess.run(
        [sys.executable, str(TASKS), task, str(data)],
        stdout=subprocess.PIPE,
        check=True,
        env=environment,
    )
    return Took(*json.loads(done.stdout))


if __name__ == "__main__":
    main()
