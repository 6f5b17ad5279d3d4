"""A training that logs and comes to a bad end: what ``log.py`` counts the rows and files of.

python benchmarks/log_kills.py DIRECTORY END    END is a step, and raise or exit; or 0 and wait
"""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ENDS = ("SIGKILL", "SIGTERM", "exception", "os._exit")
LONGEST = 0.15  # seconds of logging before the end


@dataclass
class Losses:
    """What some runs lost."""

    rows: int = 0  # that were dumped
    csv: int = 0  # of them, not in progress.csv
    events: int = 0  # of them, not in the event file
    torn: int = 0  # files that do not end with a whole record


def lose(end: str, runs: int, directory: Path) -> Losses:
    """Bring some runs to their end at random times, and count."""
    losses = Losses()
    for number in range(runs):
        run = directory / f"{end} {number}"
        dumped = train_until(end, run)
        lines = (run / "progress.csv").read_bytes()
        rows = len(list(csv.reader(lines.decode().splitlines()))) - 1
        (events,) = run.glob("events.*")
        records, whole = records_of(events.read_bytes())
        losses.rows += dumped
        losses.csv += max(0, dumped - rows)
        losses.events += max(0, dumped - (records - 1))  # the first one is the version
        losses.torn += (not lines.endswith(b"\n")) + (not whole)
    return losses


def train_until(end: str, run: Path) -> int:
    """Start a training, end it, and say how many of its dumps had returned."""
    by_signal = end.startswith("SIG")
    after = random.uniform(0, LONGEST)
    arguments = [str(run), "never" if by_signal else end, str(after)]
    with subprocess.Popen(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as training:
        assert training.stdout is not None
        first = training.stdout.readline()
        if by_signal:
            time.sleep(after)
            training.send_signal(getattr(signal, end))
        return (first + training.stdout.read()).count(b"\n")


def records_of(content: bytes) -> tuple[int, bool]:
    """How many whole records an event file holds, and whether that is all of it."""
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    at = records = 0
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 8], "little")
        data, crc = content[at + 12 : at + 12 + length], content[at + 12 + length :][:4]
        if len(crc) < 4 or masked_crc32c(data) != int.from_bytes(crc, "little"):
            break
        at += length + 16
        records += 1
    return records, at == len(content)


def train(directory: str, end: str, after: str) -> None:
    """Log row after row, with a new tag now and then, and say on standard output what is dumped."""
    from exptools import logger

    logger.open(directory, console=None)
    stop = time.monotonic() + float(after)
    for step in range(1_000_000):
        logger.log_scalars({"a": step, f"late/{step // 100}": 0.5})
        logger.dump()
        os.write(1, b"\n")
        if end != "never" and time.monotonic() > stop:
            logger.log_scalar("a", -1)
            if end == "os._exit":
                os._exit(1)
            raise RuntimeError(end)


if __name__ == "__main__":
    train(*sys.argv[1:])
