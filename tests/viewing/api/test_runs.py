import shutil
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

import exptools.viewing as xv
from exptools.viewing import paper
from exptools.viewing.results import results
from tests.viewing.samples import curve, write_run, write_summary, write_sweep

NAN = float("nan")


@pytest.fixture
def runs(tmp_path):
    write_sweep(tmp_path / "first", steps=30)
    write_sweep(tmp_path / "second", steps=20)
    return xv.load(tmp_path)


@pytest.fixture
def two_clocks(tmp_path):
    """Two runs whose rows came at other times and epochs."""
    write_run(
        tmp_path / "0", {}, "step,wall_time,epoch,acc\n0,1000,0,1\n10,1010,0,2\n20,1020,1,3\n"
    )
    write_run(tmp_path / "1", {}, "step,wall_time,epoch,acc\n0,5000,,3\n10,5010,0,4\n20,5015,1,5\n")
    return xv.load(tmp_path)


def test_a_collection_has_runs_by_position_name_and_slice(runs):
    assert len(runs) == 18
    assert runs["first/3"] is runs[3]
    assert [run.name for run in runs[:2]] == ["first/0", "first/1"]
    assert isinstance(runs[:2], xv.Runs)
    assert [run.name for run in runs][-1] == runs[-1].name == "second/8"
    with pytest.raises(xv.QueryError, match="no run 'first/33'; did you mean 'first/3'"):
        runs["first/33"]


def test_a_collection_says_what_is_in_it(runs):
    assert repr(runs) == "<Runs: 18 runs of 2 sweeps; varying: optim.lr, seed, epochs>"
    assert runs.varying == ("optim.lr", "seed", "epochs")
    assert runs.facets == ("optim.lr", "epochs")  # which tell the sweeps apart
    assert (runs[:3] + runs[9:12]).facets == ("epochs",)
    assert (runs.seed_key, runs.sweeps) == ("seed", ("first", "second"))
    assert runs.metrics == ("test/accuracy", "train/loss")
    assert repr(runs[:1]) == "<Runs: 1 run of 1 sweep; varying: nothing>"


def test_several_folders_are_one_collection(tmp_path):
    for name in ("a", "b"):
        write_run(tmp_path / name / "0", {})
    assert [run.name for run in xv.load(tmp_path / "a", str(tmp_path / "b"))] == ["a/0", "b/0"]


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [("output", "mean .*outputs?"), ("x/y", "directory .*x/y"), ("z", "are outputs")],
)
def test_a_folder_that_is_not_there_is_said_to_be_so(tmp_path, folder, sentence):
    (tmp_path / "outputs").mkdir()
    with pytest.raises(xv.QueryError, match=sentence):
        xv.load(tmp_path / folder)


def test_the_table_has_a_row_a_run_with_typed_columns(runs):
    table = runs.table("train/loss", summary="at:4")
    assert table.columns == [
        *("name", "sweep", "state", "optim.lr", "seed", "epochs", "train/loss")
    ]
    assert table.dtypes[3:] == [pl.Float64, pl.Int64, pl.Int64, pl.Float64]
    row = table.row(4, named=True)
    assert (row["name"], row["state"], row["optim.lr"]) == ("first/4", "completed", 0.01)
    assert row["train/loss"] == pytest.approx(2 / 1.4 + 0.02)


def test_a_column_of_mixed_types_is_of_texts_that_tell_them_apart(tmp_path):
    values = [0.001, "0.001", True, None, [1, 2]]
    for job, value in enumerate(values):
        config = {"x": value, "i": job if job else 0.5, "n": None if job else 1}
        write_run(tmp_path / str(job), config)
    write_run(tmp_path / "5", {"i": 2})
    table = xv.load(tmp_path).table()
    assert table["n"].to_list() == ["1", *["null"] * 4, None]
    assert table["x"].to_list() == ["0.001", '"0.001"', "true", "null", "[1, 2]", None]
    assert table["i"].to_list() == [0.5, 1, 2, 3, 4, 2]


