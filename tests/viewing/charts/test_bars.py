import numpy as np
import pytest

from exptools.viewing.charts.bars import MOST_GROUPS, bars
from exptools.viewing.charts.chart import number, short_number
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.curves.statistics.aggregation import aggregate, parse_method
from tests.viewing.samples import (
    LEARNING_RATES,
    SEEDS,
    curve,
    indexed,
    numbers,
    traces,
    write_dying_sweep,
    write_run,
    write_sweep,
)

ACCURACY = "test/accuracy"
STEPS = 30


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return indexed(write_sweep(tmp_path_factory.mktemp("outputs"), STEPS))


def values(summarize, lr):
    return [summarize([curve(lr, seed, step) for step in range(STEPS)]) for seed in SEEDS]


def drawn(index, measure, by, **options):
    return bars(index, index.snapshot.runs, measure, by, **options)


def dots(chart):
    (trace,) = traces(chart.figure, "scatter", hoverinfo="text", error_x=None)
    return trace


def centers(chart):
    return next(trace for trace in chart.figure["data"] if "error_x" in trace)


def rows(chart):
    return chart.figure["layout"]["yaxis"]["ticktext"]


@pytest.mark.parametrize(
    ("summary", "summarize"),
    [
        ("last", lambda y: y[-1]),
        ("max", np.max),
        ("best", np.max),  # more accuracy is better
        ("mean:10", lambda y: np.mean(y[-10:])),
        ("at:7", lambda y: y[7]),
    ],
)
def test_a_centre_is_the_mean_of_the_runs_own_numbers_the_best_group_first(
    sweep, summary, summarize
):
    chart = drawn(sweep, Measure(ACCURACY, summary), ["optim.lr"])
    expected = {lr: np.mean(values(summarize, lr)) for lr in LEARNING_RATES}
    best_first = sorted(expected, key=expected.get, reverse=True)
    assert rows(chart) == [str(lr) for lr in best_first]
    np.testing.assert_allclose(
        numbers(centers(chart)["x"]), [expected[lr] for lr in best_first], rtol=1e-6
    )


def test_every_run_is_a_dot_in_the_row_of_its_group_and_says_its_name(sweep):
    trace = dots(drawn(sweep, Measure(ACCURACY), ["optim.lr"]))
    assert sorted(trace["customdata"]) == [str(job) for job in range(9)]
    best = [x for x, y in zip(numbers(trace["x"]), numbers(trace["y"]), strict=True) if y < 0.5]
    np.testing.assert_allclose(sorted(best), sorted(values(lambda y: y[-1], 0.01)), rtol=1e-6)
    assert trace["hovertext"][0].startswith(f"<b>{trace['customdata'][0]}</b>")


@pytest.mark.parametrize(("center", "interval"), [("median", "ci:95"), ("mean", "sem")])
def test_the_line_is_the_interval_of_the_same_statistics_as_the_curves(sweep, center, interval):
    chart = drawn(sweep, Measure(ACCURACY, "last", center, interval), ["optim.lr"])
    ends = [(np.zeros(1), np.array([y])) for y in values(lambda y: y[-1], 0.01)]  # the first row
    expected = aggregate(ends, parse_method(center, interval))
    middle, error = numbers(centers(chart)["x"])[0], centers(chart)["error_x"]
    assert middle == pytest.approx(expected.center[0], rel=1e-6)
    assert middle + numbers(error["array"])[0] == pytest.approx(expected.high[0], rel=1e-6)
    assert middle - numbers(error["arrayminus"])[0] == pytest.approx(expected.low[0], rel=1e-6)


def test_of_a_loss_the_lowest_is_first_and_the_caption_says_so(sweep):
    chart = drawn(sweep, Measure("train/loss"), ["optim.lr"])
    assert rows(chart) == ["0.1", "0.01", "0.001"]
    assert "(n = 3, lowest first)" in chart.caption


def test_bars_begin_at_zero(sweep):
    chart = drawn(sweep, Measure(ACCURACY), ["optim.lr"], filled=True)
    (bar,) = traces(chart.figure, "bar")
    assert bar["orientation"] == "h"
    assert "base" not in bar
    assert numbers(bar["x"]) == numbers(centers(chart)["x"])


def test_a_run_that_diverged_is_not_in_the_numbers_and_counted(tmp_path):
    for job, last in enumerate([1.0, 3.0, float("nan")]):
        write_run(tmp_path / str(job), {"lr": 1}, {"acc": [0.0, last]})
    chart = drawn(indexed(tmp_path), Measure("acc"), [])
    assert numbers(centers(chart)["x"]) == [2.0]
    assert "1 run without such a value" in chart.caption
    assert "runs: 2 of 3" in centers(chart)["hovertext"][0]


