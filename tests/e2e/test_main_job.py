"""The whole product at once: the demo is trained, logged, read back and looked at."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from exptools.rundir import State, read_status

ROOT = Path(__file__).parent.parent.parent
TAGS = ["train/loss", "test/loss", "test/accuracy"]


def train(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_sweep_of_the_main_job_can_be_read_back_and_seen(
    tmp_path: Path, open_viewer: Callable[[Path], Page]
) -> None:
    outputs = tmp_path / "outputs"
    sweep = ["-m", "lr=1e-3,1e-4", "seed=0,1", "epochs=5", "hydra/launcher=exptools"]
    train(*sweep, f"hydra.sweep.dir={outputs}/sweep")

    for number in range(4):
        run = outputs / "sweep" / str(number)
        status = read_status(run)
        assert status is not None
        assert status.state is State.COMPLETED
        rows = pd.read_csv(run / "progress.csv")
        assert list(rows.columns) == ["step", "wall_time", *TAGS]
        assert list(rows["step"]) == [0, 1, 2, 3, 4]
        events = EventAccumulator(str(run)).Reload()
        for tag in TAGS:
            logged = [event.value for event in events.Scalars(tag)]
            assert logged == list(rows[tag].astype("float32"))

    page = open_viewer(outputs)
    expect(page.locator("#caption")).to_contain_text("mean of 2 runs with the same lr")
    expect(page.locator("#curves .legendtext")).to_have_text(["0.001", "0.0001"])
    bands = [path.get_attribute("d") for path in page.locator("#curves .js-fill").all()]
    assert len([band for band in bands if band]) == 2
    expect(page.locator("#counts")).to_have_text("4 finished")


def test_a_single_run_of_the_main_job_logs_just_as_well(tmp_path: Path) -> None:
    train("epochs=3", f"hydra.run.dir={tmp_path}/run")
    assert len(pd.read_csv(tmp_path / "run" / "progress.csv")) == 3
    status = read_status(tmp_path / "run")
    assert status is not None
    assert status.state is State.COMPLETED