def test_names_that_meet_in_a_table_are_told_apart(tmp_path):
    for job in (0, 1):
        write_run(tmp_path / str(job), {"name": f"x{job}", "acc": job}, {"acc": [0.5]})
    table = xv.load(tmp_path).table()
    assert table.columns == ["name", "sweep", "state", "config.name", "acc", "metric.acc"]


def test_integers_that_no_float_holds_stay_exact(tmp_path):
    for job in (0, 1):
        config = {"x": 2**60 + job, "y": 2**60 + job if job else 0.5, "z": 2**70 + job}
        write_run(tmp_path / str(job), config)
    table = xv.load(tmp_path).table()
    assert table["x"].to_list() == [2**60, 2**60 + 1]
    assert table["y"].to_list() == ["0.5", str(2**60 + 1)]
    assert table["z"].to_list() == [str(2**70), str(2**70 + 1)]


def test_the_rows_are_those_that_were_logged(tmp_path):
    write_run(tmp_path / "0", {}, {"a": [1.0, None, NAN], "b": [None, None, 2.0]})
    write_run(tmp_path / "1", {}, {"b": [5.0]})
    runs = xv.load(tmp_path)
    wide, long = runs.rows(long=False), runs.rows()
    assert wide.columns == ["name", "step", "wall_time", "a", "b"]
    assert wide["step"].to_list() == [0, 2, 0]
    assert wide["a"].to_list()[::2] == [1.0, None]
    assert np.isnan(wide["a"][1])
    assert long.columns == ["name", "step", "wall_time", "metric", "value"]
    assert long.select("name", "step", "metric").rows() == [
        *(("0", 0, "a"), ("0", 2, "a"), ("0", 2, "b"), ("1", 0, "b"))
    ]
    assert runs.rows([]).height == runs[:0].rows().height == 0


def test_the_rows_can_have_keys_and_become_pandas_frames(runs):
    rows = xv.to_pandas(runs.rows("train/loss", by=["lr", "seed"]))
    assert [*rows] == ["name", "lr", "seed", "step", "wall_time", "metric", "value"]
    of_run = rows[rows["name"] == "second/4"]
    assert (set(of_run["lr"]), set(of_run["seed"])) == ({0.01}, {1})
    assert len(of_run) == 20
    assert [*runs.rows(by="lr").columns][:3] == ["name", "lr", "step"]


def test_what_is_given_in_another_form_is_told_the_form(runs):
    with pytest.raises(xv.QueryError, match="best is a text or a list of texts, not 3"):
        runs.curves("train/loss", best=3)
    with pytest.raises(xv.QueryError, match="better says it by metric, as in"):
        runs.results("train/loss", better="max")
    with pytest.raises(TypeError, match="where takes a condition as a text"):
        runs.curves("train/loss", where=lambda run: True)


def test_a_number_where_an_option_is_a_text_is_told_the_texts(runs):
    with pytest.raises(xv.QueryError, match=r"a band is a text, one of none, std, .*; not 95"):
        runs.curves("train/loss", band=95)
    with pytest.raises(xv.QueryError, match=r"a summary is a text, one of last, .*; not 5"):
        runs.table("train/loss", summary=5)


def test_of_metrics_that_end_alike_each_is_proposed(tmp_path):
    write_run(tmp_path / "0", {}, {"test/loss": [1.0], "train/loss": [1.0]})
    with pytest.raises(xv.QueryError, match=r"several .* say which of test/loss, train/loss"):
        xv.load(tmp_path).curves("loss")


def test_several_names_in_one_text_are_to_be_given_each_by_itself(runs):
    with pytest.raises(xv.QueryError, match="'lr, seed'; give each by itself, 'lr' and 'seed'"):
        runs.results("train/loss", by="lr, seed")
    with pytest.raises(xv.QueryError, match="give each by itself, 'loss' and 'test/accuracy'"):
        runs.curves("loss,test/accuracy")
    with pytest.raises(xv.QueryError, match="'lr,sede'; did you mean"):
        runs.results("train/loss", by="lr,sede")


