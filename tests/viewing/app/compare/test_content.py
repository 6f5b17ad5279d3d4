"""What the Compare tab draws and says, without a browser."""

import base64
import shutil

import numpy as np
import pytest

from exptools.rundir import State
from exptools.viewing import load
from exptools.viewing.app.compare.captions import caption, pager, reason
from exptools.viewing.app.compare.chart import chart, height
from exptools.viewing.app.compare.content import MOST_GROUPS, MOST_PANELS, drawing
from exptools.viewing.app.compare.downloads import as_python, download
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.view import EACH_RUN, View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.theme import LIGHT
from tests.viewing.samples import (
    csv_text,
    indexed,
    write_dying_sweep,
    write_run,
    write_summary,
    write_sweep,
)


@pytest.fixture
def sweep(tmp_path):
    return Workspace(indexed(write_sweep(tmp_path / "outputs")))


def shown(workspace, view=None):
    """The figure of a view, and the view with all that was left open chosen."""
    view = resolve(view or View(), workspace.facts())
    found = drawing(workspace, view)
    return chart(found, view, LIGHT), found, view


def words(workspace, view=None):
    view = resolve(view or View(), workspace.facts())
    found = drawing(workspace, view)
    return found.empty or caption(workspace.facts(), view, found)


def legend(figure) -> list[str]:
    return [trace["name"] for trace in figure["data"] if trace["showlegend"]]


def numbers(packed) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])


def of_kind(figure, kind: str) -> list[dict]:
    return [trace for trace in figure["data"] if trace["uid"].startswith(kind)]


def made(tmp_path, *runs):
    """A workspace of runs, each a config and the values of its metrics."""
    for job, (config, metrics) in enumerate(runs):
        write_run(tmp_path / str(job), config, metrics and csv_text(metrics))
    return Workspace(indexed(tmp_path))


def test_the_key_on_which_the_metric_depends_most_is_grouped_by_first(tmp_path):
    runs = [
        ({"idle": idle, "telling": telling, "seed": seed}, {"reward": [10.0 * telling + seed]})
        for idle in (1, 2)
        for telling in (1, 2)
        for seed in (0, 1)
    ]
    workspace = made(tmp_path, *runs)
    assert workspace.facts().by == ("telling",)
    first = resolve(View(), workspace.facts())
    assert reason(workspace.facts(), first) == (
        "Chosen for you: reward by telling, which matters most."
    )
    assert words(workspace).startswith(
        "Each line is the mean of 4 runs with the same telling (2 seeds and 2 values of idle "
    )


def test_of_many_runs_some_that_are_drawn_by_chance_tell_that_key(tmp_path, monkeypatch):
    monkeypatch.setattr("exptools.viewing.app.facts.COMPARED", 12)
    runs = [
        ({"idle": idle, "telling": telling, "seed": seed}, {"reward": [10.0 * telling + seed]})
        for idle in (1, 2)
        for telling in (1, 2)
        for seed in range(6)
    ]
    workspace = made(tmp_path, *runs)
    asked = []
    last = workspace.index.last
    monkeypatch.setattr(workspace.index, "last", lambda of, m: asked.extend(of) or last(of, m))
    assert workspace.facts().by == ("telling",)
    assert len(asked) == 12
    assert {run.config["telling"] for run in asked} == {1, 2}


def test_where_only_the_seed_differs_all_runs_are_one_line(tmp_path):
    workspace = made(tmp_path, *[({"seed": seed}, {"acc": [0.1 * seed]}) for seed in range(3)])
    figure, _, view = shown(workspace)
    assert view.by == ()
    assert len(of_kind(figure, "mean")) == 1
    assert words(workspace).startswith("The line is the mean of 3 runs (3 seeds averaged)")


def test_metrics_and_values_of_the_split_keys_have_panels_with_one_legend(sweep):
    view = View(metrics=("test/accuracy", "train/loss"), by=("optim.lr",), split=("seed",))
    figure, found, _ = shown(sweep, view)
    assert [(panel.metric, panel.title) for panel in found.panels[:4]] == [
        *[("test/accuracy", f"seed={seed}") for seed in range(3)],
        ("train/loss", "seed=0"),
    ]
    assert len(legend(figure)) == 3
    assert {trace["xaxis"] for trace in figure["data"]} == {"x", "x2", "x3", "x4", "x5", "x6"}
    assert figure["layout"]["xaxis5"]["matches"] == "x"
    assert [figure["layout"][f"yaxis{n}"]["matches"] for n in (2, 5)] == ["y", "y4"]
    assert height(found, view) == 500


