import math

import numpy as np
import pandas as pd
import pytest

import exptools.viewing as xv
from exptools.rundir import State
from tests.viewing.samples import write_run, write_sweep


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return xv.load(write_sweep(tmp_path_factory.mktemp("runs"), steps=5))


def test_curves_are_a_sequence_of_groups(runs):
    curves = runs.curves("train/loss", by="optim.lr")
    assert len(curves) == 3
    assert [group.label for group in curves] == ["0.001", "0.01", "0.1"]
    assert curves["0.01"] is curves[1] is curves.groups[1]
    assert "0.01" in curves
    assert curves[0] in curves
    assert runs.curves("train/loss", by="optim.lr")[0] not in curves
    assert len({curves, *curves}) == 4
    assert repr(curves[0]) == "<GroupCurve '0.001': 3 runs, 5 points>"
    assert [run.metrics for run in curves[0].runs] == [("test/accuracy", "train/loss")] * 3
    with pytest.raises(xv.QueryError, match=r"there is no curve '0.02'; did you mean '0.0"):
        curves["0.02"]
    with pytest.raises(xv.QueryError, match=r"there is no curve 0.01; did you mean '0.01'"):
        curves[0.01]
    for several in (curves, runs.curves(["train/loss"])):
        with pytest.raises(IndexError, match=f"no curves at 9: there are {len(several)}"):
            several[9]


def test_several_metrics_are_asked_for_at_once(runs):
    both = runs.curves(["train/loss", "test/accuracy"], by="optim.lr", band="sem")
    assert [curves.metric for curves in both] == ["train/loss", "test/accuracy"]
    assert both["test/accuracy"] is both[1]
    assert both[:1][0] is both[0]
    assert len(runs.curves(("train/loss", "train/loss"))) == 1
    frame = both.frame()
    assert frame.columns == ["metric", "optim.lr", "step", "center", "low", "high", "n"]
    alone = runs.curves("test/accuracy", by="optim.lr", band="sem").frame()
    assert frame.filter(frame["metric"] == "test/accuracy").drop("metric").equals(alone)
    assert both["loss"] is both[0]
    with pytest.raises(xv.QueryError, match="there are no curves of 'los'; did you mean"):
        both["los"]
    with pytest.raises(xv.QueryError, match="takes a metric, or a list of metrics"):
        runs.curves([])


def test_what_is_to_be_known_of_several_metrics_is_said_once(tmp_path):
    write_run(tmp_path / "0", {}, {"a": [float("nan"), 1.0], "b": [float("nan"), 1.0]})
    (note,) = xv.load(tmp_path).curves(["a", "b"]).notes
    assert note.startswith("1 logged value is NaN")


@pytest.mark.parametrize("smooth", [0.9, "0.9", "ema:0.9"])
def test_a_number_smooths_as_tensorboards_slider(runs, smooth):
    assert runs.curves("train/loss", smooth=smooth).smooth == "ema:0.9"


@pytest.mark.parametrize("smooth", [None, 0, 0.0, "none"])
def test_nothing_smooths_nothing(runs, smooth):
    assert runs.curves("train/loss", smooth=smooth).smooth == "none"


@pytest.mark.parametrize("smooth", [1, -0.5, 10, "ema:2", float("nan"), "averge", [0.9]])
def test_what_is_no_smoothing_is_said_to_be_so(runs, smooth):
    with pytest.raises(xv.QueryError, match="smoothing"):
        runs.curves("train/loss", smooth=smooth)


def test_curves_become_pandas(runs):
    curves = runs.curves("train/loss", by="optim.lr")
    frame = curves.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame.to_dict("list") == curves.frame().to_dict(as_series=False)
    assert list(runs.curves(["train/loss"]).to_pandas().columns)[:2] == ["metric", "name"]


def test_what_is_no_frame_is_told_how_it_becomes_one_of_pandas(runs):
    with pytest.raises(TypeError, match=r"takes a frame of polars, not <Runs.*own to_pandas\(\)"):
        xv.to_pandas(runs)
    with pytest.raises(TypeError, match=r"takes a frame of polars, not None$"):
        xv.to_pandas(None)


