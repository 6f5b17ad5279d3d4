"""The tab of charts, without a browser."""

import pytest
from dash import no_update

from exptools.rundir import SWEEP_FILE, write_atomic
from exptools.viewing.app.charts.content import chart_content
from exptools.viewing.app.charts.controls import CHARTS, chosen, controls
from exptools.viewing.app.charts.tab import draw_chart, draw_controls
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.theme import LIGHT
from exptools.viewing.run_files.group_names import OwnName, group_id
from tests.viewing.samples import indexed, write_dying_sweep, write_run, write_summary, write_sweep

ACCURACY = "test/accuracy"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(indexed(write_sweep(tmp_path_factory.mktemp("outputs"))))


def view_of(workspace, query=""):
    return resolve(View.from_query(f"tab=charts&{query}"), workspace.facts())


def drawn(workspace, query=""):
    return chart_content(workspace.index, workspace.facts(), view_of(workspace, query), LIGHT)


def values(workspace, query=""):
    return chosen(controls(workspace.facts(), view_of(workspace, query)))


def workspace_of(root, *configs, metric="acc", sweeps=()):
    for job, config in enumerate(configs):
        sweep = sweeps[job] if sweeps else "s"
        write_run(root / sweep / str(job), config, {metric: [float(job)]} if metric else None)
        write_atomic(root / sweep / SWEEP_FILE, b"{}\n")
    return Workspace(indexed(root))


def test_at_first_each_chart_chooses_what_says_something(workspace):
    assert values(workspace)["by"] == ("optim.lr",)
    assert values(workspace)["metric"] == ACCURACY
    heat = values(workspace, "chart=heat-map")
    assert (heat["columns"], heat["rows"]) == ("optim.lr", "seed")
    scatter = values(workspace, "chart=scatter")
    assert (scatter["x"], scatter["y"]) == ("key:optim.lr", f"metric:{ACCURACY}")
    assert values(workspace, "chart=parallel")["axes"] == ("optim.lr",)
    assert values(workspace, "chart=timeline") == {}


@pytest.mark.parametrize("chart", ["bars", "improvement"])
def test_a_group_has_its_own_name_and_colour_in_the_charts_of_groups_too(workspace, chart):
    view = view_of(workspace, f"chart={chart}&by=optim.lr")
    names = {group_id(("optim.lr",), (0.01,)): OwnName("ours", "#8800cc")}
    shown = chart_content(workspace.index, workspace.facts(), view, LIGHT, names).chart
    figure = repr(shown.figure)
    assert "ours" in figure
    assert "#8800cc" in figure
    assert (shown.headline.startswith("ours is better than lr=0.1")) == (chart == "improvement")


def test_the_newest_sweep_stands_at_the_right_of_the_one_before(tmp_path):
    sweeps = ("2026-11-09", "2026-11-10", "2026-11-11")
    found = values(workspace_of(tmp_path, {}, {}, {}, sweeps=sweeps), "chart=sweeps")
    assert (found["left"], found["right"]) == sweeps[1:]


def test_what_was_said_of_the_runs_can_be_drawn_also_where_there_are_no_curves(tmp_path):
    workspace = workspace_of(tmp_path, {"lr": 1}, {"lr": 2}, metric=None)
    for job in (0, 1):
        write_summary(tmp_path / "s" / str(job), result=float(job), note="x")
    workspace.index.refresh()
    chosen = values(workspace)
    assert (chosen["metric"], "summary" in chosen) == ("summary.result", False)
    chart = drawn(workspace).chart
    assert chart.caption.startswith("A dot is the result of a run")
    assert drawn(workspace, "chart=scatter").chart is not None
    assert drawn(workspace, "chart=parallel").chart is not None
    assert drawn(workspace, "chart=sweeps").empty.startswith("Two sweeps are compared by a metric")


def test_a_metric_that_hardly_any_run_has_is_not_chosen_where_others_have_one_in_common(tmp_path):
    for job in range(6):
        metrics = {"loss": [1.0 / (job + 1)]} | ({"test/accuracy": [0.5]} if job == 0 else {})
        write_run(tmp_path / str(job), {"lr": job}, metrics)
    assert values(Workspace(indexed(tmp_path)))["metric"] == "loss"
    for job in range(6, 20):
        write_summary(write_run(tmp_path / str(job), {"lr": job}), result=float(job))
    workspace = Workspace(indexed(tmp_path))
    assert values(workspace)["metric"] == "summary.result"
    assert values(workspace, "chart=scatter")["y"] == "metric:summary.result"
    assert values(workspace, "metrics=test/accuracy")["metric"] == "test/accuracy"


def test_what_the_filter_leaves_without_the_metric_is_told_from_what_nobody_has(tmp_path):
    workspace = workspace_of(tmp_path, {"lr": 1}, {"lr": 2})
    write_run(tmp_path / "s" / "8", {"lr": 8}, {"loss": [1.0]})
    write_summary(write_run(tmp_path / "s" / "9", {"lr": 9}), result=1.0)
    workspace.index.refresh()
    assert drawn(workspace, "metrics=acc&where=lr=8").empty == (
        "None of the runs shown has logged acc. They have loss: choose it as metric."
    )
    assert drawn(workspace, "metrics=acc&where=lr=9").empty == (
        "None of the runs shown has logged acc. They have result: choose that."
    )