def test_a_metric_of_other_steps_has_its_own_axis_and_range(tmp_path):
    rows = "step,wall_time,loss,epoch/acc\n0,1,2,\n50000,2,1,\n0,3,,0.1\n20,4,,0.9\n"
    write_run(tmp_path / "0", {"lr": 1}, rows)
    view = View(metrics=("loss", "epoch/acc"), by=("lr",), x_ranges={"epoch/acc": (5.0, 10.0)})
    layout = shown(Workspace(indexed(tmp_path)), view)[0]["layout"]
    assert "matches" not in layout["xaxis2"]
    assert (layout["xaxis"]["autorange"], layout["xaxis2"]["range"]) == (True, [5, 10])
    assert layout["meta"]["x"] == ["loss", "epoch/acc"]


def test_the_vertical_axis_says_what_it_is_of_unless_the_panels_title_does(sweep):
    layout = shown(sweep, View(split=("seed",)))[0]["layout"]
    titles = [layout[f"yaxis{n}"].get("title", {}).get("text") for n in ("", 2, 3)]
    assert titles == ["test/accuracy", None, None]
    layout = shown(sweep, View(metrics=("test/accuracy", "train/loss")))[0]["layout"]
    assert "title" not in layout["yaxis"]
    assert layout["annotations"][0]["text"] == "<b>test/accuracy</b>"


def test_more_panels_than_can_be_read_are_not_drawn_and_that_is_said(tmp_path):
    workspace = made(tmp_path, *[({"lr": n}, {"acc": [n]}) for n in range(MOST_PANELS + 6)])
    _, found, _ = shown(workspace, View(split=("lr",), by=()))
    assert len(found.panels) == MOST_PANELS
    assert found.notes == ("30 panels are too many: the first 24 are drawn.",)


def test_of_too_many_groups_a_page_of_the_best_is_drawn(tmp_path):
    runs = [({"lr": n}, {"acc": [n], "loss": [n]}) for n in range(MOST_GROUPS + 5)]
    workspace = made(tmp_path, *runs)
    figure, found, view = shown(workspace, View(by=("lr",)))
    assert len(legend(figure)) == MOST_GROUPS
    assert legend(figure)[0] == "44"
    assert pager(found, view).startswith("Groups 1 to 40 of 45")
    figure, found, view = shown(workspace, View(by=("lr",), page=7))
    assert legend(figure) == ["4", "3", "2", "1", "0"]
    assert pager(found, view).startswith("Groups 41 to 45 of 45")
    figure, found, view = shown(workspace, View(metrics=("loss",), by=("lr",)))
    assert legend(figure) == [str(n) for n in reversed(range(MOST_GROUPS))]
    assert "with the lowest last loss first" in pager(found, view)


def test_a_selected_run_that_is_gone_is_not_waited_for(sweep):
    figure, *_ = shown(sweep, View(by=("name",), selected=("gone",)))
    assert len(legend(figure)) == 9


def test_a_filter_that_cannot_be_read_is_said_in_place_of_the_chart(sweep):
    assert words(sweep, View(where="optim.rl > 1")).endswith("did you mean 'optim.lr'?")
    assert words(sweep, View(where="seed > 7")) == "No run fulfils seed > 7."


def test_single_runs_are_thin_lines_of_one_trace_a_group(sweep):
    figure, *_ = shown(sweep, View(show_runs=True))
    thin = of_kind(figure, "runs")
    assert len(thin) == 3
    assert np.isnan(numbers(thin[0]["y"])).sum() == 3  # one behind each run
    assert {trace["line"]["width"] for trace in thin} == {1}


def test_outliers_are_left_out_of_view_and_stay_in_the_data(tmp_path):
    values = [float(n % 7) for n in range(300)]
    values[150] = 1e6
    workspace = made(tmp_path, ({"lr": 1}, {"acc": values}))
    figure, *_ = shown(workspace, View(clip=True))
    low, high = figure["layout"]["yaxis"]["autorangeoptions"].values()  # also after a double-click
    assert low < 0
    assert 6 < high < 10
    assert numbers(figure["data"][0]["y"]).max() == 1e6


