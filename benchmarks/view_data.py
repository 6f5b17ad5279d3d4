"""The data sets that the viewer is measured on: sweeps of plain Hydra runs with progress.csv.

python benchmarks/view_data.py A DIRECTORY      writes one of them
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from exptools.logging.writers.tensorboard import as_record

SEEDS = 5  # of each setting
SECTION_KEYS = {"model": 12, "optim": 10, "env": 10, "data": 9, "trainer": 8}  # and the seed: 50
VALUES = {"optim.lr": 20, "model.width": 10, "env.size": 10}  # how many; with the seed, 4 vary


@dataclass(frozen=True)
class Shape:
    """How large a data set is."""

    runs: int
    rows: int
    metrics: int


SHAPES = {
    "A": Shape(100, 1_000, 10),
    "B": Shape(1_000, 1_000, 10),
    "C": Shape(10, 1_000_000, 3),
    "D": Shape(10_000, 100, 5),
    "E": Shape(20, 1_000, 5),  # event files without configs, an event a scalar
}


def write(shape: Shape, directory: Path) -> None:
    """Write a sweep; its files look as if they had been finished an hour ago."""
    random = np.random.default_rng(0)
    directory.mkdir(parents=True)
    for job in range(shape.runs):
        run = directory / str(job)
        if shape is SHAPES["E"]:
            run.mkdir()
            write_events(run / "events.out.tfevents.1700000000.host.1", shape, random)
        else:
            write_configs(run / ".hydra", job)
            write_progress(run / "progress.csv", shape, random)
    an_hour_ago = time.time() - 3600
    for path in directory.glob("**/*"):
        os.utime(path, (an_hour_ago, an_hour_ago))


def write_configs(directory: Path, job: int) -> None:
    """Write a job's config as Hydra does, and as JSON for the peer that reads that."""
    directory.mkdir(parents=True)
    text = config(job)
    (directory / "config.yaml").write_text(text)
    (directory / "params.json").write_text(json.dumps(yaml.load(text, yaml.CSafeLoader)))


def config(job: int) -> str:
    """The config of a job: 50 keys, of which three and the seed vary."""
    setting, seed = divmod(job, SEEDS)
    varying = {}
    for key, number in VALUES.items():
        setting, value = divmod(setting, number)
        varying[key] = 1e-4 * (value + 1) if key == "optim.lr" else 16 * (value + 1)
    lines = []
    for section, number in SECTION_KEYS.items():
        mine = {k.partition(".")[2]: v for k, v in varying.items() if k.startswith(section)}
        fixed = {f"option_{n}": (n, f"text_{n}", n / 8, "true")[n % 4] for n in range(number)}
        keys = list((mine | fixed).items())[:number]
        lines += [f"{section}:", *(f"  {key}: {value}" for key, value in keys)]
    return "\n".join([*lines, f"seed: {seed}"]) + "\n"


def metric_names(shape: Shape) -> list[str]:
    """The metrics' names."""
    return [f"group{n % 3}/metric{n}" for n in range(shape.metrics)]


def write_progress(path: Path, shape: Shape, random: np.random.Generator) -> None:
    """Write a run's rows: random walks, as noisy as losses are."""
    walks = random.normal(size=(shape.metrics, shape.rows)).cumsum(axis=1) / 30
    steps = np.arange(shape.rows)
    columns = {"step": steps, "wall_time": np.round(1.7e9 + steps * 0.7310001, 6)}
    columns |= dict(zip(metric_names(shape), np.round(walks, 8), strict=True))
    pl.DataFrame(columns).write_csv(path)


def write_events(path: Path, shape: Shape, random: np.random.Generator) -> None:
    """Write a run's rows as torch's SummaryWriter would."""
    values = random.normal(size=(shape.rows, shape.metrics))
    with path.open("wb") as file:
        file.write(as_record(Event(file_version="brain.Event:2").SerializeToString()))
        for step, name in itertools.product(range(shape.rows), metric_names(shape)):
            number = values[step, metric_names(shape).index(name)]
            value = Summary.Value(tag=name, simple_value=number)
            event = Event(wall_time=1.7e9 + step, step=step, summary=Summary(value=[value]))
            file.write(as_record(event.SerializeToString()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=SHAPES)
    parser.add_argument("directory", type=Path)
    given = parser.parse_args()
    write(SHAPES[given.data], given.directory)
