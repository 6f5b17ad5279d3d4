"""Run directories as exptools writes them, made by hand, and Plotly's figures read back."""

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from exptools.logging.writers.tensorboard import as_record
from exptools.run_values import RunValues, write_values
from exptools.rundir import (
    HYDRA_CONFIG,
    PROGRESS_CSV,
    SUMMARY_FILE,
    SWEEP_FILE,
    State,
    Status,
    write_atomic,
    write_status,
)
from exptools.viewing.configs.parsing import YamlParser
from exptools.viewing.index import Index
from exptools.viewing.run import Run

LEARNING_RATES = (0.001, 0.01, 0.1)
SEEDS = (0, 1, 2)


def csv_text(columns: Mapping[str, Sequence[Any]], first_step: int = 0) -> str:
    """progress.csv of some tags, a row a step; None is an empty cell."""
    rows = [["step", "wall_time", *columns]]
    for row, values in enumerate(zip(*columns.values(), strict=True)):
        cells = ["" if value is None else repr(value) for value in values]
        rows.append([str(first_step + row), repr(1.7e9 + row), *cells])
    return "".join(",".join(cells) + "\n" for cells in rows)


def write_run(
    directory: Path,
    config: Mapping[str, Any] | str,
    progress: Mapping[str, Sequence[Any]] | str | None = None,
    state: State | None = State.COMPLETED,
    **status: Any,
) -> Path:
    """A run on disk; config and progress as values, or as the files' very text."""
    text = config if isinstance(config, str) else yaml.safe_dump(dict(config), sort_keys=False)
    write_atomic(directory / HYDRA_CONFIG, text.encode())
    if progress is not None:
        text = progress if isinstance(progress, str) else csv_text(progress)
        write_atomic(directory / PROGRESS_CSV, text.encode())
    if state is not None:
        write_status(directory, Status(state=state, **status))
    return directory


def write_sweep(root: Path, steps: int = 30) -> Path:
    """Three learning rates with three seeds each, whose curves are known: see ``curve``."""
    jobs = [(lr, seed) for lr in LEARNING_RATES for seed in SEEDS]
    for job, (lr, seed) in enumerate(jobs):
        config = {"optim": {"lr": lr, "name": "adam"}, "seed": seed, "epochs": steps}
        overrides = (f"optim.lr={lr}", f"seed={seed}")
        progress = {
            "train/loss": [2 / (1 + step * lr * 10) + 0.02 * seed for step in range(steps)],
            "test/accuracy": [curve(lr, seed, step) for step in range(steps)],
        }
        write_run(root / str(job), config, progress, job=job, overrides=overrides)
    write_atomic(root / SWEEP_FILE, b"{}\n")
    return root


def curve(lr: float, seed: int, step: int) -> float:
    """test/accuracy of ``write_sweep``; the seeds lie 0.03 apart, so their deviation is 0.03."""
    wobble = 0.012 * math.sin(step / 2 + seed)
    best = {0.001: 0.55, 0.01: 0.9, 0.1: 0.7}[lr]
    return best * (1 - math.exp(-step / 8)) + 0.03 * (seed - 1) + wobble


def write_events(
    directory: Path,
    columns: Mapping[str, Sequence[float]],
    first_step: int = 0,
    *,
    stamp: int = 1_700_000_000,
    name: str = "events.out.tfevents.{stamp}.host.1.0",
) -> Path:
    """An event file of some tags, a value a step, begun at ``stamp``."""
    events = [Event(wall_time=stamp, file_version="brain.Event:2")]
    for tag, values in columns.items():
        for step, value in enumerate(values, first_step):
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            events.append(Event(wall_time=stamp + step, step=step, summary=summary))
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / name.format(stamp=stamp)
    file.write_bytes(b"".join(as_record(event.SerializeToString()) for event in events))
    return file


def write_summary(run: Path, **values: Any) -> None:
    """What is said of a run as a whole."""
    write_values(run / SUMMARY_FILE, RunValues(values))


def indexed(*roots: Path) -> Index:
    """An index that has looked."""
    index = Index(roots)
    index.refresh()
    return index


def only_run(*roots: Path) -> Run:
    """The one run that is below the roots."""
    (run,) = indexed(*roots).snapshot.runs
    return run


def parse_config(text: str) -> Mapping[str, Any]:
    """The config that a YAML text holds."""
    parser = YamlParser()
    return parser.parse(parser.cut(text))


def run_with(name: str = "0", **config: Any) -> Run:
    """A run that is nowhere on disk; ``__`` in a key stands for a dot."""
    dotted = {key.replace("__", "."): value for key, value in config.items()}
    return Run(Path("/nowhere") / name, name, None, dotted, None, None)


def numbers(packed: dict[str, str]) -> list[Any]:
    """What a figure's base64 stands for."""
    values = np.frombuffer(base64.b64decode(packed["bdata"]), f"<{packed['dtype']}")
    shape = [int(size) for size in packed.get("shape", "-1").split(",")]
    return values.astype(float).reshape(shape).tolist()


def traces(figure: dict[str, Any], kind: str, **having: Any) -> list[dict[str, Any]]:
    """The traces of a type whose parts are these."""
    return [
        trace
        for trace in figure["data"]
        if trace["type"] == kind and all(trace.get(name) == part for name, part in having.items())
    ]


def write_dying_sweep(root: Path) -> Path:
    """Eight seeds to average: five failed and one was killed at step 9, two came to step 19."""
    ends = [State.COMPLETED] * 2 + [State.FAILED] * 5 + [State.KILLED]
    for seed, state in enumerate(ends):
        steps = 20 if state is State.COMPLETED else 10
        values = [step / 10 + seed / 100 for step in range(steps)]
        write_run(root / str(seed), {"lr": 0.1, "seed": seed}, {"accuracy": values}, state)
    write_atomic(root / SWEEP_FILE, b"{}\n")
    return root
