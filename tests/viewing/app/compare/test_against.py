"""Metrics together, a baseline, reference lines, own names: in the chart and in exports."""

import base64
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from exptools.rundir import USAGE_FILE
from exptools.viewing.app.compare.captions import caption
from exptools.viewing.app.compare.chart import chart, columns_of
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.compare.controls import metric_options
from exptools.viewing.app.compare.downloads import as_python, download
from exptools.viewing.app.compare.log_axes import on_log_axes
from exptools.viewing.app.compare.tab import draw
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.painted.picture import picture
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.theme import LIGHT
from exptools.viewing.run_files.group_names import GroupNames, group_id
from tests.viewing.samples import csv_text, indexed, numbers, write_run, write_sweep

TWO = ("train/loss", "test/accuracy")
LINE = "test/accuracy = 0.9 PPO (paper)"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return indexed(write_sweep(tmp_path_factory.mktemp("runs") / "outputs"))


@pytest.fixture
def workspace(sweep, tmp_path):
    return Workspace(sweep, names=GroupNames(sweep.roots[0], tmp_path / "names"))


def shown(workspace, **chosen):
    view = resolve(View(**chosen), workspace.facts())
    content = on_log_axes(drawing(workspace, view), view)
    return chart(content, view, LIGHT), content, view


def lines(figure):
    return {t["name"]: t for t in figure["data"] if t["uid"].startswith("mean")}


def test_several_metrics_share_a_panel_whose_legend_says_both(workspace):
    figure, content, view = shown(workspace, metrics=TWO, together=True)
    assert len(content.panels) == columns_of(content, view) == 1
    assert figure["layout"]["legend"]["title"]["text"] == "lr (colour) · metric (dashes)"
    drawn = lines(figure)
    assert set(drawn) == {f"{lr} · {m}" for lr in ("0.001", "0.01", "0.1") for m in TWO}
    same = [drawn[f"0.1 · {metric}"]["line"] for metric in TWO]
    assert same[0]["color"] == same[1]["color"]
    assert [line["dash"] for line in same] == ["solid", "dash"]
    assert picture(content, view).count('stroke-dasharray="9 9"') == 6  # lines and legend


def test_a_metric_of_another_scale_has_the_axis_at_the_right_and_that_is_said(tmp_path):
    for at in range(2):
        columns = {"loss": [1.0, 0.5 + at], "reward": [100.0, 300.0]}
        write_run(tmp_path / str(at), {"env": "ab"[at], "lr": at}, csv_text(columns))
    workspace = Workspace(indexed(tmp_path))
    figure, content, view = shown(
        workspace, metrics=("loss", "reward"), together=True, by=("lr",), split=("env",)
    )
    assert [(panel.metric, panel.over) for panel in content.panels] == [
        *(("loss", None), ("loss", None)),
        *(("reward", 0), ("reward", 1)),
    ]
    layout = figure["layout"]
    assert (layout["yaxis3"]["overlaying"], layout["yaxis4"]["overlaying"]) == ("y", "y2")
    assert layout["yaxis4"]["matches"] == "y3"
    assert layout["meta"]["metrics"] == ["loss", "loss", "reward", "reward"]
    answer = draw(workspace, version=0, data=view.to_data(), colors="light", drawn=None)
    assert "The axis at the right is of reward." in [note.children for note in answer["notes"]]
    assert picture(content, view) == ""  # the server paints no such axis


def test_the_chart_shows_differences_to_the_baseline_and_the_caption_says_how(workspace):
    chosen = {"baseline": "lr=0.01", "references": (LINE,)}
    figure, content, view = shown(workspace, **chosen, band="t:95")
    drawn = lines(figure)
    assert set(numbers(drawn["0.01 (baseline)"]["y"])) == {0}
    expected = 0.7 * (1 - np.exp(-29 / 8)) - 0.9 * (1 - np.exp(-29 / 8))
    assert numbers(drawn["0.1"]["y"])[-1] == pytest.approx(expected)
    said = caption(workspace.facts(), view, content)
    assert "Shown is the difference to lr=0.01. Runs are paired by seed (3 pairs)" in said
    assert "lr=0.01" in figure["layout"]["yaxis"]["title"]["text"]
    assert not [t for t in figure["data"] if t["uid"].startswith("reference")]  # no differences
    assert content.baselines == ("lr=0.001", "lr=0.01", "lr=0.1")


def test_a_baseline_holds_in_each_panel_and_one_that_is_gone_is_said(workspace):
    _, content, _ = shown(workspace, baseline="lr=0.01", split=("seed",))
    assert [panel.groups[1].is_baseline for panel in content.panels] == [True] * 3
    _, gone, _ = shown(workspace, baseline="lr=0.01", where="lr > 0.05")
    assert gone.empty.startswith("The baseline lr=0.01 is not among the runs that are shown")
    _, part, _ = shown(workspace, baseline="lr=0.01", split=("optim.lr",), by=("seed",))
    assert part.empty.startswith("The baseline")