def test_runs_and_sweeps_are_compared(runs):
    assert runs.diff("first/0", runs[4]).rows() == [
        ("optim.lr", "0.001", "0.01"),
        ("seed", "0", "1"),
    ]
    assert runs.diff(0, 0).columns == ["key", "left", "right"]
    found = runs.compare("first", "second")
    assert repr(found) == (
        "<SweepComparison: differ in epochs; "
        "9 matched by optim.lr, seed, 0 only left, 0 only right>"
    )
    assert [(d.key, d.texts) for d in found.differences] == [("epochs", ("30", "20"))]
    assert (found.matched_by, len(found.matched)) == (("optim.lr", "seed"), 9)


def test_runs_are_grouped_by_several_keys(runs):
    curves = runs.curves("test/accuracy", by=["sweep", "optim.lr"], band="minmax")
    assert [group.label for group in curves.groups][2:4] == [
        *("sweep=first, lr=0.1", "sweep=second, lr=0.001")
    ]
    group = curves.groups[0]
    assert (group.values, len(group.runs)) == (("first", 0.001), 3)
    at_5 = [curve(0.001, seed, 5) for seed in (0, 1, 2)]
    assert group.curve.center[5] == pytest.approx(np.mean(at_5))
    assert group.curve.low[5] == pytest.approx(min(at_5))


def test_each_run_is_by_itself_or_all_are_together(runs):
    assert [group.label for group in runs.curves("train/loss").groups][:2] == ["first/0", "first/1"]
    (group,) = runs.curves("train/loss", by=[]).groups
    assert (group.label, len(group.runs)) == ("all runs", 18)


def test_the_frame_has_every_point_with_its_group(runs):
    frame = runs.curves("train/loss", by="optim.lr", where="sweep = 'second'").frame()
    assert frame.columns == ["optim.lr", "step", "center", "low", "high", "n"]
    assert frame["optim.lr"].to_list() == [0.001] * 20 + [0.01] * 20 + [0.1] * 20
    assert frame["n"].unique().to_list() == [3]


@pytest.mark.parametrize(
    ("x", "points", "centers"),
    [
        ("step", [0, 10, 20], [2, 3, 4]),
        ("relative_time", [0, 10, 15, 20], [2, 3, 3.75, 3]),
        ("wall_time", [1000, 1010, 1020, 3010, 5000, 5010, 5015], [1, 2, 3, NAN, 3, 4, 5]),
        ("epoch", [0, 1], [3, 4]),
    ],
)
def test_x_is_a_clock_or_any_logged_column(two_clocks, x, points, centers):
    curves = two_clocks.curves("acc", by=[], x=x)
    (group,) = curves.groups
    assert group.curve.x.tolist() == points
    np.testing.assert_allclose(group.curve.center, centers)
    assert curves.frame().columns[0] == x
    units = {"relative_time": "seconds since the run's first row"}
    title = units.get(x, x) if x != "wall_time" else "wall time in seconds since 1970"
    assert curves.plot().layout.xaxis.title.text == title
    assert curves.paper().axes[0].get_xlabel().replace("\n", " ") == title


def test_an_x_that_stands_still_is_told(two_clocks):
    left_out, note = two_clocks.curves("acc", by=[], x="epoch").notes
    assert left_out.startswith("1 value of acc is left out")
    assert note.startswith("epoch does not grow in 1 row:")


def test_gaps_and_runs_without_a_point_are_told(tmp_path):
    write_run(tmp_path / "0", {}, {"acc": [1.0, NAN]})
    write_run(tmp_path / "1", {}, {"loss": [1.0]})
    curves = xv.load(tmp_path).curves("acc")
    assert [group.label for group in curves.groups] == ["0"]
    assert curves.notes == (
        "1 of 2 runs has not logged acc.",
        "1 logged value is NaN or infinite: it is a gap of its run.",
    )


def test_another_word_for_a_summary_is_answered_with_all_that_there_are(runs):
    with pytest.raises(xv.QueryError, match="no summary 'final'; there are last, min, max, mean"):
        runs.results("train/loss", by="optim.lr", summary="final")