def test_a_zoom_is_drawn_from_all_points_in_it(tmp_path):
    y = np.random.default_rng(0).normal(size=50_000)
    workspace = made(tmp_path, ({"lr": 1}, {"acc": y.tolist()}))
    (whole,) = shown(workspace)[0]["data"]
    assert len(numbers(whole["x"])) < 1100
    figure, *_ = shown(workspace, View(x_range=(1000.0, 1400.0)))
    (part,) = figure["data"]
    inside = numbers(part["x"])
    assert set(range(1000, 1401)) <= set(inside.tolist())
    assert figure["layout"]["xaxis"]["range"] == [1000, 1400]


def test_of_long_curves_only_the_points_to_be_seen_are_bootstrapped(tmp_path):
    random = np.random.default_rng(0)
    runs = [{"acc": random.normal(size=5_000).tolist()} for _ in range(3)]
    workspace = made(tmp_path, *(({"seed": seed}, run) for seed, run in enumerate(runs)))
    with pytest.warns(UserWarning, match="bootstrap of 3 runs"):
        everywhere = load(tmp_path).curves("acc", by=[], band="ci:95").groups[0].curve
    for span in (None, (1000.0, 1400.0)):
        _, found, _ = shown(workspace, View(by=(), band="ci:95", x_range=span))
        curve = found.panels[0].lines[0].curve
        assert 300 < len(curve.x) < 1100
        assert np.isfinite(curve.low).all()
        assert set(range(*map(int, span or (0, 0)))) <= set(curve.x.tolist())
        rows = curve.x.astype(int)
        for edge in ("center", "low", "high"):
            np.testing.assert_allclose(getattr(curve, edge), getattr(everywhere, edge)[rows])
    whole = drawing(workspace, resolve(View(by=()), workspace.facts()))
    assert len(whole.panels[0].lines[0].curve.x) == 5_000


def test_a_logarithmic_axis_takes_ranges_in_its_own_units(sweep):
    view = View(log=("x", "y"), x_range=(0.0, 10.0), y_ranges={"test/accuracy": (0.1, 1.0)})
    layout = shown(sweep, view)[0]["layout"]
    assert (layout["xaxis"]["type"], layout["yaxis"]["type"]) == ("log", "log")
    assert layout["yaxis"]["range"] == [-1, 0]
    assert layout["xaxis"]["range"] == pytest.approx([-5, 1])
    wrong = shown(sweep, View(log=("y",), y_ranges={"test/accuracy": (-2.0, -1.0)}))[0]["layout"]
    assert wrong["yaxis"]["autorange"] is True


def test_time_of_day_is_an_axis_of_dates_in_milliseconds(sweep):
    figure, *_ = shown(sweep, View(x="wall_time"))
    assert figure["layout"]["xaxis"]["type"] == "date"
    assert numbers(of_kind(figure, "mean")[0]["x"])[0] == 1.7e12


def test_the_best_settings_of_other_keys_can_be_kept(tmp_path):
    runs = [({"algo": a, "lr": lr}, {"acc": [lr + len(a)]}) for a in "ab" for lr in (1, 2)]
    figure, *_ = shown(made(tmp_path, *runs), View(by=("algo",), best=("lr",)))
    assert legend(figure) == ["a (lr=2)", "b (lr=2)"]


@pytest.mark.parametrize("by", [("name",), ("lr",)])
def test_a_line_keeps_its_colour_when_other_groups_come_and_go(tmp_path, by):
    def colors():
        workspace.index.refresh()
        figure, *_ = shown(workspace, View(by=by))
        return {trace["name"]: trace["line"]["color"] for trace in figure["data"]}

    workspace = Workspace(indexed(tmp_path))
    for lr in (3, 5):
        write_run(tmp_path / str(lr), {"lr": lr}, csv_text({"acc": [1.0]}))
    before = colors()
    write_run(tmp_path / "1", {"lr": 1}, csv_text({"acc": [1.0]}))
    shutil.rmtree(tmp_path / "3")
    after = colors()
    assert after["5"] == before["5"]
    assert len({*before.values(), *after.values()}) == 3


