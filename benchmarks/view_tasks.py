"""The tasks that ``view.py`` measures: ours, the floors, and a peer. Each runs in its own process.

python benchmarks/view_tasks.py TASK DIRECTORY   prints what the task measured

Imports are not counted: a task is timed from when everything that it needs is loaded.
"""

from __future__ import annotations

import csv
import gc
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import yaml
from view_data import SHAPES, metric_names

from exptools.rundir import STEP
from exptools.viewing import load
from exptools.viewing.groups.variation import varying
from exptools.viewing.index import Index

METRIC = "group1/metric1"


class Took(NamedTuple):
    """What a task took; where memory is asked for, ``wall`` and ``cpu`` are both that."""

    wall: float  # seconds
    cpu: float  # seconds, of all threads


class Watch:
    """Tells what passed since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> Took:
        """The time so far."""
        return Took(time.perf_counter() - self._wall, time.process_time() - self._cpu)


TASKS: dict[str, Callable[[Path], Took]] = {}


def task(function: Callable[[Path], Took]) -> Callable[[Path], Took]:
    """Make a function a task that can be named on the command line."""
    TASKS[function.__name__] = function
    return function


def timed(function: Callable[[Path], Any]) -> Callable[[Path], Took]:
    """Make a function a task that says how long it took."""

    def measure(data: Path) -> Took:
        warm_up()
        watch = Watch()
        function(data)
        return watch.read()

    TASKS[function.__name__] = measure
    return measure


def warm_up() -> None:
    """Start polars' threads, load TensorBoard's messages, and collect the garbage of imports."""
    import tensorboard.compat.proto.event_pb2  # noqa: F401

    pl.read_csv(b"a,b\n1,2\n" * 1000)
    gc.collect()


@timed
def index(data: Path) -> None:
    """Find the runs and say what differs."""
    found = Index([data])
    found.refresh()
    assert "optim.lr" in varying(found.snapshot.runs)


@task
def second_load(data: Path) -> Took:
    """Load the runs once more, as when a notebook's cell is run again."""
    warm_up()
    first = load(data)
    watch = Watch()
    second = load(data)
    took = watch.read()
    assert len(first) == len(second) == SHAPES[data.name].runs
    return took


@task
def imports(data: Path) -> Took:
    """Import what ``load`` needs, in a new process; the data are of no account."""
    code = (
        "import time; wall = time.perf_counter(); import exptools.viewing as xv; xv.load; "
        "print(time.perf_counter() - wall, time.process_time())"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return Took(*map(float, done.stdout.split()))


@timed
def all_metrics(data: Path) -> None:
    """Find the runs, and read everything."""
    found = Index([data], cache=False)
    found.refresh()
    runs = found.snapshot.runs
    columns = found.columns(runs, [STEP, *metric_names(SHAPES[data.name])])
    assert len(columns) == SHAPES[data.name].runs


@timed
def metric(data: Path) -> None:
    """Find the runs, and give one metric of all."""
    found = Index([data])
    found.refresh()
    series = found.series(found.snapshot.runs, METRIC)
    assert all(len(y) == SHAPES[data.name].rows for _, y in series.values())


@task
def columns(data: Path) -> Took:
    """Read one metric of runs that have been found."""
    warm_up()
    found = Index([data], cache=False)
    found.refresh()
    watch = Watch()
    found.series(found.snapshot.runs, METRIC)
    return watch.read()


@task
def one_changed(data: Path) -> Took:
    """Look again after one run has logged a row, say what differs, give one metric of all."""
    warm_up()
    found = Index([data], cache=False)
    found.refresh()
    before = found.series(found.snapshot.runs, METRIC)
    path = data / "7" / "progress.csv"
    content = path.read_bytes()
    try:
        with path.open("ab") as file:
            file.write(content.splitlines(keepends=True)[-1])
        watch = Watch()
        assert found.refresh()
        varying(found.snapshot.runs)
        after = found.series(found.snapshot.runs, METRIC)
        took = watch.read()
    finally:
        about = path.stat()
        path.write_bytes(content)
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns - 3600 * 10**9))
    assert len(after["7"][0]) == len(before["7"][0]) + 1
    return took


def memory(data: Path, names: list[str]) -> Took:
    """What the process has grown by, over the size of the columns that it was asked for.

    At the end of it, and after a first reading of other data: what libraries allocate once for
    themselves is not counted.
    """
    for directory in (data / "0", data):
        found = Index([directory], cache=False)
        found.refresh()
        before = anonymous()
        columns = found.columns(found.snapshot.runs, names)
    asked = sum(array.nbytes for of_run in columns.values() for array in of_run.values())
    ratio = (anonymous() - before) / asked
    return Took(ratio, ratio)