def test_a_caption_says_of_a_line_that_runs_of_its_group_have_nothing_to_show(tmp_path):
    for seed in range(3):
        write_run(tmp_path / f"a{seed}", {"lr": 1, "seed": seed}, {"acc": [1.0, 2.0]})
        logged = {"acc": [1.0, 2.0]} if seed else {"loss": [1.0]}
        write_run(tmp_path / f"b{seed}", {"lr": 2, "seed": seed}, logged)
    curves = xv.load(tmp_path).curves("acc", by="lr")
    sentence = "1 of 6 runs has not logged acc: 1 of the 2 lines is of the others alone."
    assert sentence in curves.caveats
    assert curves.notes.count(sentence) == 1
    assert sentence in paper.caption(curves)


def test_a_run_that_ended_before_a_step_has_no_value_there_and_is_not_taken_for_nan(tmp_path):
    for name, length in (("short", 3), ("long", 5)):
        write_run(tmp_path / name, {}, {"acc": [0.5] * length})
    runs = xv.load(tmp_path)
    table = runs.table("acc", summary="at:4")
    assert table["acc"].to_list() == [0.5, None]
    assert runs[table["acc"] > 0.1][0].name == "long"  # NaN is larger than all for polars
    assert (
        "Left out of acc: 1 without a value" in runs.results("acc", by=[], summary="at:4").notes[-1]
    )


def test_a_key_that_is_named_twice_groups_once(runs):
    twice = runs.curves("train/loss", by=["optim.lr", "optim.lr"])
    assert [group.label for group in twice] == ["0.001", "0.01", "0.1"]
    assert runs.results("train/loss", by=["optim.lr"] * 2).by == ("optim.lr",)
    assert runs.rows("train/loss", by=["optim.lr"] * 2).columns[:3] == ["name", "optim.lr", "step"]


def test_of_each_group_only_the_best_setting_is_kept(runs):
    best = xv.Best("optim.lr", summary="mean:5")
    curves = runs.curves("test/accuracy", by="sweep", best=best)
    assert [group.label for group in curves.groups] == ["first (lr=0.01)", "second (lr=0.01)"]
    assert [group.setting for group in curves.groups] == [(0.01,), (0.01,)]
    assert [len(group.runs) for group in curves.groups] == [3, 3]
    assert curves.frame().columns[:2] == ["sweep", "optim.lr"]
    worst = runs.curves("train/loss", by="sweep", best=xv.Best(("optim.lr", "seed"), "min"))
    assert [group.setting for group in worst.groups] == [(0.1, 0), (0.1, 0)]


def test_a_setting_that_diverged_is_never_the_best(tmp_path):
    for job, (lr, last) in enumerate([(1, NAN), (1, NAN), (2, 3.0), (2, 3.0), (3, 2.0)]):
        write_run(tmp_path / str(job), {"lr": lr}, {"acc": [9.0, last]})
    (group,) = xv.load(tmp_path).curves("acc", by=[], best=xv.Best("lr")).groups
    assert group.setting == (2,)


def test_the_best_setting_is_that_of_the_table_of_results_which_runs_without_a_number_are_not_in(
    tmp_path,
):
    for job, (lr, last) in enumerate([(1, 2.0), (1, 2.2), (2, 3.0), (2, NAN), (2, 3.2)]):
        write_run(tmp_path / str(job), {"lr": lr, "seed": job}, {"acc": [0.0, last]})
    runs = xv.load(tmp_path)
    table = runs.results("acc", by="lr")
    assert [(cell.center, cell.n, cell.best) for (cell,) in table.cells][1] == (3.1, 2, True)
    curves = runs.curves("acc", by=[], best="lr")
    assert curves[0].setting == table.rows[1] == (2,)
    assert curves.caveats == (
        "Of the 3 runs with the best lr 1 has no finite value to choose by: it was left out of "
        "the choice.",
    )
    whole = runs.where("lr = 2").curves("acc", by=[], best="lr")
    assert not any("to choose by" in note for note in whole.notes)  # there is nothing to choose


