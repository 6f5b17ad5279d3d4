"""What ``log.py`` measures as writers of rows: our logger, the floors beneath it, and its peers.

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
from typing import Any, NamedTuple, TextIO

Row = Mapping[str, float]  # the number of each tag


class Writer(NamedTuple):
    """A peer that is open."""

    log: Callable[[Row], object]
    settle: Callable[[], object]
    close: Callable[[], object]


def exptools(directory: Path, tags: Sequence[str]) -> Writer:
    """Ours: CSV and TensorBoard."""
    from exptools.logging.run_logger import Logger

    logger = Logger()
    logger.open(directory, console=None)

    def log(row: Row) -> None:
        for tag, value in row.items():
            logger.log_scalar(tag, value)
        logger.dump()

    return Writer(log, nothing, logger.close)


def compat_door(directory: Path, tags: Sequence[str]) -> Writer:
    """Ours by the door of rlpyt and the original, as their training loops use it."""
    from exptools.logging.compat.logger import CompatLogger
    from exptools.logging.run_logger import Logger

    logger = CompatLogger(Logger())
    logger.open(directory, console=None)
    steps = count()

    def log(row: Row) -> None:
        logger.set_iteration(next(steps))
        for tag, value in row.items():
            logger.log_scalar(tag, value)
        logger.dump_scalar()

    return Writer(log, nothing, logger.close)


def floor(directory: Path, tags: Sequence[str]) -> Writer:
    """The floor: CSV alone, its columns known, each row put together value by value."""
    file, writer = open_table(directory, tags)
    steps = count()

    def log(row: Row) -> None:
        whole: dict[str, float] = {"step": next(steps), "wall_time": time.time()}
        for tag, value in row.items():
            whole[tag] = value
        writer.writerow(whole)
        file.flush()

    return Writer(log, nothing, file.close)


def floor_of_dictionaries(directory: Path, tags: Sequence[str]) -> Writer:
    """The same, for a caller who has each row in a dictionary already."""
    file, writer = open_table(directory, tags)
    steps = count()

    def log(row: Row) -> None:
        writer.writerow({"step": next(steps), "wall_time": time.time(), **row})
        file.flush()

    return Writer(log, nothing, file.close)


def open_table(directory: Path, tags: Sequence[str]) -> tuple[TextIO, csv.DictWriter[str]]:
    """A CSV file with its header."""
    directory.mkdir()
    file = (directory / "progress.csv").open("w", newline="", encoding="utf-8")
    writer = csv.DictWriter(file, ["step", "wall_time", *tags])
    writer.writeheader()
    return file, writer


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

    def log(row: Row) -> None:
        events.log(row)
        writer.add_text("text", "Dumping scalar data for progress.csv")
        table.log(row)

    return Writer(log, events.settle, lambda: (events.close(), table.close()))


def wandb(directory: Path, tags: Sequence[str]) -> Writer:
    """Weights & Biases, offline."""
    import wandb

    directory.mkdir()
    settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
    run = wandb.init(mode="offline", dir=str(directory), project="bench", settings=settings)
    return Writer(run.log, nothing, run.finish)


def summary_writer(writer: Any) -> Writer:
    """A writer of PyTorch's shape."""
    steps = count()

    def log(row: Row) -> None:
        step = next(steps)
        for tag, value in row.items():
            writer.add_scalar(tag, value, step)

    return Writer(log, writer.flush, writer.close)


def nothing() -> None:
    """Wait for nothing."""


PEERS: Mapping[str, tuple[str, Callable[[Path, Sequence[str]], Writer]]] = {
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
