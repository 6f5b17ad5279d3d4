"""Runs in MLflow's file store, written as MLflow writes them."""

import math
import os
import time
from pathlib import Path

import numpy as np
import pytest

from exptools.rundir import State
from exptools.viewing.metrics.trackers import mlflow as read_mlflow
from exptools.viewing.readers.trackers import mlflow
from exptools.viewing.readers.trackers.mlflow import PATIENCE
from tests.viewing.samples import indexed, only_run, write_run

RUN = "0123456789abcdef0123456789abcdef"
BEGUN = 1795741642000  # milliseconds since 1970


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return directory


def meta(status: int = 3, begun: int = BEGUN, stage: str = "active") -> str:
    ended = "null" if status == 1 else begun + 5000
    return (
        f"end_time: {ended}\nexperiment_id: '1'\nlifecycle_stage: {stage}\nrun_id: {RUN}\n"
        f"run_name: calm-kite-8\nstart_time: {begun}\nstatus: {status}\ntags: []\nuser_id: me\n"
    )


def write_store(root: Path, run: str = RUN, **files: str) -> Path:
    """A store with one run; in the names of its files "__" stands for "/"."""
    write(root, {"0/meta.yaml": "experiment_id: '0'\nlifecycle_stage: active\nname: Default\n"})
    write(root, {"1/meta.yaml": "experiment_id: '1'\nlifecycle_stage: active\nname: my nets\n"})
    named = {name.replace("__", "/"): text for name, text in files.items()}
    return write(root / "1" / run, {"meta.yaml": meta(), **named})


def test_a_run_has_its_params_its_experiment_its_name_and_its_state(tmp_path):
    params = {"lr": "1e-05", "net.width": "[64, 64]", "flag": "True", "none": "None", "opt": "adam"}
    tags = {"tags/mlflow.user": "me", "tags/mlflow.source.git.commit": "ab12", "tags/note": "7"}
    files = {f"params/{name}": text for name, text in params.items()}
    write(write_store(tmp_path / "mlruns"), {**files, "params/data/name": "x\ny", **tags})
    run = only_run(tmp_path)
    assert (run.name, run.format) == (f"mlruns/1/{RUN}", "mlflow")
    assert run.config == {
        "tags.note": 7,
        "experiment": "my nets",
        "data/name": "x\ny",
        "flag": True,
        "lr": 1e-5,
        "net.width": (64, 64),
        "none": None,
        "opt": "adam",
    }
    assert (run.summary, run.state) == ({"run_name": "calm-kite-8"}, State.COMPLETED)
    assert (run.status.started, run.status.ended) == (BEGUN / 1000, BEGUN / 1000 + 5)
    assert run.status.git == {"commit": "ab12"}
    assert run.faults == ()


def test_a_metric_is_a_file_its_directories_are_part_of_its_name(tmp_path):
    run = write_store(
        tmp_path,
        metrics__loss=f"{BEGUN} 0.5 0\n{BEGUN + 1500} nan 10\n{BEGUN + 3000} -inf 20\n",
        metrics__train__acc=f"{BEGUN} 0.25 10\n",
    )
    write(run, {"metrics/metrics/val acc": f"{BEGUN} 1 0\n"})
    index = indexed(tmp_path)
    (only,) = index.snapshot.runs
    assert index.tags([only]) == ["loss", "metrics/val acc", "train/acc"]
    columns = index.columns([only], ["step", "wall_time", "loss", "train/acc"])[only.name]
    steps, losses = columns.series("loss")
    assert steps.tolist() == [0, 10, 20]
    np.testing.assert_equal(losses, [0.5, math.nan, -math.inf])
    assert columns.series("loss", x="wall_time")[0].tolist() == [
        *(BEGUN / 1000, BEGUN / 1000 + 1.5, BEGUN / 1000 + 3),
    ]
    assert [part.tolist() for part in columns.series("train/acc")] == [[10], [0.25]]


def test_a_step_logged_twice_makes_two_rows_and_before_steps_there_was_one(tmp_path):
    write_store(
        tmp_path, metrics__twice=f"{BEGUN} 1 5\n{BEGUN} 2 5\n", metrics__old="1556000000 3.5\n"
    )
    index = indexed(tmp_path)
    (run,) = index.snapshot.runs
    columns = index.columns([run], ["step", "wall_time", "twice", "old"])[run.name]
    assert [part.tolist() for part in columns.series("twice")] == [[5, 5], [1, 2]]
    assert [part.tolist() for part in columns.series("old", x="wall_time")] == [[1556000000], [3.5]]


