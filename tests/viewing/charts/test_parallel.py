import numpy as np
import pytest

from exptools.viewing.charts import parallel as module
from exptools.viewing.charts.parallel import NOWHERE, SPREAD, parallel
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.errors import QueryError
from tests.viewing.samples import indexed, numbers, write_run


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Five runs; the third has no lr."""
    root = tmp_path_factory.mktemp("outputs")
    for job, lr in enumerate([1e-4, 1e-3, None, 1e-2, 1e-2]):
        config = {"env": "ab"[job % 2], "same": 3} | ({"lr": lr} if lr else {})
        write_run(root / str(job), config, {"acc": [float(job)]})
    return indexed(root)


def drawn(index, keys, metric="acc"):
    return parallel(index, index.snapshot.runs, Measure(metric), keys)


def heights(chart, axes):
    """By run: where its line meets each axis."""
    found = {}
    for trace in chart.figure["data"]:
        rows = np.array(numbers(trace["y"])).reshape(-1, axes + 1)
        names = trace["customdata"][:: axes + 1]
        found |= dict(zip(names, rows[:, :-1].tolist(), strict=True))
    return found


def labels(chart, axis):
    return {
        note["text"]: note["y"]
        for note in chart.figure["layout"]["annotations"]
        if note["x"] == axis and note.get("yref") != "paper"
    }


def titles(chart):
    notes = chart.figure["layout"]["annotations"]
    return [note["text"] for note in notes if note.get("yref") == "paper"]


def test_a_line_goes_through_the_values_of_its_run_logarithmic_where_they_range_widely(index):
    chart = drawn(index, ["lr", "env"])
    assert titles(chart) == ["lr (log)", "env", "last acc"]
    lines = heights(chart, 3)
    assert [lines[str(job)][0] for job in range(4)] == pytest.approx(
        [0, 0.5, NOWHERE, 1 - SPREAD], abs=1e-6
    )
    assert [lines[str(job)][2] for job in range(5)] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert labels(chart, 0) == {
        "0.0001": 0.0,
        "0.001": pytest.approx(0.5),
        "0.01": 1.0,
        "—": NOWHERE,
    }
    assert labels(chart, 1) == {"a": 0.0, "b": 1.0}


def test_what_does_not_vary_has_no_axis(index):
    assert titles(drawn(index, ["same", "env"])) == ["env", "last acc"]
    with pytest.raises(QueryError, match="need a key that varies"):
        drawn(index, ["same"])


def test_the_best_lines_are_drawn_on_top(index, tmp_path):
    assert drawn(index, ["env"]).figure["data"][-1]["customdata"][0] == "4"
    for job in range(3):
        write_run(tmp_path / str(job), {"lr": job}, {"loss": [float(job)]})
    assert drawn(indexed(tmp_path), ["lr"], "loss").figure["data"][-1]["customdata"][0] == "0"


def test_of_too_many_runs_some_are_drawn_the_extremes_among_them(index, monkeypatch):
    monkeypatch.setattr(module, "MOST_RUNS", 3)
    chart = drawn(index, ["lr"])
    assert sorted(heights(chart, 2)) == ["0", "2", "4"]
    assert "3 of 5 runs are drawn" in chart.caption


def test_a_key_with_a_name_for_each_of_many_runs_is_left_out_and_that_is_said(tmp_path):
    for job in range(50):
        config = {"dir": f"/runs/x{job}", "lr": job % 3}
        write_run(tmp_path / str(job), config, {"acc": [float(job)]})
    chart = drawn(indexed(tmp_path), ["dir", "lr"])
    assert titles(chart) == ["lr", "last acc"]
    assert "1 key " in chart.caption
