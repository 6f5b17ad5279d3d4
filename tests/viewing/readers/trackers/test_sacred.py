"""Runs of PyMARL and its kin, whose metrics are in sacred's ``info.json``, and dead runs."""

import json
import math
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from exptools.rundir import State
from exptools.viewing.app.run.head import facts
from exptools.viewing.charts.jobs import jobs_of
from exptools.viewing.index import Index
from tests.viewing.samples import indexed, only_run

NUMPY = {"dtype": "float64", "py/object": "numpy.float64", "value": 2.5}
TENSOR = {"py/reduce": [{"py/function": "torch._utils._rebuild_tensor_v2"}, {"py/tuple": []}]}


def write_run(directory: Path, info: str | dict | None = None, **record) -> Path:
    directory.mkdir(parents=True)
    record = {"status": "COMPLETED", "start_time": ago(hours=100), **record}
    (directory / "run.json").write_text(json.dumps(record))
    (directory / "config.json").write_text('{"lr": 1}')
    if info is not None:
        text = info if isinstance(info, str) else json.dumps(info)
        (directory / "info.json").write_text(text)
    return directory


def ago(**time_: float) -> str:
    """A time as sacred writes it: UTC, without saying so."""
    return (datetime.now(timezone.utc) - timedelta(**time_)).replace(tzinfo=None).isoformat()


def series(index: Index, metric: str) -> list:
    (both,) = index.series(index.snapshot.runs, metric).values()
    return [part.tolist() for part in both]


def test_a_host_that_is_no_text_to_send_is_made_one(tmp_path):
    write_run(tmp_path / "1", host={"hostname": "h\ud800\x1b[31m\u202e"})
    (run,) = indexed(tmp_path).snapshot.runs
    assert run.status.host == r"h\ud800\x1b[31m\u202e"


def test_info_has_the_values_of_a_metric_and_its_steps(tmp_path):
    info = {
        **{"return_mean": [NUMPY, 3, math.nan], "return_mean_T": [0, 10, 20]},
        **{"won": [True, False], "won_T": [5, {"value": 15}]},
        **{"notes": ["x"], "lonely": [1, 2], "host_T": [1]},
    }
    write_run(tmp_path / "1", info)
    index = indexed(tmp_path)
    assert index.tags(index.snapshot.runs) == ["return_mean", "won"]
    np.testing.assert_equal(series(index, "return_mean"), [[0, 10, 20], [2.5, 3, math.nan]])
    assert series(index, "won") == [[5, 15], [1, 0]]
    assert index.faults(index.snapshot.runs[0]) == ()


def test_a_value_that_is_no_number_is_left_out_and_named_and_nothing_is_unpickled(tmp_path):
    info = {"grad_norm": [0.5, TENSOR, {"py/id": 3}], "grad_norm_T": [0, 10, 20]}
    write_run(tmp_path / "1", info)
    index = indexed(tmp_path)
    assert series(index, "grad_norm") == [[0], [0.5]]
    (fault,) = index.faults(index.snapshot.runs[0])
    assert fault.reason.startswith("grad_norm: 2 of 3 values are no numbers, as a long object")


def test_while_a_value_is_added_there_may_be_one_step_more(tmp_path):
    write_run(tmp_path / "1", {"a": [1], "a_T": [0, 10], "b": [1], "b_T": [0, 10, 20]})
    index = indexed(tmp_path)
    assert (series(index, "a"), series(index, "b")) == ([[0], [1]], [[0], [1]])
    (fault,) = index.faults(index.snapshot.runs[0])
    assert fault.reason.startswith("b: 3 steps, 1 values")


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "JSON"), ("[" * 9999, "JSON"), ("[]", "object")]
)
def test_a_broken_info_is_a_fault(tmp_path, text, reason):
    write_run(tmp_path / "1", text)
    index = indexed(tmp_path)
    index.tags(index.snapshot.runs)
    (fault,) = index.faults(index.snapshot.runs[0])
    assert reason in fault.reason


@pytest.mark.parametrize(
    ("record", "state"),
    [
        ({"heartbeat": ago(minutes=11)}, State.KILLED),
        ({"heartbeat": ago(minutes=1)}, State.RUNNING),
        ({"heartbeat": None}, State.KILLED),
        ({"heartbeat": None, "start_time": ago(hours=5)}, State.RUNNING),
        (
            {"heartbeat": ago(minutes=11), "meta": {"options": {"--beat-interval": "60"}}},
            State.RUNNING,
        ),
        ({"heartbeat": ago(hours=9), "status": "COMPLETED"}, State.COMPLETED),
    ],
    ids=["old", "fresh", "none, long ago", "none, lately", "a slow beat", "an end"],
)
def test_a_run_whose_heartbeat_is_old_was_killed(tmp_path, record, state):
    write_run(tmp_path / "1", **{"status": "RUNNING", **record})
    assert only_run(tmp_path).state is state


def test_a_run_grows_old_while_it_is_looked_at(tmp_path, monkeypatch):
    write_run(tmp_path / "1", status="RUNNING", heartbeat=ago(minutes=1))
    index = indexed(tmp_path)
    assert index.snapshot.runs[0].state is State.RUNNING
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 600)
    assert index.refresh()
    assert index.snapshot.runs[0].state is State.KILLED


def test_the_runs_page_says_when_it_was_last_heard_of_and_how_long_it_ran(tmp_path):
    write_run(tmp_path / "1", status="RUNNING", start_time=ago(hours=100), heartbeat=ago(hours=98))
    said = {name.children: value.children for name, value in _pairs(only_run(tmp_path))}
    assert said["State"].children == "killed"
    assert said["Last sign of life"].endswith(", 4 d 2 h ago")
    assert said["Duration"].startswith("2 h")


def _pairs(run):
    return [div.children for div in facts(run, str(run.directory), time.time())]


def test_the_timeline_ends_a_killed_run_at_its_last_sign_of_life(tmp_path):
    beat = datetime.now(timezone.utc) - timedelta(hours=98)
    write_run(tmp_path / "1", {"a": [1], "a_T": [1]}, status="RUNNING", heartbeat=ago(hours=98))
    (job,) = jobs_of([only_run(tmp_path)], time.time())
    assert job.ended == pytest.approx(beat.timestamp(), abs=60)