def test_runs_that_finished_before_others_of_their_line_are_told_though_none_failed(tmp_path):
    for job, steps in enumerate((3, 10, 10)):
        write_run(tmp_path / str(job), {"seed": job}, {"acc": [1.0] * steps})
    (note,) = xv.load(tmp_path).curves("acc", by=[]).caveats
    assert note == (
        "Of the 3 runs 1 finished before the others, after step 2 of 9: the mean is of 2 runs from "
        "there on."
    )


def test_the_best_setting_is_the_lowest_of_a_loss_and_the_highest_of_an_accuracy(tmp_path):
    for lr, loss in ((1, 0.5), (2, 0.1)):
        logged = {"loss": [loss], "accuracy": [1 - loss], "size": [loss]}
        write_run(tmp_path / str(lr), {"lr": lr}, logged)
    runs = xv.load(tmp_path)
    chosen = runs.curves(["loss", "accuracy"], by=[], best=xv.Best("lr"))
    assert [curves[0].setting for curves in chosen] == [(2,), (2,)]
    with pytest.raises(xv.QueryError, match=r"of size is better is not known: say xv\.Best"):
        runs.curves("size", by=[], best=xv.Best("lr"))


def test_a_table_of_the_best_value_of_what_nobody_knows_says_how_to_say_it(tmp_path):
    write_run(tmp_path / "0", {"lr": 1}, {"val/size": [1.0]})
    runs = xv.load(tmp_path)
    say = r'or say which by better=\{"val/size": "min"\}'
    for ask in (runs.table, lambda *a, **o: runs.results(*a, by=[], **o)):
        with pytest.raises(xv.QueryError, match=say):
            ask("val/size", summary="best")
        ask("val/size", summary="best", better={"size": "min"})


def test_of_a_run_whose_directory_has_gone_that_is_said(tmp_path):
    for job in range(2):
        write_run(tmp_path / str(job), {"lr": job}, {"loss": [1.0]})
    runs = xv.load(tmp_path)
    shutil.rmtree(tmp_path / "1")
    with pytest.raises(xv.QueryError, match=r"'loss'; its directory is gone; refresh"):
        runs[1].rows("loss")
    with pytest.warns(UserWarning, match=r"directory of the run '1' is gone: refresh\(\)"):
        assert runs.table("loss")["loss"].to_list() == [1.0, None]
    assert len(runs.refresh()) == 1


@pytest.mark.filterwarnings("ignore:the interval is by bootstrap")
def test_strata_that_have_nothing_to_draw_from_are_told(runs):
    curves = runs.curves("train/loss", by="optim.lr", band="ci:95", strata="seed")
    assert not any("the only ones" in note for note in curves.notes)
    curves = runs[:9].curves("train/loss", by="optim.lr", band="ci:95", strata="seed")
    assert curves.notes[-1].startswith("9 runs are the only ones of their seed")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"metric": "acuracy"}, "no run has logged 'acuracy'; did you mean 'test/accuracy'"),
        ({"by": "rl"}, r"no run has a key 'rl'; did you mean 'optim.lr'"),
        ({"x": "stepp"}, "no run has logged x='stepp'; did you mean 'step'"),
        ({"strata": "sed"}, "did you mean 'seed'"),
        ({"best": xv.Best("rl")}, "no run has a key 'rl'"),
        ({"best": xv.Best("seed", "most")}, "there is no mode 'most'; there are max, min"),
        ({"best": xv.Best("seed", summary="lats")}, "did you mean 'last'"),
        ({"where": "seed >"}, "cannot be read as a condition"),
        ({"where": "seed = 9"}, "of the 18 runs there is none with seed = 9"),
        ({"band": "t95"}, "there is no band 't95'; did you mean 't:95'"),
        ({"smooth": "mean10"}, "there is no smoothing 'mean10'; did you mean 'mean:10'"),
        ({"smooth": "none10"}, "there is no smoothing 'none10'; did you mean 'none'"),
        ({"bin_width": "3"}, "bin_width should be a positive number of units of x, not '3'"),
    ],
)
def test_what_there_is_not_is_answered_with_what_there_is(runs, asked, sentence):
    with pytest.raises(xv.QueryError, match=sentence):
        runs.curves(**{"metric": "train/loss"} | asked)


