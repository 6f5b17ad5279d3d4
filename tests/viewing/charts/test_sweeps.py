import numpy as np
import pytest

from exptools.rundir import SWEEP_FILE, write_atomic
from exptools.viewing.charts.chart import number
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.charts.sweeps import side_by_side
from exptools.viewing.errors import QueryError
from tests.viewing.samples import indexed, numbers, write_run


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """ppo: lr 1 and 2; sac: lr 2 and 3; two seeds each."""
    root = tmp_path_factory.mktemp("outputs")
    for sweep, algo, rates in (("a", "ppo", (1, 2)), ("b", "sac", (2, 3))):
        jobs = [(lr, seed) for lr in rates for seed in (0, 1)]
        for job, (lr, seed) in enumerate(jobs):
            config = {"algo": algo, "lr": lr, "seed": seed}
            best = lr + (0.5 + 0.25 * seed) * (algo == "sac") + seed / 8
            write_run(root / sweep / str(job), config, {"acc": [0.0, best]})
        write_atomic(root / sweep / SWEEP_FILE, b"{}\n")
    return indexed(root)


@pytest.fixture(scope="module")
def found(index):
    return side_by_side(index, index.snapshot.runs, ("a", "b"), Measure("acc"), ["lr"])


def lines(found, axis):
    data = found.chart.figure["data"]
    return {trace["name"]: trace for trace in data if trace["xaxis"] == axis and "name" in trace}


def test_the_sweeps_have_a_panel_each_with_one_colour_a_group(found):
    left, right = lines(found, "x"), lines(found, "x2")
    assert (list(left), list(right)) == (["2", "1"], ["3", "2"])
    assert numbers(left["2"]["y"]) == pytest.approx([0, np.mean([2, 2.125])])
    assert left["2"]["line"]["color"] == right["2"]["line"]["color"]
    assert (left["2"]["showlegend"], right["2"]["showlegend"]) == (True, False)
    uids = [trace["uid"] for trace in found.chart.figure["data"]]
    assert len(uids) == len(set(uids))


def test_the_panels_share_both_axes(found):
    layout = found.chart.figure["layout"]
    assert layout["xaxis2"]["matches"] == "x"
    assert "yaxis2" not in layout
    assert layout["xaxis"]["domain"][1] < layout["xaxis2"]["domain"][0]


def test_runs_are_matched_by_what_varies_in_both_and_their_values_compared(found):
    assert [(d.key, d.left, d.right) for d in found.differences] == [("algo", ("ppo",), ("sac",))]
    pairs = [(m.values, m.left.name, m.right.name, m.difference) for m in found.matches]
    assert pairs == [
        ({"lr": "2", "seed": "0"}, "a/2", "b/0", 0.5),
        ({"lr": "2", "seed": "1"}, "a/3", "b/1", 0.75),
    ]
    assert [run.name for run in found.only_left] == ["a/0", "a/1"]
    assert [run.name for run in found.only_right] == ["b/2", "b/3"]


def test_the_caption_has_the_mean_of_the_differences_with_their_interval(found):
    reach = 12.7062 * 0.125  # Student's, of the differences 0.5 and 0.75
    text = "0.625 in the mean of 2 pairs (Student's 95 % confidence interval of the mean: "
    assert f"{text}{number(0.625 - reach)} to {number(0.625 + reach)})" in found.chart.caption
    assert "4 runs without a partner" in found.chart.caption


def test_a_metric_of_one_sweep_leaves_the_other_panel_empty_and_says_so(tmp_path):
    for sweep, metric in (("a", "acc"), ("b", "loss")):
        write_run(tmp_path / sweep / "0", {"lr": 1}, {metric: [1.0]})
        write_atomic(tmp_path / sweep / SWEEP_FILE, b"{}\n")
    index = indexed(tmp_path)
    found = side_by_side(index, index.snapshot.runs, ("a", "b"), Measure("acc"), ["lr"])
    assert not lines(found, "x2")
    texts = [note["text"] for note in found.chart.figure["layout"]["annotations"]]
    assert texts[1].endswith("none has logged it")


def test_a_sweep_with_itself_or_one_that_is_not_there_is_refused(index):
    with pytest.raises(QueryError, match="with itself"):
        side_by_side(index, index.snapshot.runs, ("a", "a"), Measure("acc"), [])
    with pytest.raises(QueryError, match="there is no sweep 'c'"):
        side_by_side(index, index.snapshot.runs, ("a", "c"), Measure("acc"), [])
