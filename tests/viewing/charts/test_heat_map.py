import itertools

import numpy as np
import pytest

from exptools.rundir import State
from exptools.viewing.charts.heat_map import MOST_VALUES, heat_map
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.errors import QueryError
from tests.viewing.samples import indexed, numbers, traces, write_run

NAN = float("nan")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Learning rates 0.5, 2, 10 by depths 1, 2 with two seeds; no run for (10, 2)."""
    root = tmp_path_factory.mktemp("outputs")
    settings = itertools.product((2, 10, 0.5), (1, 2), (0, 1))
    for job, (lr, depth, seed) in enumerate(s for s in settings if s[:2] != (10, 2)):
        config = {"lr": lr, "depth": depth, "seed": seed}
        diverged = lr == 0.5 and depth == 2
        acc = NAN if diverged else lr * depth + seed
        write_run(root / str(job), config, {"acc": [100.0, acc]})
    return indexed(root)


@pytest.fixture(scope="module")
def chart(index):
    return heat_map(index, index.snapshot.runs, Measure("acc"), "lr", "depth")


def heat(chart):
    return traces(chart.figure, "heatmap")[0]


def test_a_cell_is_the_centre_over_the_other_keys_and_values_come_as_numbers(chart):
    layout = chart.figure["layout"]
    assert layout["xaxis"]["ticktext"] == ["0.5", "2", "10"]
    assert layout["yaxis"]["ticktext"] == ["1", "2"]
    cells = numbers(heat(chart)["z"])
    np.testing.assert_allclose(cells, [[1.0, 2.5, 10.5], [NAN, 4.5, NAN]])


def test_the_hover_says_how_many_runs_a_cell_has(chart):
    texts = heat(chart)["hovertext"]
    assert texts[0][1] == "depth: 1<br>lr: 2<br>mean of last acc: 2.5<br>runs: 2"
    assert texts[1][2] == "depth: 2<br>lr: 10<br>runs: none"
    assert texts[1][0] == "depth: 2<br>lr: 0.5<br>runs: 2, none with such a value"


def test_cells_without_a_run_are_empty_and_other_than_those_that_diverged(chart):
    (signs,) = traces(chart.figure, "scatter")
    assert list(zip(signs["x"], signs["y"], signs["text"], strict=True)) == [
        (0, 1, "×"),
        (2, 1, "–"),
    ]
    assert "2 of 6 cells have no such run. 2 runs without such a value" in chart.caption


def test_few_cells_have_their_numbers_in_them(chart, tmp_path):
    assert heat(chart)["texttemplate"]
    for job, (a, b) in enumerate(itertools.product(range(13), range(12))):
        write_run(tmp_path / str(job), {"a": a, "b": b}, {"acc": [1.0 * a + b]})
    index = indexed(tmp_path)
    many = heat_map(index, index.snapshot.runs, Measure("acc"), "a", "b")
    assert not heat(many)["texttemplate"]


def test_a_key_with_too_many_values_is_refused_with_what_to_do(tmp_path):
    for job in range(MOST_VALUES + 1):
        write_run(tmp_path / str(job), {"lr": job / 7, "b": job % 2}, {"acc": [1.0]})
    index = indexed(tmp_path)
    with pytest.raises(QueryError, match=r"lr has 41 values.*a scatter shows more"):
        heat_map(index, index.snapshot.runs, Measure("acc"), "b", "lr")


def test_one_key_twice_is_refused(index):
    with pytest.raises(QueryError, match="two keys"):
        heat_map(index, index.snapshot.runs, Measure("acc"), "lr", "lr")


def test_a_cell_with_runs_that_did_not_finish_is_marked(tmp_path):
    for job, state in enumerate((State.COMPLETED, State.KILLED)):
        write_run(tmp_path / str(job), {"lr": job, "width": 8}, {"acc": [0.5]}, state)
    index = indexed(tmp_path)
    chart = heat_map(index, index.snapshot.runs, Measure("acc"), "lr", "width")
    assert chart.figure["data"][0]["text"] == [["0.5", "0.5*"]]
    assert "* has runs that did not finish. Of the 2 runs 1 was killed." in chart.caption
    assert "runs: 1 (1 ended early)" in chart.figure["data"][0]["hovertext"][0][1]