def test_of_too_many_groups_the_best_are_shown_and_that_is_said(tmp_path):
    for job in range(MOST_GROUPS + 5):
        write_run(tmp_path / str(job), {"job": job}, {"acc": [float(job)]})
    chart = drawn(indexed(tmp_path), Measure("acc"), ["job"])
    assert rows(chart)[:2] == ["44", "43"]
    assert len(rows(chart)) == MOST_GROUPS
    assert f"The first {MOST_GROUPS} of {MOST_GROUPS + 5} groups" in chart.caption


def test_of_too_many_runs_no_dots_are_drawn_and_that_is_said(sweep, monkeypatch):
    monkeypatch.setattr("exptools.viewing.charts.bars.MOST_DOTS", 8)
    chart = drawn(sweep, Measure(ACCURACY), ["optim.lr"])
    assert not traces(chart.figure, "scatter", error_x=None)
    assert chart.caption.startswith(f"A diamond is, of the last {ACCURACY} of each run, the mean")
    assert "Of more than 8 runs no dots are drawn." in chart.caption


def test_texts_of_runs_are_not_taken_for_markup(tmp_path):
    write_run(tmp_path / "<b>0", {"env": "<i>x"}, {"acc": [1.0]})
    chart = drawn(indexed(tmp_path), Measure("acc"), ["env"])
    assert rows(chart) == ["&lt;i&gt;x"]
    assert dots(chart)["hovertext"] == ["<b>&lt;b&gt;0</b><br>value: 1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.920061, "0.9201"),
        (1, "1"),
        (12345.67, "12,346"),
        (1e-5, "1e-5"),
        (2e12, "2e12"),
        (-0.25, "-0.25"),
    ],
)
def test_numbers_have_four_digits_and_all_of_those_before_the_point(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(2399.6, "2,400"), (0.95123, "0.951"), (12_345, "12.3k"), (1.5e9, "1.5B"), (1e-5, "1e-5")],
)
def test_where_there_is_little_room_numbers_have_three_digits_as_people_write_them(value, text):
    assert short_number(value) == text


def test_groups_without_a_value_take_no_colour_from_the_others_and_a_long_key_is_read(tmp_path):
    for job in range(20):
        logged = {"acc": [job]} if job < 2 else {"loss": [job]}
        write_run(tmp_path / str(job), {"width_of_it": job}, logged)
    chart = drawn(indexed(tmp_path), Measure("acc"), ["width_of_it"])
    assert len({*centers(chart)["marker"]["color"]}) == 2
    head = next(n for n in chart.figure["layout"]["annotations"] if n["text"] == "width_of_it")
    assert head["xanchor"] == "left"  # at the right of its place: names are shorter


def test_numbers_that_differ_in_their_last_bit_have_an_axis_that_can_be_drawn(tmp_path):
    for job in range(7):
        write_run(tmp_path / str(job), {"lr": job % 2}, {"acc": [0.2]})
    chart = drawn(indexed(tmp_path), Measure("acc"), ["lr"])
    low, high = chart.figure["layout"]["xaxis"].get("range", (0, 1))
    assert high - low > 0.01


def test_runs_that_did_not_finish_are_crosses_and_counted(tmp_path):
    chart = drawn(indexed(write_dying_sweep(tmp_path / "outputs")), Measure("accuracy"), ["lr"])
    assert dots(chart)["marker"]["symbol"] == ["circle"] * 2 + ["x"] * 6
    assert dots(chart)["hovertext"][2].endswith("state: failed")
    assert "runs: 8 (6 ended early)" in centers(chart)["hovertext"][0]
    assert (
        "Of the 8 runs 5 failed and 1 was killed, with their last values at step 9 of 19."
        in chart.caption
    )


def test_the_interval_is_students_unless_another_is_asked_for(sweep):
    ends = values(lambda y: y[-1], 0.01)
    reach = 4.302652729749462 * np.std(ends, ddof=1) / 3**0.5
    chart = drawn(sweep, Measure(ACCURACY), ["optim.lr"])
    assert numbers(centers(chart)["error_x"]["array"])[0] == pytest.approx(reach)
    assert "the line is Student's 95 % confidence interval of the mean." in chart.caption
    asked = drawn(sweep, Measure(ACCURACY, interval="ci:95"), ["optim.lr"])
    assert "95 % interval by bootstrap of 3 runs is too narrow" in asked.caption