def test_a_metric_that_is_logged_for_the_first_time_is_seen(tmp_path):
    run = write_store(tmp_path, metrics__loss=f"{BEGUN} 0.5 0\n")
    index = indexed(tmp_path)
    assert index.tags(index.snapshot.runs) == ["loss"]
    write(run, {"metrics/acc": f"{BEGUN} 1 0\n"})
    assert index.refresh()
    assert index.tags(index.snapshot.runs) == ["acc", "loss"]


def test_what_is_no_value_is_a_fault_with_its_line(tmp_path):
    write_store(tmp_path, metrics__loss=f"{BEGUN} 0.5 0\nwhat\n{BEGUN} 0.25 x\n{BEGUN} 1 2\n179")
    index = indexed(tmp_path)
    (run,) = index.snapshot.runs
    assert index.columns([run], ["loss"])[run.name]["loss"].tolist() == [0.5, 1]
    faults = index.faults(run)
    assert [fault.line for fault in faults] == [2, 3, 5]
    assert "a time, a value and a step" in faults[0].reason


def test_of_more_lines_than_anybody_logs_the_first_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(read_mlflow, "MOST_LINES", 3)
    lines = f"{BEGUN} 0.5 0\n{BEGUN} 1 1\n"
    write_store(tmp_path, metrics__a=lines, metrics__b=lines, metrics__c=lines)
    index = indexed(tmp_path)
    (run,) = index.snapshot.runs
    columns = index.columns([run], ["a", "b"])[run.name]
    assert np.nansum(columns["a"]) + np.nansum(columns["b"]) == 1.5 + 0.5
    assert [fault.line for fault in index.faults(run)] == [2, 1]
    assert "more than 3 lines are not read" in index.faults(run)[0].reason


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("m-0123456789abcdef0123456789abcdef", {"meta.yaml": "model_id: m-1\nstatus: 2\n"}),
        (RUN, {"meta.yaml": meta(stage="deleted")}),
        ("models", {"net/meta.yaml": "name: net\n", "net/version-1/meta.yaml": "version: 1\n"}),
    ],
    ids=["a logged model", "a deleted run", "a registered model"],
)
def test_what_mlflow_shows_not_as_a_run_is_none(tmp_path, name, files):
    parts = {f"{part}/x": f"{BEGUN} 1 0\n" for part in ("artifacts", "metrics", "params", "tags")}
    write(tmp_path / name, {**files, **parts})
    assert indexed(tmp_path).snapshot.runs == ()


def test_a_run_that_has_been_copied_elsewhere_is_one(tmp_path):
    parts = {f"{part}/x": f"{BEGUN} 1 0\n" for part in ("artifacts", "metrics", "params", "tags")}
    write(tmp_path / "best", {"meta.yaml": meta(), **parts})
    assert only_run(tmp_path).name == "best"


def test_a_running_run_that_was_long_silent_was_killed_and_one_that_logs_is_running(tmp_path):
    now = time.time()
    long_ago = int((now - PATIENCE - 60) * 1000)
    silent, logs = write_store(tmp_path), write_store(tmp_path, run="f" * 32)
    for run, last in ((silent, long_ago), (logs, int(now * 1000))):
        write(run, {"meta.yaml": meta(1, long_ago - 5000), "metrics/loss": f"{last} 0.5 0\n"})
    states = {run.name: run.state for run in indexed(tmp_path).snapshot.runs}
    assert states == {f"1/{RUN}": State.KILLED, f"1/{'f' * 32}": State.RUNNING}


def test_a_run_is_alive_again_when_it_logs_again(tmp_path):
    long_ago = int((time.time() - PATIENCE - 60) * 1000)
    run = write_store(tmp_path)
    write(run, {"meta.yaml": meta(1, long_ago), "metrics/loss": f"{long_ago} 0.5 0\n"})
    index = indexed(tmp_path)
    assert index.snapshot.runs[0].state is State.KILLED
    with open(run / "metrics/loss", "a") as file:
        file.write(f"{int(time.time() * 1000)} 0.25 1\n")
    index.refresh()
    assert index.snapshot.runs[0].state is State.RUNNING


