"""What ``log.py`` measures: our logger, the floor beneath it, and its peers, as writers of rows.

A peer takes a directory and the tags, and gives three functions: log one row, wait until what
is queued is written, and close.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

Pairs = Sequence[tuple[str, float]]


class Writer(NamedTuple):
    """A peer that is open."""

    log: Callable[[Pairs], object]
    settle: Callable[[], object]
    close: Callable[[], object]


def exptools(directory: Path, tags: Sequence[str]) -> Writer:
    """Ours: CSV and TensorBoard."""
    from exptools.logging.run_logger import Logger

    logger = Logger()
    logger.open(directory, console=None)

    def log(pairs: Pairs) -> None:
        for tag, value in pairs:
            logger.log_scalar(tag, value)
        logger.dump()

    return Writer(log, nothing, logger.close)


def floor(directory: Path, tags: Sequence[str]) -> Writer:
    """The floor: CSV alone, its columns known, the row put together by its caller."""
    directory.mkdir()
    file = (directory / "progress.csv").open("w", newline="", encoding="utf-8")
    writer = csv.DictWriter(file, ["step", "wall_time", *tags])
    writer.writeheader()
    steps = count()

    def log(pairs: Pairs) -> None:
        row: dict[str, float] = {"step": next(steps), "wall_time": time.time()}
        for tag, value in pairs:
            row[tag] = value
        writer.writerow(row)
        file.flush()

    return Writer(log, nothing, file.close)


def torch(directory: Path, tags: Sequence[str]) -> Writer:
    """PyTorch's SummaryWriter: TensorBoard alone."""
    from torch.utils.tensorboard import SummaryWriter

    return summary_writer(SummaryWriter(str(directory)))


def tensorboardx(directory: Path, tags: Sequence[str]) -> Writer:
    """TensorBoardX, from before PyTorch had its own."""
    from tensorboardX import SummaryWriter

    return summary_writer(SummaryWriter(str(directory)))


def original(directory: Path, tags: Sequence[str]) -> Writer:
    """The original exptools: tensorboardX, a text for each row, and CSV; without its table."""
    from tensorboardX import SummaryWriter

    table = floor(directory, tags)
    writer = SummaryWriter(str(directory))
    events = summary_writer(writer)

    def log(pairs: Pairs) -> None:
        events.log(pairs)
        writer.add_text("text", "Dumping scalar data for progress.csv")
        table.log(pairs)

    return Writer(log, events.settle, lambda: (events.close(), table.close()))


def wandb(directory: Path, tags: Sequence[str]) -> Writer:
    """Weights & Biases, offline."""
    import wandb

    directory.mkdir()
    settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
    run = wandb.init(mode="offline", dir=str(directory), project="bench", settings=settings)
    return Writer(lambda pairs: run.log(dict(pairs)), nothing, run.finish)


def summary_writer(writer: Any) -> Writer:
    """A writer of PyTorch's shape."""
    steps = count()

    def log(pairs: Pairs) -> None:
        step = next(steps)
        for tag, value in pairs:
            writer.add_scalar(tag, value, step)

    return Writer(log, writer.flush, writer.close)


def nothing() -> None:
    """Wait for nothing."""


PEERS: Mapping[str, tuple[str, Callable[[Path, Sequence[str]], Writer]]] = {
    "csv.DictWriter, the floor": ("csv", floor),
    "torch SummaryWriter": ("torch", torch),
    "the original exptools": ("tensorboardX", original),
    "wandb offline": ("wandb", wandb),
    "tensorboardX": ("tensorboardX", tensorboardx),
}


def installed() -> Iterator[tuple[str, Callable[[Path, Sequence[str]], Writer]]]:
    """The peers that can be measured here; the others are named on standard output."""
    for name, (module, make) in PEERS.items():
        if find_spec(module) is None:
            print(f"{name}: not installed, left out")
        else:
            yield name, make