def test_several_metrics_are_drawn_in_a_panel_each(runs):
    drawn = runs.curves(["train/loss", "test/accuracy"], by="optim.lr").plot()
    layout = drawn.layout
    titles = [layout.yaxis.title.text, layout.yaxis2.title.text]
    assert titles == ["train/loss", "test/accuracy"]
    assert (layout.xaxis2.title.text, layout.xaxis2.matches) == ("step", "x")
    assert layout.yaxis.domain[0] > layout.yaxis2.domain[1]
    centers = [trace for trace in drawn.data if trace.uid.startswith("mean")]
    assert [trace.yaxis for trace in centers] == ["y"] * 3 + ["y2"] * 3
    assert sum(trace.showlegend for trace in drawn.data) == 3
    colors = {(trace.name, trace.line.color) for trace in centers}
    assert len(colors) == 3


def test_a_group_has_its_colour_also_where_another_lacks_the_metric(tmp_path):
    for job, metrics in enumerate([{"a": [1.0]}, {"a": [1.0], "b": [1.0]}]):
        write_run(tmp_path / str(job), {"lr": job}, metrics)
    drawn = xv.load(tmp_path).curves(["a", "b"], by="lr").plot()
    assert len({trace.line.color for trace in drawn.data if trace.name == "1"}) == 1


def test_one_metric_is_named_where_it_is_drawn(runs):
    layout = runs.curves("train/loss").plot().layout
    assert (layout.yaxis.title.text, layout.height) == ("train/loss", None)


@pytest.mark.slow
def test_several_metrics_become_a_figure_for_a_paper_that_a_notebook_shows(runs, tmp_path):
    both = runs.curves(["train/loss", "test/accuracy"], by="optim.lr")
    drawn = both.paper(size="text", out=tmp_path / "both.png")
    assert [axes.get_ylabel() for axes in drawn.axes] == ["train/loss", "test/accuracy"]
    picture, metadata = drawn._repr_png_()
    assert picture == (tmp_path / "both.png").read_bytes()
    assert metadata["width"] == round(5.5 * 144)


def test_what_is_to_be_known_of_one_of_several_metrics_names_it(tmp_path):
    for seed in range(4):
        values = {"loss": [1.0, math.nan if seed else 2.0], "reward": [1.0, 2.0]}
        write_run(tmp_path / str(seed), {"lr": seed % 2, "seed": seed}, values)
    both = xv.load(tmp_path).curves(["loss", "reward"], by=[], band="ci:95")
    (of_loss,) = [note for note in both.notes if "NaN" in note]
    assert of_loss.startswith("loss: 3 logged values are NaN")
    assert any(note.startswith("2 values of lr are averaged") for note in both.notes)
    assert of_loss in both._repr_html_()
    assert (both.band, set(both.caveats) <= set(both.notes)) == ("ci:95", True)


def test_what_a_caption_says_of_several_metrics_is_among_their_notes(tmp_path):
    for lr in (1, 2, 3):
        for seed in range(2):
            early = (lr, seed) == (1, 0)
            values = {name: [1.0] * (2 if early else 5) for name in ("loss", "reward")}
            state = State.FAILED if early else State.COMPLETED
            write_run(tmp_path / f"{lr}{seed}", {"lr": lr, "seed": seed}, values, state)
    both = xv.load(tmp_path).curves(["loss", "reward"], by="lr")
    assert both.notes[0].endswith(": 2 of the 6 lines are of 1 run from there on.")
    assert set(both.caveats) <= set(both.notes)
    assert not any("lines is" in note for note in both.notes)


def test_a_figure_has_its_numbers_as_arrays(runs):
    curves = runs.curves("train/loss", by="optim.lr", band="sem")
    lines = {trace.name: trace for trace in curves.plot().data}
    np.testing.assert_allclose(lines["0.01"].y, curves["0.01"].curve.center)
    np.testing.assert_allclose(lines["0.01"].customdata[:, 1], 3)
    shares = runs.importance("train/loss").plot().data[-1]
    assert shares.x.shape == shares.error_x.array.shape


