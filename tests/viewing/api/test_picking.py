import os

import numpy as np
import pandas as pd
import polars as pl
import pytest

import exptools.viewing as xv
from exptools.rundir import State, Status, write_status
from tests.viewing.samples import write_run, write_sweep


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    write_sweep(root / "first", steps=3)
    write_sweep(root / "second", steps=2)
    return xv.load(root)


def names(runs):
    assert isinstance(runs, xv.Runs)
    return [run.name for run in runs]


def test_a_collection_knows_its_runs_by_name(runs):
    assert "first/0" in runs
    assert runs[0] in runs
    assert "first/99" not in runs
    assert runs[0] not in runs[1:]
    assert 0 not in runs


@pytest.mark.parametrize("number", [3, np.int64(3), np.array(3), np.uint8(3), -15])
def test_a_run_is_taken_by_any_integer(runs, number):
    assert runs[number] is runs["first/3"]


@pytest.mark.parametrize(
    "several",
    [
        ["first/4", "first/0"],
        ("first/4", "first/0"),
        [4, 0],
        np.array([4, 0, 4]),
        ["first/4", -18],
        pd.Series(["first/4", "first/0"]),
        pl.Series([4, 0]),
    ],
)
def test_several_runs_are_taken_in_the_order_in_which_they_are_named(runs, several):
    assert names(runs[several]) == ["first/4", "first/0"]


def test_runs_are_taken_by_runs(runs):
    (group,) = runs.curves("train/loss", by="sweep", where="sweep = 'first' and seed = 0")
    assert names(runs[group.runs]) == ["first/0", "first/3", "first/6"]


def test_a_run_of_another_load_is_not_taken_for_the_one_of_its_name(runs):
    first, second = (xv.load(runs.origin.roots[0] / name) for name in ("first", "second"))
    assert second[0] not in first
    with pytest.raises(xv.QueryError, match=r"the run in .*second.0 is not here, though one of"):
        first[[second[0]]]


def test_runs_are_taken_by_a_mask(runs):
    wanted = names(runs.where("optim.lr > 0.01"))
    table = runs.table([])
    assert names(runs[table["optim.lr"] > 0.01]) == wanted
    assert names(runs[(table["optim.lr"] > 0.01).to_numpy()]) == wanted
    assert names(runs[runs.to_pandas([])["optim.lr"] > 0.01]) == wanted
    assert names(runs[[run.config["optim.lr"] > 0.01 for run in runs]]) == wanted
    assert len(runs[[]]) == 0


def test_a_mask_of_pandas_goes_by_its_index_in_whatever_order(runs):
    frame = runs.to_pandas("train/loss")
    wanted = names(runs.where("lr = 0.01"))
    for ordered in (frame, frame.sort_values("train/loss"), frame[::-1]):
        assert names(runs[ordered["optim.lr"] == 0.01]) == wanted
        by_name = ordered.set_index("name")
        assert names(runs[by_name["optim.lr"] == 0.01]) == wanted


@pytest.mark.parametrize("index", [range(1, 19), ["x"] * 18, [0] * 18])
def test_a_mask_whose_index_is_of_other_rows_is_refused(runs, index):
    with pytest.raises(xv.QueryError, match="neither the names of these runs nor their positions"):
        runs[pd.Series([True] * 18, index=index)]
    assert len(runs[pd.Series([True] * 18, index=index).to_numpy()]) == 18


def test_in_a_mask_a_run_that_lacks_the_key_is_not_wanted(tmp_path):
    for job, config in enumerate([{"lr": 1}, {}, {"lr": 2}]):
        write_run(tmp_path / str(job), config)
    runs = xv.load(tmp_path)
    mask = runs.table()["lr"] > 1
    assert mask.to_list() == [False, None, True]
    assert names(runs[mask]) == ["2"]
    assert names(runs[pd.Series(mask.to_list(), dtype="boolean")]) == ["2"]
    assert names(runs[[None] * 3]) == []


@pytest.mark.parametrize(
    ("which", "error", "sentence"),
    [
        (["first/0", "frist/1"], xv.QueryError, "no run 'frist/1'; did you mean 'first/1'"),
        ([True, False], xv.QueryError, "a mask of 2 values does not fit 18 runs"),
        ([True] * 17 + [1], TypeError, "a mask has true and false only"),
        (True, TypeError, "True is no run; runs are taken by position, name"),
        (1.0, TypeError, "1.0 is no run"),
        (
            pl.DataFrame({"name": ["0"]}),
            TypeError,
            r'give its names, as in runs\[frame\["name"\]\]',
        ),
        (pd.DataFrame({"name": ["0"]}), TypeError, "a frame is no choice of runs"),
        ([[0] * 99], TypeError, r"^\[0, 0, [0, ]+… is no run"),
        (None, TypeError, "None is no run"),
        (18, IndexError, "there is no run 18: there are 18"),
        ([0, -19], IndexError, "there is no run -19"),
    ],
)
def test_what_takes_no_run_says_what_does(runs, which, error, sentence):
    with pytest.raises(error, match=sentence):
        runs[which]


def test_a_function_of_a_run_filters_and_a_condition_does_too(runs):
    fast = runs.filter(lambda run: run.config["optim.lr"] > 0.01 and run.sweep == "first")
    assert names(fast) == ["first/6", "first/7", "first/8"]
    assert fast[0] is runs["first/6"]
    with pytest.raises(TypeError, match="where takes a condition as a text"):
        runs.filter("seed = 0")
    with pytest.raises(TypeError, match="filter takes a function"):
        runs.where(lambda run: True)


def test_collections_of_one_load_add_up_to_runs_counted_once(runs):
    assert names(runs[2:4] + runs[:3]) == ["first/2", "first/3", "first/0", "first/1"]
    assert (runs[:1] + runs[:1]).origin is runs.origin
    with pytest.raises(TypeError, match="unsupported operand"):
        _ = runs + "first/0"


def test_collections_of_several_loads_add_up_under_names_that_tell_them_apart(runs):
    one, other = (xv.load(runs.origin.roots[0] / name) for name in ("first", "second"))
    both = other[:2] + one[:1]
    assert names(both) == ["second/0", "second/1", "first/0"]
    assert both.sweeps == ("first", "second")
    assert both.table("train/loss")["train/loss"].to_list() == [
        *other[:2].table("train/loss")["train/loss"],
        *one[:1].table("train/loss")["train/loss"],
    ]
    assert len(xv.load(runs.origin.roots[0]) + runs) == 18


def test_a_refreshed_collection_is_what_there_is_now(tmp_path):
    for job in range(3):
        state = State.RUNNING if job else State.COMPLETED
        write_run(tmp_path / str(job), {"lr": job, "seed": 0}, state=state, pid=os.getpid())
    runs = xv.load(tmp_path)
    running, picked = runs.where("state != 'completed'"), runs[["2", "1"]]
    assert names(running) == ["1", "2"]
    write_run(tmp_path / "3", {"lr": 3, "seed": 0}, state=State.FAILED)
    write_status(tmp_path / "1", Status(state=State.COMPLETED))
    assert len(runs) == 3
    assert names(runs.refresh()) == ["0", "1", "2", "3"]
    assert names(running.refresh()) == ["2", "3"]
    assert names(picked.refresh()) == ["2", "1"]
    assert picked.refresh()[1].state is State.COMPLETED
    assert picked[1].state is not State.COMPLETED
    assert names(runs.where("lr > 0").where("lr < 3").refresh()) == ["1", "2"]
