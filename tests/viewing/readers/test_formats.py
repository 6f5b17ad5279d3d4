"""Run directories of other libraries, written as these write them."""

import json
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from exptools.rundir import State, Status, write_status
from exptools.viewing.index import Index
from tests.viewing.samples import indexed, write_run

NAN = float("nan")

RLPYT = "Diagnostics/Iteration,Diagnostics/CumSteps,ReturnAverage\r\n0,100,nan\r\n1,200,3.5\r\n"
SB3 = "rollout/ep_rew_mean,time/total_timesteps,train/loss\n9.5,2048,\n11.0,4096,0.25\n"
SPINNING_UP = (
    "Epoch\tAverageEpRet\tTotalEnvInteracts\tTime\n0\t-1.5\t4000\t2.5\n1\t2.0\t8000\t5.0\n"
)
LIGHTNING = "epoch,step,train_loss,val_acc\r\n0,9,0.5,\r\n0,9,,0.75\r\n1,19,0.25,\r\n"


def write(directory: Path, **files: str) -> Path:
    """Files of a run; in their names ``__`` stands for the dot."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_bytes(text.encode())
    return directory


def only(index: Index):
    (run,) = index.snapshot.runs
    return run


def series(index: Index, metric: str, x: str = "step"):
    (found,) = index.series(index.snapshot.runs, metric, x).values()
    return [part.tolist() for part in found]


def test_someone_elses_progress_csv_beside_a_hydra_config_counts_its_rows(tmp_path):
    write_run(tmp_path / "0", {"lr": 0.1}, "loss,acc\n3,\n2,0.5\n", state=None)
    index = indexed(tmp_path)
    run = only(index)
    assert (run.format, dict(run.config), run.state) == ("hydra", {"lr": 0.1}, None)
    assert series(index, "acc") == [[1], [0.5]]
    assert index.columns([run], ["step"])[run.name].step_from is None


def test_a_run_of_the_original_exptools_has_its_jobs_settings_and_its_own(tmp_path):
    job = write(tmp_path / "lr_1", variant_config__json='{"algo": {"lr": 1}, "seed": 0}')
    settings = {"algo": {"lr": 1, "name": "ppo"}, "name": "x", "run_ID": 7}
    write(job / "run_7", params__json=json.dumps(settings), progress__csv=RLPYT)
    index = indexed(tmp_path)
    run = only(index)
    assert (run.name, run.format) == ("lr_1/run_7", "variant")
    assert run.config == {
        "algo.lr": 1,
        "seed": 0,
        "algo.name": "ppo",
        "name": "x",
        "run_ID": 7,
    }
    x, y = series(index, "ReturnAverage")
    assert x == [100, 200]
    np.testing.assert_equal(y, [NAN, 3.5])
    assert index.faults(run) == ()


def test_a_variant_beside_its_metrics_is_a_run_and_rllabs_pickle_is_left_out(tmp_path):
    write(tmp_path / "0", variant_config__json='{"a": 1}', progress__csv="Itr,R\n0,1\n")
    write(
        tmp_path / "1", params__json='{"a": 2, "args_data": "gASV"}', progress__csv="Itr,R\n5,1\n"
    )
    write(tmp_path / "2", variant__json='{"a": 3}', params__json='{"b": 3}')
    index = indexed(tmp_path)
    assert [dict(run.config) for run in index.snapshot.runs] == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert index.columns(index.snapshot.runs, ["step"])["1"]["step"].tolist() == [5]


def test_a_run_of_exptools_without_hydra_has_the_seeds_settings(tmp_path):
    run = write(tmp_path / "run_0", params__json='{"lr": 3}', progress__csv="step,x\n0,1\n")
    write_status(run, Status(State.COMPLETED))
    found = only(indexed(tmp_path))
    assert (found.config, found.state) == ({"lr": 3}, State.COMPLETED)


def test_stable_baselines3_counts_timesteps(tmp_path):
    write(tmp_path / "a", progress__csv=SB3)
    index = indexed(tmp_path)
    assert (only(index).format, dict(only(index).config)) == ("csv", {})
    assert index.tags(index.snapshot.runs) == ["rollout/ep_rew_mean", "train/loss"]
    assert series(index, "train/loss") == [[4096], [0.25]]


def test_spinning_up_has_tabs_and_counts_interactions(tmp_path):
    config = {"seed": 10, "ac_kwargs": {"hidden_sizes": [64, 64]}, "exp_name": "ppo"}
    write(tmp_path / "ppo_s10", progress__txt=SPINNING_UP, config__json=json.dumps(config))
    index = indexed(tmp_path)
    assert only(index).format == "spinningup"
    assert only(index).config == {
        "seed": 10,
        "ac_kwargs.hidden_sizes": (64, 64),
        "exp_name": "ppo",
    }
    assert series(index, "AverageEpRet") == [[4000, 8000], [-1.5, 2]]
    assert series(index, "AverageEpRet", x="Time") == [[2.5, 5], [-1.5, 2]]


def test_lightnings_rows_have_some_metrics_each_and_its_hyperparameters_pythons_tags(tmp_path):
    hparams = (
        "lr: 0.001\nbetas: !!python/tuple\n- 0.9\n- 0.99\n"
        "act: !!python/name:torch.nn.modules.activation.ReLU ''\n"
    )
    write(tmp_path / "version_0", metrics__csv=LIGHTNING, hparams__yaml=hparams)
    index = indexed(tmp_path)
    assert (only(index).format, only(index).faults) == ("lightning", ())
    assert only(index).config == {
        "lr": 0.001,
        "betas": (0.9, 0.99),
        "act": "torch.nn.modules.activation.ReLU",
    }
    assert series(index, "train_loss") == [[9, 19], [0.5, 0.25]]
    assert series(index, "val_acc") == [[9], [0.75]]


SACRED_METRICS = {
    "loss": {
        "steps": [0, 10, 20],
        "timestamps": [f"2026-11-22T20:10:55.48599{n}" for n in range(3)],
        "values": [1.0, NAN, 0.5],
    },
    "np": {"steps": [10], "timestamps": ["2026-11-22T20:10:56"], "values": [{"value": 2}]},
}


def write_sacred(directory: Path, status: str = "FAILED", metrics: str | None = None) -> Path:
    record = {
        "command": "main",
        "fail_trace": ["Traceback (most recent call last):\n", "RuntimeError: bad\n"],
        "host": {"hostname": "vm"},
        "start_time": "2026-11-22T20:10:56.006767",
        "heartbeat": datetime.now(timezone.utc).replace(tzinfo=None).isoformat(),
        "stop_time": None,
        "status": status,
    }
    text = json.dumps(SACRED_METRICS) if metrics is None else metrics
    config = '{"lr": 0.1, "net": {"w": [1, 2]}, "seed": 3}'
    return write(directory, run__json=json.dumps(record), config__json=config, metrics__json=text)


def test_sacreds_observer_tells_config_state_and_metrics(tmp_path):
    write_sacred(tmp_path / "1")
    index = indexed(tmp_path)
    run = only(index)
    assert (run.format, run.state, run.status.error) == (
        "sacred",
        State.FAILED,
        "RuntimeError: bad",
    )
    assert run.status.started == pytest.approx(1795378256.006767)
    assert run.config == {"lr": 0.1, "net.w": (1, 2), "seed": 3}
    x, y = series(index, "loss")
    assert x == [0, 10, 20]
    np.testing.assert_equal(y, [1, NAN, 0.5])
    assert series(index, "np") == [[10], [2]]


@pytest.mark.parametrize(
    ("status", "state"), [("RUNNING", State.RUNNING), ("INTERRUPTED", State.INTERRUPTED)]
)
def test_sacreds_words_for_states_are_ours(tmp_path, status, state):
    write_sacred(tmp_path / "1", status)
    assert only(indexed(tmp_path)).state is state


BROKEN = {
    "a config": ({"params__json": '{"lr": ', "progress__csv": SB3}, "params.json", 1, "JSON"),
    "a deep list": (
        {"params__json": f'{{"a": {"[" * 150}{"]" * 150}}}', "progress__csv": SB3},
        *("params.json", None, "100 deep"),
    ),
    "a deeper list": (
        {"params__json": f'{{"a": {"[" * 300}{"]" * 300}}}', "progress__csv": SB3},
        *("params.json", None, "nested too deeply"),
    ),
    "no object": ({"params__json": "[1]", "progress__csv": SB3}, "params.json", None, "object"),
    "a yaml": ({"hparams__yaml": "a: [1\nb: 2\n"}, "hparams.yaml", 2, "YAML"),
    "a record": ({"run__json": '{"status": 3}', "config__json": "{}"}, "run.json", None, "status"),
}


@pytest.mark.parametrize(("files", "name", "line", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_description_is_a_fault_of_a_run_that_is_there(
    tmp_path, files, name, line, reason
):
    write(tmp_path / "bad", **files)
    write(tmp_path / "good", params__json='{"lr": 1}')
    bad, good = indexed(tmp_path).snapshot.runs
    (fault,) = bad.faults
    assert fault.file == tmp_path / "bad" / name
    assert fault.line in (line, line and line + 1)
    assert reason in fault.reason
    assert good.config == {"lr": 1}


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ('{"loss": {"steps": [1', "no valid JSON"),
        ('{"loss": {"steps": [1], "values": [], "timestamps": []}}', "1 steps, 0 values"),
        ('{"loss": {"steps": [1], "values": ["x"], "timestamps": ["2026-11-22"]}}', "no number"),
    ],
)
def test_sacreds_broken_metrics_are_a_fault(tmp_path, metrics, reason):
    write_sacred(tmp_path / "1", metrics=metrics)
    index = indexed(tmp_path)
    index.columns(index.snapshot.runs, ["loss"])
    (fault,) = index.faults(only(index))
    assert reason in fault.reason


def test_directories_of_files_that_nobody_logged_are_no_runs(tmp_path):
    write(tmp_path / "a", config__json="{}", notes__txt="x", metrics__csv="a\n1\n")
    (tmp_path / "b" / ".hydra").mkdir(parents=True)
    assert indexed(tmp_path).snapshot.runs == ()