def test_no_runs_are_an_empty_collection(tmp_path):
    (tmp_path / "mlflow.db").touch()
    with pytest.warns(UserWarning, match=r"no runs .* found .*mlflow.db \(MLflow's .*hparams.yaml"):
        runs = xv.load(tmp_path)
    assert repr(runs) == "<Runs: no runs>"
    assert (runs.facets, runs.seed, runs.together, runs.table().height) == ((), None, {}, 0)
    with pytest.raises(xv.QueryError, match="there are no runs"):
        runs.curves("acc")


def test_the_public_names_are_those_that_are_documented():
    assert all(getattr(xv, name) is not None for name in xv.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        _ = xv.lod


@pytest.fixture
def summarized(tmp_path):
    """Runs of two settings with summaries, one of them without; a metric has a summary's name."""
    for job, (lr, said) in enumerate(
        [(1, {"best": 0.5, "loss": 7}), (1, {"best": 1, "ok": True}), (2, {})]
    ):
        run = write_run(tmp_path / str(job), {"lr": lr}, {"loss": [3.0, 2.0]})
        if said:
            write_summary(run, **said)
    return xv.load(tmp_path)


def test_summaries_stand_in_the_table_beside_the_metrics(summarized):
    assert (summarized.summaries, summarized.metrics) == (("best", "loss", "ok"), ("loss",))
    table = summarized.table()
    assert table.columns == ["name", "sweep", "state", "lr", "best", "summary.loss", "ok", "loss"]
    assert table["best"].to_list() == [0.5, 1.0, None]
    assert table["ok"].to_list() == [None, True, None]
    assert summarized.table("loss", "max").columns[4:] == ["loss"]
    assert summarized.table(["best", "summary.loss"]).columns[4:] == ["best", "summary.loss"]
    with pytest.raises(xv.QueryError, match="no run has logged 'bst'; did you mean 'best'"):
        summarized.table("bst")
    with pytest.raises(xv.QueryError, match="'best' is one value a run, in its summary"):
        summarized.curves("best")
    with pytest.raises(xv.QueryError, match=r"no run has logged 'bst'; .*loss"):
        summarized.curves("bst")


def test_a_text_of_the_summaries_is_no_number_to_take(tmp_path):
    write_summary(write_run(tmp_path / "0", {}, {"loss": [3.0]}), verdict="good")
    runs = xv.load(tmp_path)
    assert runs.table("verdict")["verdict"].to_list() == ["good"]
    with pytest.raises(xv.QueryError, match="'verdict' is a text in the runs' summaries, 'good'"):
        runs.results("verdict", by=[])


def test_summaries_can_be_asked_for_in_conditions_and_tables_of_results(summarized):
    def names(condition):
        return "".join(run.name for run in summarized.where(condition))

    assert names("best > 0.6") == names("summary.best > 0.6 and lr = 1") == "1"
    assert names("best is null") == "2"
    assert (names("ok"), names("loss = 7")) == ("1", "0")
    assert summarized.varying == ("lr",)
    (first,), (second,) = results(summarized, "best", by="lr", summary="best").cells
    assert (first.center, first.n, first.runs) == (0.75, 2, 2)
    assert (second.n, second.runs) == (0, 1)


def test_an_interval_of_few_is_warned_of_once_a_place_and_students_is_not(runs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            curves = runs[:9].curves("train/loss", "optim.lr", band="ci:95")
            runs[:9].curves("train/loss", "optim.lr", band="interval:95")
    assert [str(warning.message)[:44] for warning in caught] == [
        "the interval is by bootstrap of 3 runs, and "
    ]
    assert caught[0].filename == __file__
    assert curves.plot().layout.legend.title.text == "lr<br>bootstrap of 3 runs"
    assert curves.paper().legends[0].get_title().get_text() == "lr; bootstrap of 3 runs"
    assert "Fewer than ten runs" in curves.notes[0]


def test_the_table_takes_the_best_value_where_more_or_less_is_known_to_be_better(runs):
    best = runs.table(summary="best")
    assert best["train/loss"].equals(runs.table("train/loss", "min")["train/loss"])
    assert best["test/accuracy"].equals(runs.table("test/accuracy", "max")["test/accuracy"])


def test_what_is_better_can_be_said_of_a_metric_whose_name_does_not_tell(tmp_path):
    write_run(tmp_path / "0", {}, {"size": [1.0, 3.0, 2.0]})
    runs = xv.load(tmp_path)
    with pytest.raises(xv.QueryError, match="whether more or less of size is better is not known"):
        runs.table("size", "best")
    assert runs.table("size", "best", better={"size": "max"})["size"].item() == 3
    assert runs.table(summary="best", better={"size": "min"})["size"].item() == 1
    with pytest.raises(xv.QueryError, match="no direction of size 'most'; there are max, min"):
        runs.table("size", "best", better={"size": "most"})
    for ask in (runs.table, runs.results):
        with pytest.raises(xv.QueryError, match="'sise' is not asked for; did you mean 'size'"):
            ask("size", summary="best", better={"sise": "max"})
    with pytest.raises(xv.QueryError, match="there is no summary 'lats'; did you mean 'last'"):
        runs.table([], "lats")


def test_the_table_becomes_pandas_and_nothing_needs_pyarrow(runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    frame = runs.to_pandas("train/loss", "min")
    assert isinstance(frame, pd.DataFrame)
    assert frame.to_dict("list") == runs.table("train/loss", "min").to_dict(as_series=False)


def test_what_is_missing_is_missing_in_pandas_too(tmp_path):
    for job, config in enumerate([{"i": 1, "b": True, "t": "x"}, {}]):
        write_run(tmp_path / str(job), config, {"acc": [0.5]} if config else None)
    frame = xv.load(tmp_path).to_pandas()
    assert frame.loc[1, ["i", "b", "t", "acc"]].isna().all()
    assert frame.loc[0, ["i", "b", "t", "acc"]].tolist() == [1, True, "x", 0.5]


def test_without_pandas_it_is_said_what_to_install(runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match="to_pandas needs pandas: pip install pandas"):
        runs.to_pandas()


def test_results_choose_metric_and_keys_as_the_command_line_does(runs):
    table = runs.results(summary="best", band="sem")
    assert (table.by, table.columns[0].metric) == (("optim.lr", "epochs"), "test/accuracy")
    assert (table.columns[0].summary, table.band) == ("max", "sem")
    assert table.to_pandas()["n"].tolist() == [3] * 6
    across = runs[:9].results(["train/loss"], facet="optim.lr")
    assert (across.by, len(across.columns)) == ((), 3)
    same = results(runs, "test/accuracy", table.by, band="sem", summary="best")
    assert table.frame().equals(same.frame())


def test_results_of_no_metric_are_refused(runs):
    with pytest.raises(xv.QueryError, match="results takes a metric"):
        runs.results([], by="seed")


def test_results_of_runs_that_differ_in_nothing_have_a_row_each(tmp_path):
    for job in range(2):
        write_run(tmp_path / str(job), {}, {"acc": [1.0 + job]})
    assert xv.load(tmp_path).results().texts == (("0",), ("1",))


def test_results_of_runs_that_logged_nothing_are_empty_and_say_so(tmp_path):
    write_run(tmp_path / "0", {"lr": 1})
    table = xv.load(tmp_path).results(by="lr")
    assert (table.rows, table.notes) == ((), ("The runs have logged nothing.",))
    assert (str(table), table.frame().height) == ("lr  n\nThe runs have logged nothing.", 0)
    assert all("logged nothing" in text for text in (table.markdown(), table.latex()))


def test_results_are_of_a_metric_that_many_runs_have(tmp_path):
    for job in range(5):
        write_run(tmp_path / str(job), {"seed": job}, {"loss" if job else "accuracy": [1.0]})
    runs = xv.load(tmp_path)
    assert runs.metrics == ("accuracy", "loss")
    assert [column.metric for column in runs.results(by=[]).columns] == ["loss"]
    assert [column.metric for column in runs[:2].results(by=[]).columns] == ["accuracy"]


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda runs: runs.curves("loss", by=3), "by is a text or a list of texts, not 3"),
        (lambda runs: runs.curves("loss", by=["lr", None]), "not ['lr', None]"),
        (lambda runs: runs.curves("loss", x=3), "x is one text, not 3"),
        (lambda runs: runs.curves("loss", strata=["a", "b"]), "strata is one text, not ['a', 'b']"),
        (lambda runs: runs.curves("loss", bin_width=True), "bin_width should be a positive number"),
        (lambda runs: runs.curves("loss", best=xv.Best(3)), "over of xv.Best is a text or"),
        (lambda runs: runs.curves(b"loss"), "metric is a text or a list of texts, not b'loss'"),
        (lambda runs: runs.results("loss", facet=3), "facet is one text, not 3"),
        (lambda runs: runs.table(better={3: "min"}), "a metric of better is one text, not 3"),
        (lambda runs: runs.table(3), "metrics is a text or a list of texts, not 3"),
        (lambda runs: runs.rows([3]), "metrics is a text or a list of texts, not [3]"),
        (lambda runs: runs[0].rows(3), "metrics is a text or a list of texts, not 3"),
        (lambda runs: runs[0].curve(None), "metric is one text, not None"),
        (lambda runs: runs[0].log(3), "the log's name is one text, not 3"),
        (lambda runs: runs[0].log(lines="x"), "lines is a whole number, not 'x'"),
        (lambda runs: runs.curves("loss")[["a"]], "there is no curve ['a']"),
        (lambda runs: runs.curves("loss", []).paper(facet=3), "facet is one text, not 3"),
        (lambda runs: runs.curves("loss", []).paper(size=None), "there is no size None; there are"),
        (lambda runs: runs.curves("loss", []).paper(x_scale=3), "there is no scale 3; there are"),
    ],
)
def test_an_argument_of_a_wrong_type_is_told_in_a_sentence(runs, ask, sentence):
    with pytest.raises(xv.QueryError) as error:
        ask(runs)
    assert sentence in str(error.value)


