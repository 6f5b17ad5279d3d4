"""What texts, histograms and images cost, beside PyTorch's SummaryWriter.

Ours writes the file, its line of the index and the event; PyTorch's the event alone, in a thread of
its own: so CPU time is compared, its thread's among it, besides what the caller waits.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

CALLS = 50  # a turn
AT_MOST = 3  # times the CPU of PyTorch's

Log = Callable[[Any, int], object]  # what is to be logged, and the step


def show_media(here: Path, rounds: int) -> None:
    """Print the cost of each kind of medium, ours and PyTorch's in turns."""
    from torch.utils.tensorboard import SummaryWriter

    from exptools.logging.run_logger import Logger

    logger, writer = Logger(), SummaryWriter(str(here / "torch_media"))
    logger.open(here / "media", console=None)
    table = Table("medium", "torch: caller µs", "CPU µs", "ours: caller µs", "CPU µs", "CPU ratio")
    table.add_column("target")
    for name, value, ours, its in kinds(logger, writer):
        figures = compare((its, writer.flush), (ours, lambda: None), value, rounds)
        (waited, cpu), (our_wait, our_cpu) = figures
        cells = [f"{microseconds:.0f}" for microseconds in (waited, cpu, our_wait, our_cpu)]
        table.add_row(name, *cells, f"{our_cpu / cpu:.2f}", f"≤ {AT_MOST}")
    logger.close()
    writer.close()
    Console().print(table)


def kinds(logger: Any, writer: Any) -> Iterator[tuple[str, Any, Log, Log]]:
    """Name, value, our verb and PyTorch's."""
    random = np.random.default_rng(0)
    frame = random.integers(0, 256, (3, 84, 84), np.uint8)
    smooth = np.broadcast_to(np.linspace(0, 1, 256, dtype=np.float32), (3, 256, 256)).copy()

    def log_image(image: Any, step: int) -> None:
        logger.log_image("image", image, step, "CHW")

    def add_image(image: Any, step: int) -> None:
        writer.add_image("image", image, step)

    yield (
        *("a text of 80 characters", "words and " * 8),
        lambda text, step: logger.log_text("text", text, step),
        lambda text, step: writer.add_text("text", text, step),
    )
    yield (
        *("a histogram of 1,000 numbers", random.normal(size=1000)),
        lambda values, step: logger.log_histogram("histogram", values, step),
        lambda values, step: writer.add_histogram("histogram", values, step),
    )
    yield "an image of 84 × 84, noise", frame, log_image, add_image
    yield "an image of 256 × 256, smooth", smooth, log_image, add_image


def compare(
    its: tuple[Log, Callable[[], object]],
    ours: tuple[Log, Callable[[], object]],
    value: Any,
    rounds: int,
) -> list[tuple[float, float]]:
    """Of each, the microseconds that a caller waits, and those of CPU: medians."""
    figures: list[list[tuple[float, float]]] = [[], []]
    steps = count()
    for number, (log, settle) in ((0, its), (1, ours)) * (rounds + 1):
        begun, cpu = time.perf_counter(), time.process_time()
        for _ in range(CALLS):
            log(value, next(steps))
        waited = time.perf_counter() - begun
        settle()
        figures[number].append((waited, time.process_time() - cpu))
    return [
        (statistics.median(w for w, _ in turns[1:]) / CALLS * 1e6,
         statistics.median(c for _, c in turns[1:]) / CALLS * 1e6)
        for turns in figures
    ]  # fmt: skip
