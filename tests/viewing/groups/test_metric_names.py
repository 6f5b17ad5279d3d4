"""Metrics typed by their ends, wherever they are typed."""

import os

import pytest

import exptools.viewing as xv
from exptools.rundir import USAGE_FILE, State, process_start
from tests.viewing.samples import write_run, write_summary


@pytest.fixture
def runs(tmp_path):
    for job in range(2):
        metrics = {"test/accuracy": [0.1, 0.2 + job], "test/loss": [2.0, 1.0], "train/loss": [3, 1]}
        write_run(tmp_path / str(job), {"lr": job, "net.size": 3}, metrics)
        write_summary(tmp_path / str(job), **{"result": job, "eval/score": job})
    return xv.load(tmp_path)


@pytest.mark.parametrize("name", ["accuracy", "test/accuracy", "Accuracy", "TEST/accuracy"])
def test_an_end_that_no_other_metric_has_is_the_metric(runs, name):
    assert runs.curves(name).metric == "test/accuracy"
    assert runs.table(name)[name].to_list() == [0.2, 1.2]
    assert runs.results(name, "lr").columns[0].metric == "test/accuracy"
    assert runs.results(name, "lr", better={name: "min"}).columns[0].better == "min"
    assert runs.rows(name)["metric"].unique().to_list() == ["test/accuracy"]
    assert runs.rows(name, long=False)[name].to_list() == [0.1, 0.2, 0.1, 1.2]
    assert runs[0].curve(name).metric == "test/accuracy"
    assert len(runs.where(f'last("{name}") > 1')) == 1
    assert runs.curves("test/loss", x=name).x == "test/accuracy"
    assert runs.table("score")["score"].to_list() == [0, 1]


@pytest.mark.parametrize(
    "ask",
    [
        lambda runs: runs.curves("loss"),
        lambda runs: runs.table("loss"),
        lambda runs: runs.results("loss", "lr"),
        lambda runs: runs.rows("loss"),
        lambda runs: runs.where("last(loss) > 1"),
        lambda runs: runs.curves("accuracy", x="loss"),
    ],
)
def test_of_several_that_end_so_all_are_named(runs, ask):
    with pytest.raises(xv.QueryError, match=r"several .* 'loss' .*: say which of test/loss, train"):
        ask(runs)


def test_an_end_is_one_from_a_part_of_the_name_on(runs):
    with pytest.raises(xv.QueryError, match="did you mean 'test/accuracy'"):
        runs.curves("curacy")
    for typed in ("accuracy > 1", "test/accuracy > 1", "1 < test/accuracy", "lr < test/accuracy"):
        with pytest.raises(xv.QueryError, match="accuracy' is a metric: say which of its values"):
            runs.where(typed)


def test_of_several_that_end_so_a_condition_is_told_which_values_they_have(runs):
    with pytest.raises(
        xv.QueryError,
        match=r"several .* 'loss' at their end, test/loss, train/loss: .* last\(\"test/loss\"\)$",
    ):
        runs.where("loss > 1")


def test_where_nothing_was_logged_the_error_says_so(tmp_path):
    for job in range(2):
        write_run(tmp_path / str(job), {"lr": job}, None, State.FAILED)
    runs = xv.load(tmp_path)
    for those, why in (
        (runs, "none of the 2 has logged anything"),
        (runs[:1], "this one has logged nothing"),
        (runs[:0], "there are no runs"),
    ):
        with pytest.raises(xv.QueryError, match=f"no run has logged 'loss'; {why}"):
            those.curves("loss", by=[])


@pytest.fixture
def begun(tmp_path):
    """A sweep of which nothing has been logged yet."""
    alive = {"pid": os.getpid(), "pid_start": process_start(os.getpid())}
    write_run(tmp_path / "0", {"lr": 1}, "step,wall_time\n", State.RUNNING, **alive)
    write_run(tmp_path / "1", {"lr": 2}, None, State.QUEUED, **alive)
    return xv.load(tmp_path)


NOTHING = "None of the 2 runs has logged anything yet: 1 is running and 1 is queued."


def test_before_the_first_row_there_are_no_curves_and_a_sentence_says_why(begun):
    curves = begun.curves("loss", by="lr")
    assert (len(curves), curves.notes, curves.frame().height) == (0, (NOTHING,), 0)
    assert curves.plot().layout.annotations[0].text == NOTHING
    assert begun.table("loss")["loss"].to_list() == [None, None]
    assert begun.rows("loss").columns == ["name", "step", "wall_time", "metric", "value"]
    assert begun[1].rows("loss").columns == ["step", "wall_time", "loss"]
    table = begun.results("loss", "lr")
    assert table.notes[0] == NOTHING
    assert str(table).splitlines()[1].endswith("0/1 (1 to come)")
    assert begun.results().notes == (NOTHING,)


def test_what_jobs_use_is_sampled_before_the_first_row_and_nothing_that_they_logged(begun):
    (begun[0].directory / USAGE_FILE).write_text("time,cpu_percent,rss\n1.0,50.0,1000\n")
    begun = begun.refresh()
    assert begun.curves("loss", by="lr").notes == (NOTHING,)
    assert begun.results("loss", "lr").notes[0] == NOTHING
    assert len(begun.where("last(loss) < 1")) == 0
    assert begun.curves("usage/rss", x="relative_time")[0].runs == (begun[0],)


def test_a_wrong_key_is_told_also_before_the_first_row(begun):
    with pytest.raises(xv.QueryError, match="no run has a key 'lt'; did you mean 'lr'"):
        begun.curves("loss", by="lt")


def test_what_none_has_logged_so_far_may_still_come(tmp_path):
    write_run(tmp_path / "0", {}, {"train/loss": [1.0]}, State.RUNNING, pid=os.getpid())
    with pytest.raises(xv.QueryError, match="no run has logged 'test' so far; there are train/los"):
        xv.load(tmp_path).curves("test")