def test_a_group_whose_runs_lack_the_metric_has_no_line(tmp_path):
    workspace = made(tmp_path, ({"lr": 1}, {"acc": [1.0]}), ({"lr": 2}, {"loss": [1.0]}))
    _, found, _ = shown(workspace, View(metrics=("acc",), by=("lr",)))
    assert [line.label for line in found.panels[0].lines] == ["1"]
    _, found, _ = shown(workspace, View(metrics=("acc",), split=("lr",), by=()))
    assert [len(panel.lines) for panel in found.panels] == [1, 0]


@pytest.mark.parametrize(
    ("runs", "sentence"),
    [
        ([None], "No curves: these runs have ended and logged no metric."),
        ([[1.0]], "The only run so far: there is nothing to compare it with yet."),
        ([[1.0], [2.0]], "The configs of these runs do not differ, so each line is one run."),
    ],
)
def test_a_page_with_little_to_show_says_so_in_one_sentence(tmp_path, runs, sentence):
    workspace = made(tmp_path, *[({"lr": 1}, values and {"acc": values}) for values in runs])
    assert words(workspace) == sentence


def test_where_there_are_no_runs_it_is_said_what_lies_there_and_what_is_read(tmp_path):
    (tmp_path / "train.csv").write_text("a,b\n1,2\n")
    text = words(made(tmp_path))
    assert text.startswith("No runs here yet. They appear as soon as one starts. What lies here: ")
    assert f"{tmp_path / 'train.csv'} (a table). A run is a directory with one of these" in text


def test_what_lies_beside_a_config_without_metrics_is_named(tmp_path):
    workspace = made(tmp_path, ({"lr": 1}, None))
    (tmp_path / "0" / "scores.csv").write_text("a,b\n1,2\n")
    workspace.index.refresh()
    assert words(workspace).endswith("logged no metric. Not read as metrics: scores.csv.")


def test_a_selection_without_the_metric_or_without_a_number_says_so(tmp_path):
    nan = float("nan")
    workspace = made(
        tmp_path,
        ({"lr": 1}, {"acc": [1.0], "loss": [nan]}),
        ({"lr": 2}, {"loss": [float("inf")]}),
    )
    assert words(workspace, View(metrics=("acc",), selected=("1",))) == (
        "None of the selected runs has logged acc. They have loss: choose it as metric."
    )
    assert words(workspace, View(metrics=("loss",))) == (
        "All values of loss are NaN or infinite in the runs shown: no line to draw."
    )


def test_runs_that_only_returned_something_open_on_it_also_under_a_filter(tmp_path):
    for job, (lr, seed) in enumerate([(1, 0), (1, 1), (2, 0), (2, 1)]):
        write_summary(write_run(tmp_path / str(job), {"seed": seed, "lr": lr}), result=float(lr))
    workspace = Workspace(indexed(tmp_path))
    view = resolve(View(), workspace.facts())
    assert (view.by, view.sort) == (("lr",), ("-summary result",))
    said = (
        "No curves: these runs have ended and logged no metric. What they came to (result) is in "
        "the table below; Charts draws it."
    )
    assert words(workspace) == words(workspace, View(where="lr = 1")) == said
    assert words(workspace, View(where="lr = 3")) == "No run fulfils lr = 3."
    assert words(workspace, View(where="lr =")).startswith("'lr =' cannot be read")
    write_run(tmp_path / "9", {"seed": 0, "lr": 9}, state=State.QUEUED)
    workspace.index.refresh()
    assert words(workspace).startswith("No metric yet. Curves appear here as soon as a run logs")
    assert words(workspace, View(where="lr = 1")) == said