@pytest.mark.parametrize(
    ("text", "reason"),
    [("status: 9\n", "status should be"), ("a: [1\nb: 2\n", "YAML"), ("- 1\n", "mapping")],
)
def test_a_broken_meta_is_a_fault_of_a_run_that_is_there(tmp_path, text, reason):
    write(write_store(tmp_path), {"meta.yaml": text, "params/lr": "1"})
    run = only_run(tmp_path)
    assert (run.config["lr"], run.state) == (1, None)
    assert reason in run.faults[0].reason
    assert run.faults[0].file.name == "meta.yaml"


def test_a_param_that_cannot_be_read_is_a_fault_and_the_others_are_read(tmp_path):
    run = write(write_store(tmp_path), {"params/long": "x" * 20_000, "params/lr": "1"})
    (only,) = indexed(tmp_path).snapshot.runs
    assert only.config["lr"] == 1
    (fault,) = only.faults
    assert fault.file == run / "params/long"


def test_a_value_is_what_python_would_print_so_and_nothing_is_called(tmp_path):
    texts = {
        **{"call": "__import__('os').getcwd()", "deep": "[" * 400, "date": "2024-01-01"},
        **{"zeros": "007", "quoted": "'x'", "dict": "{'a': {'b': 1}}", "inf": "inf"},
        **{"short": "1e-3", "big": "9" * 5000, "sum": "1 + 2", "set": "{1, 2}", "name": "1or2"},
    }
    write(write_store(tmp_path), {f"params/{name}": text for name, text in texts.items()})
    config = dict(only_run(tmp_path).config)
    del config["experiment"]
    kept = {name: texts[name] for name in ("call", "deep", "date", "zeros", "quoted")}
    kept |= {name: texts[name] for name in ("big", "sum", "set", "name")}
    assert config == {**kept, "dict.a.b": 1, "inf": math.inf, "short": 0.001}


def test_a_tag_that_is_set_again_is_what_it_is_now(tmp_path):
    run = write(write_store(tmp_path), {"tags/note": "before"})
    before = time.time() - 60
    os.utime(run / "tags", (before, before))
    assert only_run(tmp_path).config["tags.note"] == "before"
    (run / "tags/note").write_text("after")
    assert only_run(tmp_path).config["tags.note"] == "after"


def test_the_run_below_a_hydra_run_is_its_writer(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1}, {"loss": [5, 6]}, state=None)
    store = write_store(
        run / "mlruns", metrics__loss=f"{BEGUN} 1 0\n", metrics__acc=f"{BEGUN} 2 7\n"
    )
    write(store, {"params/lr": "3", "params/seed": "4"})
    index = indexed(tmp_path)
    (only,) = index.snapshot.runs
    assert (only.name, only.config["lr"], only.config["seed"]) == ("0", 1, 4)
    assert only.state is State.COMPLETED
    columns = index.columns([only], ["step", "loss", "acc"])[only.name]
    assert [part.tolist() for part in columns.series("loss")] == [[0, 1], [5, 6]]
    assert [part.tolist() for part in columns.series("acc")] == [[7], [2]]


@pytest.mark.parametrize("part", ["params", "params/deep"])
def test_a_link_put_in_the_place_of_params_while_they_are_read_leads_to_nobodys_keys(
    tmp_path, monkeypatch, part
):
    """As somebody does who waits for just that moment."""
    (tmp_path / "private" / "deep").mkdir(parents=True)
    for place in ("id_rsa", "deep/id_rsa"):
        (tmp_path / "private" / place).write_text("PRIVATE KEY")
    run = write_store(tmp_path / "mlruns", params__id_rsa="x", params__deep__id_rsa="y")
    listed = mlflow._names

    def and_then_swap(directory):
        names = [*listed(directory)]
        if directory.endswith("params"):
            (run / part).rename(tmp_path / "away")
            (run / part).symlink_to(tmp_path / "private" / part.partition("/")[2])
        return iter(names)

    monkeypatch.setattr(mlflow, "_names", and_then_swap)
    found = only_run(tmp_path / "mlruns")
    assert "PRIVATE KEY" not in repr(found.config)
    assert "cannot be read" in "".join(map(str, found.faults))


def test_a_text_with_control_characters_is_no_value_of_pythons(tmp_path, recwarn):
    text = "['\\\x1b[31m']"  # new versions of Python warn of it, as it is, on the terminal
    write(write_store(tmp_path), {"params/odd": text})
    assert only_run(tmp_path).config["odd"] == text
    assert not recwarn.list
