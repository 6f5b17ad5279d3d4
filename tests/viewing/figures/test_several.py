"""Several metrics in a panel, reference lines, own names and colours, in both kinds of figures."""

import numpy as np
import pytest

import exptools.viewing as xv
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.references import Reference, parse_reference
from exptools.viewing.figures.together import shared_panels
from tests.viewing.samples import csv_text, write_run, write_sweep


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return xv.load(write_sweep(tmp_path_factory.mktemp("runs") / "outputs"))


def named(figure):
    return {trace.name: trace for trace in figure.data if trace.name}


def test_together_colour_is_the_group_and_dashes_are_the_metric(runs):
    curves = runs.curves(["train/loss", "test/accuracy"], by="lr")
    drawn = curves.plot(together=True)
    lines = named(drawn)
    assert len(lines) == 6
    one, other = lines["0.1 · train/loss"].line, lines["0.1 · test/accuracy"].line
    assert one.color == other.color
    assert (one.dash, other.dash) == ("solid", "dash")
    assert drawn.layout.legend.title.text == "lr (colour) · metric (dashes)"
    assert drawn.layout.yaxis.title.text == "train/loss, test/accuracy"


def test_a_long_title_of_the_legend_has_two_lines(tmp_path):
    for job in range(2):
        values = {"loss": [1.0], "reward": [2.0]}
        write_run(tmp_path / str(job), {"a_name_of_a_key_of_many_letters": job}, values)
    curves = xv.load(tmp_path).curves(["loss", "reward"], by="a_name_of_a_key_of_many_letters")
    title = curves.plot(together=True).layout.legend.title.text
    assert title.endswith("(colour)<br>metric (dashes)")


def test_of_fewer_groups_than_metrics_colour_is_the_metric(runs):
    drawn = runs.curves(["train/loss", "test/accuracy"], by=[]).plot(together=True)
    one, other = (named(drawn)[name].line for name in ("train/loss", "test/accuracy"))
    assert one.color != other.color
    assert one.dash == other.dash == "solid"


def test_what_has_another_scale_has_the_axis_at_the_right_and_a_third_one_its_own_panel(tmp_path):
    columns = {"loss": [1.0, 0.5], "reward": [100.0, 300.0], "steps": [1e5, 2e5]}
    write_run(tmp_path / "0", {"seed": 0}, csv_text(columns))
    drawn = xv.load(tmp_path).curves(list(columns), by=[]).plot(together=True)
    axes = {name: trace.yaxis for name, trace in named(drawn).items()}
    assert axes == {"loss": "y", "reward": "y3", "steps": "y2"}
    assert (drawn.layout.yaxis3.overlaying, drawn.layout.yaxis3.side) == ("y", "right")
    assert [p.metrics for p in shared_panels({"loss": 1, "reward": 300, "steps": 2e5})] == [
        ("loss", "reward"),
        ("steps",),
    ]


def test_more_metrics_than_kinds_of_dashes_are_refused(tmp_path):
    columns = {f"m{at}": [1.0] for at in range(8)}
    write_run(tmp_path / "0", {"seed": 0}, csv_text(columns))
    curves = xv.load(tmp_path).curves(list(columns), by=[])
    with pytest.raises(QueryError, match="8 metrics in one panel cannot be told apart"):
        curves.plot(together=True)


def test_a_paper_has_them_together_too_with_the_same_right_axis(runs, tmp_path):
    curves = runs.curves(["train/loss", "test/accuracy"], by="lr")
    drawn = curves.paper(together=True, references=["test/accuracy = 0.9 PPO $1$"])
    (axes,) = drawn.axes
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert len(labels) == 6
    assert "0.1 · train/loss" in labels
    assert "PPO $1$" in [text.get_text() for text in axes.texts]
    columns = {"loss": [1.0, 0.5], "reward": [100.0, 300.0]}
    write_run(tmp_path / "0", {"seed": 0}, csv_text(columns))
    two = xv.load(tmp_path).curves(list(columns), by=[]).paper(together=True)
    left, right = two.axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "reward")
    assert np.allclose(right.lines[0].get_ydata(), [100, 300])


def test_own_names_and_colours_are_those_of_the_groups(runs):
    curves = runs.curves("test/accuracy", by="lr")
    look = {"labels": {"0.01": "ours"}, "colors": {"0.01": "#8800CC"}}
    assert named(curves.plot(**look))["ours"].line.color == "#8800cc"
    drawn = curves.paper(**look)
    assert "ours" in [text.get_text() for text in drawn.legends[0].get_texts()]
    with pytest.raises(QueryError, match=r"no curve '0.02' .*did you mean"):
        curves.plot(labels={"0.02": "x"})
    with pytest.raises(QueryError, match="a name that Matplotlib knows, as 'red'; not 'rot'"):
        curves.paper(colors={"0.01": "rot"})


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "0.95 PPO (paper)": Reference(0.95, "PPO (paper)"),
        "test/loss = 0.3 theirs": Reference(0.3, "theirs", "test/loss"),
        "-1e3": Reference(-1000.0),
        "a = b = 2.5k x": Reference(2500.0, "x", "a = b"),
        "1,000 a=1": Reference(1000.0, "a=1"),
        "95% human": Reference(0.95, "human"),
    }.items(),
)
def test_a_reference_line_is_a_number_and_a_name(text, expected):
    assert parse_reference(text) == expected
    assert parse_reference(str(expected)) == expected


@pytest.mark.parametrize(
    "bad", ["", "PPO", "nan x", "1e999 x", "= 3", None, Reference(float("inf")), "1" * 99_999 + "x"]
)
def test_what_is_no_reference_line_is_said(bad):
    with pytest.raises(QueryError, match=r"a reference line (is|of)"):
        parse_reference(bad)


def test_a_reference_line_goes_into_the_panel_of_its_metric_and_into_no_difference(runs):
    curves = runs.curves(["train/loss", "test/accuracy"], by="lr")
    drawn = curves.plot(references=["0.3 theirs", xv.Reference(0.9, "PPO", "accuracy")])
    assert {name: named(drawn)[name].yaxis for name in ("theirs", "PPO")} == {
        "theirs": "y",
        "PPO": "y2",
    }
    assert named(drawn)["PPO"].y == (0.9, 0.9)
    with pytest.raises(QueryError, match="leave the lines or the baseline out"):
        runs.curves("train/loss", by="lr", baseline="0.1").plot(references=["1 x"])
    with pytest.raises(QueryError, match="'reward'"):
        curves.paper(references=["reward = 1 x"])