def test_the_caption_counts_one_other_key_as_one(tmp_path):
    many = [{"a": n % 2, "b": n % 2, "c": n % 2, "d": n % 2, "lr": n // 4} for n in range(8)]
    runs = [(config, {"acc": [1.0]}) for config in many]
    text = words(made(tmp_path, *runs), View(by=("lr",)))
    assert "(2 values of a, 2 values of b, 2 values of c and 1 other key averaged)" in text


def test_a_group_without_a_number_does_not_count_in_the_caption(tmp_path):
    rows = [(1, 0.5), (1, 0.6), (2, float("nan")), (2, float("nan"))]
    runs = [({"lr": lr, "seed": job}, {"acc": [acc]}) for job, (lr, acc) in enumerate(rows)]
    assert words(made(tmp_path, *runs), View(by=("lr",))).startswith(
        "Each line is the mean of 2 runs with the same lr"
    )


def test_names_that_look_like_markup_are_escaped_in_the_figure(tmp_path):
    runs = [({"<b>": f"<i>{n}"}, {"<u>x": [n], "<u>y": [n]}) for n in range(2)]
    view = View(metrics=("<u>x", "<u>y"), by=(), split=("<b>",))
    figure, *_ = shown(made(tmp_path, *runs), view)
    titles = [note["text"] for note in figure["layout"]["annotations"]]
    assert titles[0] == "<b>&lt;u&gt;x · &lt;b&gt;=&lt;i&gt;0</b>"


def test_what_was_chosen_stays_chosen_and_what_was_open_is_chosen_when_it_can_be(tmp_path):
    write_run(tmp_path / "0", {"lr": 1}, None, state=State.RUNNING)
    workspace = Workspace(indexed(tmp_path))
    early = resolve(View(), workspace.facts())
    assert (early.metrics, early.by) == ((), None)
    write_run(tmp_path / "0", {"lr": 1}, csv_text({"a": [1.0]}))
    write_run(tmp_path / "1", {"lr": 2}, csv_text({"test/acc": [1.0]}))
    workspace.index.refresh()
    late = resolve(early, workspace.facts())
    assert (late.metrics, late.by) == (("test/acc",), ("lr",))
    chosen = View(metrics=("a",), by=(EACH_RUN,))
    assert resolve(chosen, workspace.facts()) == chosen


def test_what_the_runs_do_not_have_is_left_out_of_the_view_and_said(sweep):
    view = resolve(View(metrics=("nothing",), by=("optim.rl",), split=("x",)), sweep.facts())
    assert (view.metrics, view.by, view.split) == (("test/accuracy",), ("optim.lr",), ())
    assert [note.partition(";")[0] for note in view.notes] == [
        *("No run has logged nothing.", "No run has a key 'optim.rl'", "No run has a key 'x'"),
    ]


def test_metrics_in_an_address_may_be_typed_by_their_ends(sweep, tmp_path):
    assert resolve(View(metrics=("accuracy",)), sweep.facts()).metrics == ("test/accuracy",)
    write_run(tmp_path / "two/0", {}, csv_text({"a/loss": [1.0], "b/loss": [1.0]}))
    view = resolve(View(metrics=("loss",)), Workspace(indexed(tmp_path / "two")).facts())
    assert view.notes == ("Several metrics are 'loss' at their end: say which of a/loss, b/loss",)


def test_of_very_many_odd_metrics_in_an_address_some_are_looked_for(sweep):
    odd = tuple(f"odd{number}" for number in range(600))
    view = resolve(View(metrics=(*odd, "test/accuracy")), sweep.facts())
    assert view.metrics == ("test/accuracy",)
    assert view.notes[0] == "Of 600 names that are no whole ones 50 were looked for."


def test_an_answer_is_computed_once_a_version(sweep):
    view = resolve(View(), sweep.facts())
    assert drawing(sweep, view) is drawing(sweep, View(**view.__dict__ | {"sort": ("run",)}))
    before = drawing(sweep, view)
    write_run(sweep.index.roots[0] / "new", {}, csv_text({"test/accuracy": [1.0]}))
    sweep.index.refresh()
    assert drawing(sweep, view) is not before


def test_a_filter_may_ask_for_results_and_says_how_to_write_what_was_meant(sweep):
    view = View(metrics=("test/accuracy",), by=("optim.lr",), where="last(test/accuracy) > 0.8")
    assert legend(shown(sweep, view)[0]) == ["0.01"]
    assert words(sweep, View(where='"test/accuracy" > 1')).endswith('in last("test/accuracy")')
    assert "single quotes: 'completed'" in words(sweep, View(where="state = completed"))


def test_keys_in_an_address_may_be_the_ends_of_keys(sweep):
    view = resolve(View(by=("LR",), split=("lr",), best=("name",)), sweep.facts())
    assert (view.by, view.split, view.best) == (("optim.lr",), ("optim.lr",), ("name",))
    note = resolve(View(by=("l",)), sweep.facts()).notes[0]
    assert note.startswith("No run has a key 'l'")


def test_runs_that_ended_early_are_in_the_caption_or_left_out_of_it_and_of_the_chart(tmp_path):
    workspace = Workspace(indexed(write_dying_sweep(tmp_path / "outputs")))
    assert words(workspace, View(by=())).endswith(
        "the band is ± one standard deviation. Of the 8 runs 5 failed and 1 was killed, with "
        "their last values at step 9 of 19: the mean is of 2 runs from there on."
    )
    finished = View(by=(), states="finished")
    _, found, _ = shown(workspace, finished)
    assert found.panels[0].lines[0].curve.n.tolist() == [2] * 20
    assert "Only finished runs count: 6 are left out" in words(workspace, finished)
    died = View(by=(), states="finished", where="state = 'failed'")
    assert words(workspace, died).startswith("None of these 5 runs has finished")


def test_the_interval_that_fits_is_named_and_one_of_all_panels(tmp_path):
    for seed in range(11):  # one of two parts has few runs
        for part in ("many", "few") if seed < 3 else ("many",):
            config = {"part": part, "seed": seed}
            write_run(tmp_path / f"{part}{seed}", config, {"acc": [seed / 10, seed / 5]})
    workspace = Workspace(indexed(tmp_path))
    split = View(by=(), split=("part",), band="interval:95")
    _, found, _ = shown(workspace, split)
    assert (found.band, found.remark) == ("t:95", "")
    ends = np.arange(11) / 5  # of the part with many
    reach = 2.2281388519649385 * ends.std(ddof=1) / 11**0.5
    (line,) = found.panels[1].lines
    assert line.curve.high[-1] - line.curve.center[-1] == pytest.approx(reach)
    assert "the band is Student's 95 % confidence interval of the mean" in words(workspace, split)
    many = View(by=(), where="part = 'many'", band="interval:95")
    assert "the band is the 95 % confidence interval (bootstrap)." in words(workspace, many)
    for center in ("iqm", "median"):
        of_few = View(by=(), split=("part",), band="interval:95", center=center)
        figure, found, _ = shown(workspace, of_few)
        assert (found.band, found.remark) == ("ci:95", "bootstrap of 3 runs")
        assert figure["layout"]["legend"]["title"]["text"].endswith("bootstrap of 3 runs")
        assert ("fewer than four" in words(workspace, of_few)) == (center == "iqm")


def test_runs_without_the_key_of_the_groups_are_a_group_of_their_own(tmp_path):
    # Each algorithm has its own hyperparameters: a filter may leave none that has the key.
    for name in ("a", "b"):
        write_run(tmp_path / "ppo" / name, {"algo": "ppo", "lr": 0.1}, csv_text({"loss": [3]}))
        sac = {"algo": "sac", "optim": {"lr": 0.2}}
        write_run(tmp_path / "sac" / name, sac, csv_text({"loss": [1, 2]}))
    workspace = Workspace(indexed(tmp_path))
    view = View(by=("lr",), metrics=("loss",), where="algo = 'sac'", split=("algo",))
    (panel,) = drawing(workspace, resolve(view, workspace.facts())).panels
    assert [(line.label, line.curve.n.tolist()) for line in panel.lines] == [("—", [2, 2])]
    for kind in ("csv", "rows", "latex"):
        assert download(workspace, kind, view.to_data())[1] == ""
    made = {}
    exec(as_python(workspace, view.to_data()).partition("figure =")[0], made)
    assert [len(group.runs) for group in made["curves"].groups] == [2]


def test_the_best_setting_is_the_lowest_of_a_loss_unless_the_view_says_highest(tmp_path):
    runs = [({"lr": lr}, {"loss": [lr], "size": [lr]}) for lr in (1, 2)]
    workspace = made(tmp_path, *runs)

    def kept(**view):
        _, found, _ = shown(workspace, View(by=(), best=("lr",), **view))
        return found.panels[0].lines[0].label

    assert kept(metrics=("loss",)) == "all runs (lr=1)"
    assert kept(metrics=("loss",), best_mode="max") == "all runs (lr=2)"
    assert kept(metrics=("size",)) == "all runs (lr=2)"  # its name does not tell