def test_a_baseline_is_drawn_also_where_there_are_too_many_groups(tmp_path):
    for at in range(50):
        write_run(tmp_path / str(at), {"lr": at}, csv_text({"loss": [float(at)]}))
    _, content, _ = shown(Workspace(indexed(tmp_path)), by=("lr",), baseline="lr=49")
    assert any(group.is_baseline for group in content.panels[0].groups)


def test_a_reference_line_crosses_the_panel_of_its_metric_and_its_axis_has_room(workspace):
    figure, content, view = shown(workspace, metrics=TWO, references=(LINE, "9 out there"))
    references = {t["name"]: t for t in figure["data"] if t["uid"].startswith("reference")}
    assert references["PPO (paper)"]["y"] == [0.9, 0.9]
    assert references["PPO (paper)"]["yaxis"] == "y2"
    assert references["PPO (paper)"]["fill"] == "tonexty"  # so Plotly adds no room along x
    assert references["out there"]["yaxis"] == "y"  # of the metric that is shown first
    assert "PPO (paper)" in picture(content, view)
    clipped, _, _ = shown(workspace, references=("7 far",), clip=True)
    assert clipped["layout"]["yaxis"]["autorangeoptions"]["clipmax"] == 7
    log, _, _ = shown(workspace, references=("0 nowhere",), log=("y",))
    assert not [t for t in log["data"] if t["uid"].startswith("reference")]


def test_lines_that_cannot_be_read_are_said_at_their_field_and_in_the_address(workspace):
    data = resolve(View(references=("PPO",)), workspace.facts()).to_data()
    answer = draw(workspace, version=0, data=data, colors="light", drawn=None)
    assert answer["bad_line"].startswith("a reference line is a number and its name")
    assert "references=PPO in the URL is ignored" in View.from_query("references=PPO").notes[0]


def test_an_own_name_and_colour_are_drawn_kept_and_taken_back(workspace):
    before, _, _ = shown(workspace)
    group = group_id(("optim.lr",), (0.01,))
    assert workspace.names.keep(group, label=" ours\n", color="#8800cc")[1] == ""
    figure, content, view = shown(workspace)
    assert lines(figure)["ours"]["line"]["color"] == "#8800cc"
    assert "stroke:#8800cc" in picture(content, view)
    assert 'labels={"0.01": "ours"}, colors={"0.01": "#8800cc"}' in as_python(workspace, None)
    workspace.names.reset()
    after, _, _ = shown(workspace)
    assert after == before


VIEWS = {
    "baseline": View(baseline="lr=0.01", band="t:95", references=("test/accuracy = 1 x",)),
    "in percent, split": View(baseline="lr=0.01", difference="percent", split=("seed",)),
    "a run as baseline": View(baseline="3", by=("run.name",), band="none"),
    "together": View(metrics=TWO, together=True, references=(LINE,)),
    "together, split": View(metrics=TWO, together=True, split=("seed",), band="none"),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_python_draws_the_very_figure_and_numbers_of_the_page(
    workspace, tmp_path, monkeypatch, view
):
    monkeypatch.chdir(tmp_path)
    workspace.names.keep(group_id(("optim.lr",), (0.1,)), label="theirs", color="#00aa00")
    made = {}
    exec(as_python(workspace, view.to_data()), made)
    link = View(where="'a\nimport os\n#'")  # what cannot be read is no line of the script
    assert len(as_python(workspace, link.to_data()).splitlines()) == 1
    curves = made["curves"] if isinstance(made["curves"], list) else [made["curves"]]
    file, _ = download(workspace, "csv", view.to_data())
    of_page = pl.read_csv(base64.b64decode(file["content"]))
    of_python = pl.concat([part.frame().select("center", "low", "high") for part in curves])
    assert np.array_equal(
        of_page.select("center", "low", "high").to_numpy(), of_python.to_numpy(), equal_nan=True
    )
    assert ("baseline" in of_page.columns) == bool(view.baseline)
    file, _ = download(workspace, "pdf", view.to_data())
    assert (tmp_path / "curves.pdf").read_bytes() == base64.b64decode(file["content"])


def test_what_jobs_used_can_be_chosen_under_a_heading(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1}, csv_text({"loss": [1.0, 2.0]}))
    (run / USAGE_FILE).write_text(
        "time,cpu_percent,rss,gpu_percent,gpu_memory\n1700000000.5,50,1e9,,\n"
    )
    workspace = Workspace(indexed(tmp_path))
    facts = workspace.facts()
    assert facts.metric == "loss"
    assert metric_options(facts) == [
        {"group": "Logged", "items": ["loss"]},
        {"group": "Resources", "items": ["usage/cpu_percent", "usage/rss"]},
    ]
    figure, _, view = shown(workspace, metrics=("usage/cpu_percent",))
    assert view.metrics == ("usage/cpu_percent",)
    (line,) = lines(figure).values()
    assert numbers(line["y"]) == [50]
    assert replace(view, notes=()) == view