def test_what_the_address_says_is_chosen_and_what_it_cannot_mean_is_not(workspace):
    assert values(workspace, "option.summary=mean:5")["number"] == "5"
    assert values(workspace, "option.summary=nonsense")["summary"] == "last"
    assert values(workspace, "chart=heat-map&option.rows=nothing")["rows"] == "seed"
    assert values(workspace, "chart=scatter&option.x=metric:train/loss")["x"].endswith("loss")
    assert values(workspace, "chart=nothing") == values(workspace, "chart=bars")


@pytest.mark.parametrize("chart", [name for name in CHARTS if name not in ("sweeps", "timeline")])
def test_the_options_reach_the_chart(workspace, chart):
    one = drawn(workspace, f"chart={chart}&option.summary=max").chart
    other = drawn(workspace, f"chart={chart}&option.summary=at:3").chart
    assert "highest test/accuracy" in one.caption + str(one.figure["layout"])
    assert "value at step 3 of test/accuracy" in other.caption + str(other.figure["layout"])


def test_a_filter_and_a_selection_hold_here_too(workspace):
    filtered = drawn(workspace, "where=optim.lr%3E0.001")
    assert filtered.chart.figure["layout"]["yaxis"]["ticktext"] == ["0.01", "0.1"]
    selected = drawn(workspace, "selected=0&selected=1")
    assert selected.chart.figure["layout"]["yaxis"]["ticktext"] == ["0.001"]
    assert "n = 2" in selected.chart.caption


def test_a_sweep_that_the_filter_leaves_out_is_named(tmp_path):
    workspace = workspace_of(tmp_path, {"lr": 1}, {"lr": 2}, sweeps=("a", "b"))
    assert drawn(workspace, "chart=sweeps").chart is not None
    filtered = drawn(workspace, "chart=sweeps&where=lr%3E1")
    assert filtered.empty.startswith("No run of the sweep a is left by the filter")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("chart=heat-map", "A heat map needs two keys that vary between the runs; here only lr"),
        ("chart=sweeps", "Sweeps stand side by side where there are two of them; here there is"),
        ("chart=timeline", "No run has a status that says when it started: nothing to show."),
        ("where=lr%3E5", "No run fulfils lr>5."),
        ("where=lr%3E", "'lr>' cannot be read as a condition"),
        ("metrics=acc&option.summary=best&chart=scatter&option.x=metric:odd", "Whether more or"),
        ("chart=scatter&option.summary=mean:0", "Summary 'mean:0': mean takes"),
    ],
)
def test_where_there_is_nothing_to_draw_one_sentence_says_why(tmp_path, query, sentence):
    write_run(tmp_path / "s" / "9", {"lr": 2}, {"odd": [1.0]})
    found = drawn(workspace_of(tmp_path, {"lr": 1}, {"lr": 2}), query)
    assert found.chart is None
    assert found.empty.startswith(sentence)


def test_without_runs_metrics_or_keys_there_is_a_sentence_too(tmp_path):
    (tmp_path / "none").mkdir()
    nothing = Workspace(indexed(tmp_path / "none"))
    without_metric = workspace_of(tmp_path / "queued", {"lr": 1}, metric=None)
    alone = workspace_of(tmp_path / "alone", {"lr": 1})
    for chart in CHARTS:
        assert drawn(nothing, f"chart={chart}").empty.startswith("No runs here yet.")
    assert drawn(without_metric).empty.startswith("No curves: these runs have ended and logged no")
    assert "here none does" in drawn(alone, "chart=parallel").empty
    assert drawn(alone).chart.caption.startswith("A dot is the last acc of a run")


def test_a_tab_that_nobody_sees_computes_nothing(workspace):
    data = View(tab="compare").to_data()
    assert draw_chart(workspace, data, 0, "dark") is no_update
    assert draw_controls(workspace, data, 0, None) is no_update


def test_controls_that_stay_as_they_are_are_left_alone(workspace):
    data = view_of(workspace).to_data()
    components, drawn_with = draw_controls(workspace, data, 0, None)
    assert (drawn_with["chart"], len(components)) == ("bars", 7)
    assert draw_controls(workspace, data, 1, drawn_with) is no_update


@pytest.mark.parametrize("chart", ["bars", "parallel", "scatter"])
def test_the_runs_that_count_are_chosen_here_too_and_the_others_told(tmp_path, chart):
    workspace = Workspace(indexed(write_dying_sweep(tmp_path / "outputs")))
    query = f"chart={chart}&option.axes=seed&by="
    assert "Of the 8 runs 5 failed and 1 was killed" in drawn(workspace, query).chart.caption
    finished = drawn(workspace, f"{query}&states=finished").chart.caption
    left_out = "Only finished runs count: 6 are left out (5 failed and 1 was killed)."
    assert finished.endswith(left_out)
    assert "Of the" not in finished


@pytest.mark.parametrize("chart", ["bars", "heat-map", "parallel", "scatter"])
def test_a_value_between_two_steps_is_said_in_the_caption(workspace, chart):
    between = drawn(workspace, f"chart={chart}&option.summary=at:3.5").chart.caption
    assert "9 runs have not logged test/accuracy at step 3.5 itself" in between
    assert "itself" not in drawn(workspace, f"chart={chart}&option.summary=at:3").chart.caption
