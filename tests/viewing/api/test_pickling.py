import copy
import multiprocessing
import pickle
import subprocess
import sys

import joblib
import pytest

import exptools.viewing as xv
from exptools.run_values import RunValues, write_values
from exptools.rundir import SUMMARY_FILE
from tests.viewing.samples import write_run, write_sweep


@pytest.fixture
def runs(tmp_path):
    write_sweep(tmp_path / "sweep", steps=3)
    write_run(tmp_path / "odd", {"layers": [{"size": 3}, {}], "none": None}, {"train/loss": [1.0]})
    write_values(tmp_path / "odd" / SUMMARY_FILE, RunValues({"result": 0.5}))
    return xv.load(tmp_path)


def last_loss(run):
    return run.name, run.rows("train/loss")["train/loss"][-1]


def means(runs):
    return runs.curves("train/loss", by="seed").frame()


def test_runs_come_back_as_they_were(runs):
    again = pickle.loads(pickle.dumps(runs))
    assert list(again) == list(runs)
    assert again.table().equals(runs.table())
    assert again.faults == runs.faults
    with pytest.raises(TypeError, match="does not support item assignment"):
        again["odd"].config["layers"] = 1
    with pytest.raises(TypeError, match="does not support item assignment"):
        again["odd"].config["layers"][0]["size"] = 1


def test_runs_that_come_back_can_be_refreshed_and_filtered(runs):
    again = pickle.loads(pickle.dumps(runs.where("seed = 0")))
    write_run(runs.origin.roots[0] / "new", {"seed": 0})
    assert len(again) == 3
    assert [run.name for run in again.refresh()] == ["new", "sweep/0", "sweep/3", "sweep/6"]


def test_a_pickled_run_is_small_and_reads_its_own_files(runs):
    text = pickle.dumps(runs["odd"])
    assert b"sweep/0" not in text
    assert last_loss(pickle.loads(text)) == ("odd", 1.0)
    assert copy.deepcopy(runs["odd"]) == runs["odd"]


def test_a_config_goes_anywhere_by_itself(runs):
    config = runs["odd"].config
    for again in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        assert again == config
        assert again["layers"][0]["size"] == 3


def test_curves_and_results_by_lists_come_back(runs):
    curves = pickle.loads(pickle.dumps(runs.curves("train/loss", by="layers")))
    assert [group.label for group in curves] == ["[{size: 3}, {}]", "—"]
    table = runs.results("train/loss", by="layers")
    assert pickle.loads(pickle.dumps(table)).rows == table.rows
    assert pickle.loads(pickle.dumps(runs.compare("sweep", "sweep"))).matched


def test_a_missing_value_stays_the_one_that_it_is(runs):
    curves = runs.curves("train/loss", by="optim.lr")
    again = pickle.loads(pickle.dumps(curves))
    assert again[-1].values[0] is xv.MISSING
    assert copy.deepcopy(xv.MISSING) is xv.MISSING
    assert again.frame().equals(curves.frame())
    assert again[0].runs[0].metrics == ("test/accuracy", "train/loss")


@pytest.mark.slow
def test_other_processes_work_on_runs(runs):
    expected = [last_loss(run) for run in runs]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(last_loss, runs) == expected
        assert pool.apply(means, [runs]).equals(means(runs))
    calls = [joblib.delayed(last_loss)(run) for run in runs]
    assert joblib.Parallel(n_jobs=2)(calls) == expected


def test_a_fork_of_a_process_that_has_read_metrics_says_what_to_take_instead(runs):
    runs.table()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        answer = pool.map_async(last_loss, runs)
        with pytest.raises(xv.QueryError, match=r'get_context\("spawn"\), or joblib'):
            answer.get(timeout=60)


FORKING = """
import multiprocessing, sys
import polars
import exptools.viewing as xv

def last_loss(run):
    return run.rows("train/loss")["train/loss"][-1]

runs = xv.load(sys.argv[1])
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(*pool.map_async(last_loss, runs).get(timeout=60))
"""


def test_a_fork_of_a_process_that_has_read_none_works_on_runs(runs, tmp_path):
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, str(tmp_path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=100)
    assert done.stdout.split() == [str(last_loss(run)[1]) for run in runs]
