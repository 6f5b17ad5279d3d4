"""The whole product at once: the demo is trained, logged, read back and looked at."""

import subprocess
import sys

import pandas as pd
from playwright.sync_api import expect
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from exptools.rundir import State, read_status
from tests.conftest import ROOT
from tests.e2e.pages import BANDS, LEGEND, drawn

TAGS = ["train/loss", "test/loss", "test/accuracy"]


def train(*arguments):
    command = [sys.executable, "train.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_sweep_of_the_main_job_can_be_read_back_and_seen(tmp_path, open_viewer):
    outputs = tmp_path / "outputs"
    sweep = ["-m", "lr=1e-3,1e-4", "seed=0,1", "epochs=5", "hydra/launcher=exptools"]
    train(*sweep, f"hydra.sweep.dir={outputs}/sweep")

    for number in range(4):
        run = outputs / "sweep" / str(number)
        assert read_status(run).state is State.COMPLETED
        rows = pd.read_csv(run / "progress.csv")
        assert list(rows.columns) == ["step", "wall_time", *TAGS]
        assert list(rows["step"]) == [0, 1, 2, 3, 4]
        events = EventAccumulator(str(run)).Reload()
        for tag in TAGS:
            logged = [event.value for event in events.Scalars(tag)]
            assert logged == list(rows[tag].astype("float32"))

    page = open_viewer(outputs)
    expect(page.locator("#caption")).to_contain_text("mean of 2 runs with the same lr")
    expect(page.locator(LEGEND)).to_have_text(["0.001", "0.0001"])
    assert len(drawn(page, BANDS)) == 2
    expect(page.locator("#counts")).to_have_text("4 finished")


def test_a_single_run_of_the_main_job_logs_just_as_well(tmp_path):
    train("epochs=3", f"hydra.run.dir={tmp_path}/run")
    assert len(pd.read_csv(tmp_path / "run" / "progress.csv")) == 3
    assert read_status(tmp_path / "run").state is State.COMPLETED