def test_a_group_and_its_metric_are_whole_in_a_legend(tmp_path):
    for job, momentum in enumerate((0.0, 0.9)):
        write_run(
            tmp_path / str(job), {"model": "large", "momentum": momentum}, {"train/loss": [1.0]}
        )
        write_run(tmp_path / str(job + 2), {"model": "small", "momentum": momentum}, {"a": [1.0]})
    both = xv.load(tmp_path).curves(["train/loss", "a"], by=["model", "momentum"])
    names = {trace.name for trace in both.plot(together=True).data}
    assert "model=large, momentum=0.9 · train/loss" in names


def test_a_reference_line_that_is_a_bare_number_is_told_how_to_be_one(runs):
    with pytest.raises(
        xv.QueryError, match=r"a reference line is a number and its name.*, not 0.3"
    ):
        runs.curves("train/loss").plot(references=0.3)


def test_curves_of_no_metric_are_of_the_one_that_tells_most(runs):
    assert runs.curves(by="lr").metric == runs.default_metric == "test/accuracy"


def test_the_best_setting_of_one_key_is_asked_for_by_its_name(runs):
    assert runs.curves("train/loss", by=[], best="lr").over == ("lr",)


def test_the_best_setting_of_several_keys_is_asked_for_by_their_names(runs):
    several = runs.curves("train/loss", by=[], best=["lr", "seed"])
    as_best = runs.curves("train/loss", by=[], best=xv.Best(("lr", "seed")))
    assert several.over == ("lr", "seed")
    assert several[0].setting == as_best[0].setting
    with pytest.raises(xv.QueryError, match="best takes a key, or a list of keys, as 'lr'"):
        runs.curves("train/loss", by=[], best=[])


@pytest.mark.parametrize(
    ("option", "sentence"),
    [("widht", "there are bands, colors, facet"), ("label", "did you mean 'labels'")],
)
def test_an_option_that_no_figure_has_is_told_with_those_that_there_are(runs, option, sentence):
    curves = runs.curves("train/loss", by="lr")
    with pytest.raises(TypeError, match=f"paper takes no {option!r}; {sentence}"):
        curves.paper(**{option: 3})
    with pytest.raises(TypeError, match="plot takes no 'size'; there are colors, labels"):
        curves.plot(size=3)
    with pytest.raises(TypeError, match="paper takes no 'width'; there are out, size"):
        runs.importance("train/loss").paper(width=3)


def test_colours_may_be_called_as_matplotlib_calls_them(runs):
    curves = runs.curves("train/loss", by="lr")
    ours = {"0.001": "red", "0.01": "C0", "0.1": "#d9580a"}
    assert {trace.line.color for trace in curves.plot(colors=ours).data if trace.name} >= {
        "#ff0000",
        "#1f77b4",
        "#d9580a",
    }
    assert [line.get_color() for line in curves.paper(colors=ours).axes[0].lines[:1]]
    with pytest.raises(
        xv.QueryError, match="or a name that Matplotlib knows, as 'red'; not 'redd'"
    ):
        curves.paper(colors={"0.1": "redd"})


def test_a_range_is_of_a_metric_by_its_end_and_of_no_other(runs):
    curves = runs.curves(["train/loss", "test/accuracy"], by="lr")
    assert curves.paper(y_range={"accuracy": (0, 2)}).axes[1].get_ylim() == (0, 2)
    with pytest.raises(xv.QueryError, match="'acuracy'; did you mean 'test/accuracy'"):
        curves.paper(y_range={"acuracy": (0, 2)})


def test_what_is_no_text_is_answered_with_the_text_or_told_where_it_stands(runs):
    with pytest.raises(xv.QueryError, match=r"there is no curve 0.1 to name .* mean '0.1'"):
        runs.curves("loss", by="lr").plot(labels={0.1: "ours"})
    with pytest.raises(TypeError, match=r"colors is a dict .* '#d9580a'\}; not 'red'"):
        runs.curves("loss", by="lr").plot(colors="red")
    with pytest.raises(TypeError, match=r"labels is a dict .*; not \['ours'\]"):
        runs.curves("loss", by="lr").paper(labels=["ours"])
    with pytest.raises(xv.QueryError, match="of is one text, not <Runs: 3 runs"):
        runs.improvement("loss", of=runs[:3], over="lr = 0.1")
