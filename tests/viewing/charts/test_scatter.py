import pytest

from exptools.viewing.charts import scatter as module
from exptools.viewing.charts.quantities import of_key
from exptools.viewing.charts.scatter import scatter
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.theme import LIGHT
from tests.viewing.samples import indexed, numbers, run_with, write_run, write_sweep


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return indexed(write_sweep(tmp_path_factory.mktemp("outputs")))


def drawn(index, *names, **options):
    return scatter(index, index.snapshot.runs, *names, **options)


def names(figure):
    return [name for trace in figure["data"] for name in trace["customdata"]]


def test_a_dot_is_a_run_at_its_key_and_its_metric_and_names_the_run(index):
    figure = drawn(index, "key:optim.lr", "metric:test/accuracy", summary="max").figure
    (dots,) = figure["data"]
    tops = [y.max() for _, y in index.series(index.snapshot.runs, "test/accuracy").values()]
    assert numbers(dots["x"]) == pytest.approx(
        [run.config["optim.lr"] for run in index.snapshot.runs]
    )
    assert numbers(dots["y"]) == pytest.approx(tops, rel=1e-6)
    assert dots["customdata"] == [run.name for run in index.snapshot.runs]
    assert dots["hovertext"][0].startswith("<b>0</b><br>optim.lr: 0.001<br>highest test/accuracy")


def test_numbers_that_range_widely_get_a_log_axis_and_others_do_not(index):
    layout = drawn(index, "key:optim.lr", "metric:test/accuracy").figure["layout"]
    assert layout["xaxis"]["type"] == "log"  # 0.001 to 0.1
    assert "(log)" in layout["xaxis"]["title"]["text"]
    assert "type" not in layout["yaxis"]


def test_numbers_colour_by_a_scale_and_texts_by_colours_and_shapes(index, tmp_path):
    (by_number,) = drawn(index, "key:seed", "metric:train/loss", "key:optim.lr").figure["data"]
    assert numbers(by_number["marker"]["color"]) == pytest.approx([-3] * 3 + [-2] * 3 + [-1] * 3)
    assert by_number["marker"]["colorbar"]["ticktext"] == ["0.001", "0.01", "0.1"]
    for job in range(8):
        write_run(tmp_path / str(job), {"env": f"env{job}"}, {"acc": [1.0 * job]})
    figure = drawn(indexed(tmp_path), "metric:acc", "metric:acc", "key:env").figure
    looks = {(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in figure["data"]}
    assert len(looks) == 8
    assert [trace["name"] for trace in figure["data"]] == [f"env{job}" for job in range(8)]
    assert figure["layout"]["showlegend"]


def test_runs_without_the_colours_value_are_drawn_muted(tmp_path):
    write_run(tmp_path / "0", {"lr": 1.0}, {"acc": [1.0]})
    write_run(tmp_path / "1", {}, {"acc": [2.0]})
    without, having = drawn(indexed(tmp_path), "metric:acc", "metric:acc", "key:lr").figure["data"]
    assert (without["customdata"], without["marker"]["color"]) == (["1"], LIGHT.muted)
    assert having["customdata"] == ["0"]


def test_runs_without_one_of_the_values_are_left_out_and_counted(tmp_path):
    write_run(tmp_path / "0", {"lr": 1.0}, {"acc": [1.0]})
    write_run(tmp_path / "1", {"lr": 2.0}, {"acc": [float("inf")]})
    write_run(tmp_path / "2", {"lr": 3.0}, None)
    chart = drawn(indexed(tmp_path), "key:lr", "metric:acc")
    assert names(chart.figure) == ["0"]
    assert "2 runs without one of the two values" in chart.caption


def test_of_too_many_runs_some_are_drawn_and_that_is_said(index, monkeypatch):
    monkeypatch.setattr(module, "MOST_DOTS", 4)
    chart = drawn(index, "key:seed", "metric:train/loss")
    assert len(names(chart.figure)) == 4
    assert "4 of 9 runs are drawn" in chart.caption


def test_where_no_run_has_both_values_a_sentence_says_so(tmp_path):
    write_run(tmp_path / "0", {}, {"acc": [1.0]})
    write_run(tmp_path / "1", {"lr": 1.0}, {"other": [1.0]})
    with pytest.raises(QueryError, match="No run has both lr and last acc"):
        drawn(indexed(tmp_path), "key:lr", "metric:acc")


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([1, 2.5, 10], ()),
        ([1, True, "a"], ("1", "a", "true")),
        ([1.0, float("inf")], ("1.0", "inf")),
        (["run10", "run9"], ("run9", "run10")),
    ],
)
def test_only_what_is_all_numbers_stands_on_a_scale(values, levels):
    runs = [run_with(str(at), key=value) for at, value in enumerate(values)]
    found = of_key(runs, "key")
    assert found.levels == levels
    if not levels:
        assert found.places.tolist() == values