def anonymous() -> int:
    """The process's own memory in bytes, files that are mapped into it left out."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


@task
def memory_all(data: Path) -> Took:
    """Memory for all metrics."""
    return memory(data, [STEP, *metric_names(SHAPES[data.name])])


@task
def memory_one(data: Path) -> Took:
    """Memory for one metric."""
    return memory(data, [STEP, METRIC])


def walk(data: Path) -> list[str]:
    """The run directories, with what a cache would have to look at."""
    runs, waiting = [], [str(data)]
    while waiting:
        directory = waiting.pop()
        with os.scandir(directory) as entries:
            inside = list(entries)
        if any(entry.name == ".hydra" for entry in inside):
            os.stat(f"{directory}/.hydra/config.yaml")
            os.stat(f"{directory}/progress.csv")
            runs.append(directory)
        else:
            waiting += [entry.path for entry in inside if entry.is_dir(follow_symlinks=False)]
    return runs


def floor_configs(runs: list[str]) -> list[str]:
    """Parse each different section once, and compare the texts of the values."""
    memo: dict[str, dict[str, Any]] = {}
    configs = []
    for run in runs:
        with open(f"{run}/.hydra/config.yaml") as file:
            text = file.read()
        config: dict[str, Any] = {}
        for section in re.split(r"\n(?=\S)", text):
            if section not in memo:
                memo[section] = flat(yaml.load(section, yaml.CSafeLoader) or {})
            config.update(memo[section])
        configs.append(config)
    keys = dict.fromkeys(key for config in configs for key in config)
    return [key for key in keys if len({repr(config.get(key)) for config in configs}) > 1]


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """The leaves of a config of two levels."""
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            leaves |= {f"{key}.{inner}": leaf for inner, leaf in value.items()}
        else:
            leaves[key] = value
    return leaves


@timed
def floor_index(data: Path) -> None:
    """The least for ``index``."""
    assert "optim.lr" in floor_configs(walk(data))


@timed
def floor_all_metrics(data: Path) -> None:
    """The least for ``all_metrics``: all files as one text."""
    runs = walk(data)
    floor_configs(runs)
    bodies = []
    for run in runs:
        with open(f"{run}/progress.csv", "rb", buffering=0) as file:
            head, _, body = file.read().partition(b"\n")
        bodies.append(body)
    schema = dict.fromkeys(head.decode().split(","), pl.Float64)
    pl.read_csv(b"".join(bodies), has_header=False, schema=schema)


@task
def floor_metric_warm(data: Path) -> Took:
    """The least for ``metric`` when it was read before: look at the files, load two columns."""
    names, rows = [STEP, METRIC], SHAPES[data.name].runs * SHAPES[data.name].rows
    stored = Path(os.environ["XDG_CACHE_HOME"] + "-floor.ipc")
    pl.DataFrame({name: np.random.default_rng(0).normal(size=rows) for name in names}).write_ipc(
        stored, compression="uncompressed"
    )
    watch = Watch()
    runs = walk(data)
    frame = pl.read_ipc(stored)
    x, y = (frame[name].to_numpy().reshape(len(runs), -1) for name in names)
    dict(zip(runs, zip(x, y, strict=True), strict=True))
    took = watch.read()
    stored.unlink()
    return took


@timed
def floor_columns(data: Path) -> None:
    """The least for ``columns``: two columns of each file, all there in the end."""
    files = [data / str(run) / "progress.csv" for run in range(SHAPES[data.name].runs)]
    frames = [pl.read_csv(file, columns=[STEP, METRIC]) for file in files]
    assert len(frames) == len(files)


@timed
def viskit(data: Path) -> None:
    """As viskit loads runs: a config and a csv.DictReader each, every cell through float()."""
    for directory in walk(data):
        with open(f"{directory}/.hydra/params.json") as file:
            json.load(file)
        columns: dict[str, list[float]] = {}
        with open(f"{directory}/progress.csv", newline="") as file:
            for row in csv.DictReader(file):
                for name, cell in row.items():
                    try:
                        columns.setdefault(name, []).append(float(cell))
                    except ValueError:
                        columns[name].append(0.0)
        {name: np.array(values) for name, values in columns.items()}


@timed
def events(data: Path) -> None:
    """Read the scalars of event files."""
    found = Index([data], cache=False)
    found.refresh()
    runs = found.snapshot.runs
    columns = found.columns(runs, [STEP, *metric_names(SHAPES[data.name])])
    assert all(len(of_run[METRIC]) == SHAPES[data.name].rows for of_run in columns.values())


@timed
def accumulator(data: Path) -> None:
    """Read them with TensorBoard's own."""
    from tensorboard.backend.event_processing import event_accumulator

    for directory in data.iterdir():
        found = event_accumulator.EventAccumulator(
            str(directory), size_guidance={event_accumulator.SCALARS: 0}
        )
        found.Reload()
        assert len(found.Scalars(METRIC)) == SHAPES[data.name].rows


if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](Path(sys.argv[2]))))