@pytest.mark.filterwarnings("ignore:the interval is by bootstrap")
def test_a_name_alone_in_a_list_is_that_name(runs):
    one = runs.curves("loss", by=["lr"], x=["step"], band="ci:95", strata=["seed"])
    assert one.frame().equals(runs.curves("loss", "lr", band="ci:95", strata="seed").frame())
    assert runs[0].curve(["loss"]).metric == "train/loss"


def test_sweeps_are_compared_by_position_too(runs):
    assert repr(runs.compare(0, 1)) == repr(runs.compare("first", "second"))
    only = runs.where("sweep = 'first'")
    with pytest.raises(xv.QueryError, match="there is no sweep 1: there is only 'first'"):
        only.compare(0, 1)
    with pytest.raises(xv.QueryError, match="there is no sweep 5: there are 2, counted from 0"):
        runs.compare(0, 5)
    for which in (1.5, None, True):
        with pytest.raises(xv.QueryError, match="takes two sweeps, by their names or positions"):
            runs.compare(0, which)


def test_the_best_setting_is_that_of_the_best_value(runs):
    best = runs.curves("train/loss", "epochs", best=xv.Best("seed", "min", summary="best"))
    lowest = runs.curves("train/loss", "epochs", best=xv.Best("seed", "min", summary="min"))
    assert [group.setting for group in best] == [group.setting for group in lowest]


def test_a_mean_is_of_a_whole_number_of_values(runs):
    with pytest.raises(xv.QueryError, match="mean takes a whole number of last values"):
        runs.table("train/loss", summary="mean:1.5")
    with pytest.raises(xv.QueryError, match="mean takes a whole number of rows"):
        runs.curves("train/loss", smooth="mean:2.5")


def test_a_value_between_steps_is_marked(runs):
    with pytest.warns(UserWarning, match=r"have not logged train/loss at step 1.5 itself"):
        runs.table("train/loss", summary="at:1.5")
