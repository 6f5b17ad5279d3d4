"""Jobs that have not begun: their configs as Hydra will compose them, as far as that is known."""

import os
from dataclasses import replace

import pytest
import yaml

import exptools.viewing as xv
from exptools.rundir import (
    HYDRA_SETTINGS,
    SWEEP_FILE,
    State,
    Status,
    process_start,
    write_atomic,
    write_status,
)
from tests.viewing.samples import write_run

PRIMARY = {
    "model": {"hidden": [64]},
    "lr": 0.001,
    "seed": 0,
    "random_state": "${seed}",
    "tag": "${lr}/${seed}",
    "epochs": 3,
}
CHOICES = {"runtime": {"choices": {"model": "small", "hydra/launcher": "exptools"}}}
QUEUED = Status(State.QUEUED, pid=os.getpid(), pid_start=process_start(os.getpid()))


@pytest.fixture
def sweep(tmp_path):
    """A directory in which Hydra has begun a sweep."""
    text = yaml.safe_dump({"hydra": CHOICES, **PRIMARY}, sort_keys=False)
    write_atomic(tmp_path / SWEEP_FILE, text.encode())
    return tmp_path


def queue(sweep, job, *overrides):
    directory = sweep / str(job)
    directory.mkdir(parents=True)
    write_status(directory, replace(QUEUED, job=job, overrides=overrides))


def begin(sweep, job, config, *overrides):
    running = {"state": State.RUNNING, "job": job, "overrides": overrides}
    write_run(sweep / str(job), config, {"test/loss": [1.0]}, pid=os.getpid(), **running)
    model = "large" if "model=large" in overrides else "small"
    choices = {"hydra": {"runtime": {"choices": {"model": model}}}}
    write_atomic(sweep / str(job) / HYDRA_SETTINGS, yaml.safe_dump(choices).encode())


def test_a_queued_job_has_the_config_of_its_sweep_with_what_it_overrides(sweep):
    queue(sweep, 0, "lr=0.1", "seed=7", "+new.key=[1,2]", "~epochs")
    (run,) = xv.load(sweep)
    assert run.state is State.QUEUED
    assert run.config == {
        "model": "small",
        "model.hidden": (64,),
        "lr": 0.1,
        "seed": 7,
        "random_state": 7,
        "tag": "0.1/7",
        "new.key": (1, 2),
    }
    assert run.derived == {"random_state", "tag"}


def test_only_what_jobs_override_varies_while_some_are_queued(sweep):
    begin(sweep, 0, {**PRIMARY, "lr": 0.1}, "lr=0.1")
    for job, lr in enumerate((0.01, 0.001), start=1):
        queue(sweep, job, f"lr={lr}")
    runs = xv.load(sweep)
    assert [run.config["lr"] for run in runs] == [0.1, 0.01, 0.001]
    assert set(runs.varying) == {"lr", "tag"}
    assert [len(group.runs) for group in runs.curves("loss", by="lr")] == [1]


def test_what_another_choice_of_a_group_holds_is_known_from_a_sibling_only(sweep):
    queue(sweep, 1, "model=large", "lr=0.1", "seed=1")
    (run,) = xv.load(sweep)
    assert run.config == {"model": "large", "lr": 0.1, "seed": 1}
    large = {**PRIMARY, "model": {"hidden": [256, 128]}, "random_state": 5, "tag": "0.1/5"}
    begin(sweep, 0, PRIMARY, "model=small", "lr=0.1", "seed=0")
    begin(sweep, 2, {**large, "seed": 5}, "model=large", "lr=0.1", "seed=5")
    run = xv.load(sweep)["1"]
    assert run.config["model.hidden"] == (256, 128)
    assert (run.config["model"], run.config["seed"], run.config["epochs"]) == ("large", 1, 3)


def test_a_word_is_the_value_of_a_key_where_the_sweep_has_no_groups(tmp_path):
    settings = {"hydra": {"runtime": {"choices": {"hydra/launcher": "exptools"}}}}
    text = yaml.safe_dump({**settings, "model": "mlp", "lr": 0.1}, sort_keys=False)
    write_atomic(tmp_path / SWEEP_FILE, text.encode())
    for job, model in enumerate(("mlp", "linear")):
        queue(tmp_path, job, f"model={model}")
    runs = xv.load(tmp_path)
    assert [run.config for run in runs] == [{"model": m, "lr": 0.1} for m in ("mlp", "linear")]
    assert runs.varying == ("model",)


def test_what_is_not_known_of_a_queued_job_varies_not(sweep):
    begin(sweep, 0, PRIMARY, "model=small", "seed=0")
    queue(sweep, 1, "model=large", "seed=0")
    assert xv.load(sweep).varying == ("model",)


def test_without_the_file_of_the_sweep_its_overrides_are_known(tmp_path):
    queue(tmp_path, 3, "lr=0.1", "model=large")
    (run,) = xv.load(tmp_path)
    assert run.config == {"lr": 0.1, "model": "large"}


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "hydra: [", "a: &a {b: *a}", "\0", "lr: 1\nlr: 2\n"]
)
def test_a_broken_file_of_the_sweep_is_no_fault_of_its_jobs(tmp_path, text):
    queue(tmp_path, 0, "lr=0.1", "x=[1")
    (tmp_path / SWEEP_FILE).write_text(text)
    (run,) = xv.load(tmp_path)
    assert run.config["lr"] == 0.1
    assert run.faults == ()


def test_nothing_above_the_given_directory_is_taken_for_the_file_of_a_sweep(sweep):
    write_status(sweep / "given" / "0", replace(QUEUED, job=0, overrides=("lr=0.1",)))
    (run,) = xv.load(sweep / "given")
    assert run.config == {"lr": 0.1}


def test_names_of_runs_without_hydra_are_no_overrides(tmp_path):
    write_status(tmp_path / "0", replace(QUEUED, overrides=("first try", "b")))
    (run,) = xv.load(tmp_path)
    assert run.config == {}


def test_sections_come_and_stay_as_hydra_merges_them(tmp_path):
    config = {"hydra": CHOICES, "optim": {"lr": 1}, "name": None, "note": "x"}
    write_atomic(tmp_path / SWEEP_FILE, yaml.safe_dump(config, sort_keys=False).encode())
    queue(tmp_path, 0, "optim={}", "+name.first=1", "+name.last=2", "note={}")
    (run,) = xv.load(tmp_path)
    assert run.config == {
        "model": "small",
        "optim.lr": 1,
        "name.first": 1,
        "name.last": 2,
        "note": {},
    }
