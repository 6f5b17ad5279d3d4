import numpy as np
import pytest

from exptools.viewing.curves.aggregation import aggregate
from exptools.viewing.figures.lines import MAX_POINTS, Line, figure
from tests.viewing.drawn import numbers

NAN = float("nan")


def line(label: str, *runs: list[float], style: int = 0) -> Line:
    return Line(label, aggregate([(np.arange(len(y)), np.array(y, float)) for y in runs]), style)


def means(drawn: dict) -> list[dict]:
    return [trace for trace in drawn["data"] if trace["showlegend"]]


def bands(drawn: dict) -> list[dict]:
    return [trace for trace in drawn["data"] if not trace["showlegend"]]


def test_a_group_is_a_line_on_a_band_of_one_deviation():
    drawn = figure([line("a", [1, 2], [3, 6])], "acc", "lr")
    (mean,), (band,) = means(drawn), bands(drawn)
    assert numbers(mean["x"]) == [0, 1]
    assert numbers(mean["y"]) == [2, 4]
    assert numbers(band["x"]) == [0, 1, 1, 0]
    np.testing.assert_allclose(numbers(band["y"]), [2 + 2**0.5, 4 + 8**0.5, 4 - 8**0.5, 2 - 2**0.5])
    assert drawn["data"].index(band) < drawn["data"].index(mean)


def test_one_run_has_no_band_and_where_one_run_is_left_the_band_ends():
    assert bands(figure([line("a", [1, 2])], "acc", "lr")) == []
    (band,) = bands(figure([line("a", [1, 2, 3], [3, 2])], "acc", "lr"))
    assert max(numbers(band["x"])) == 1


def test_a_gap_parts_the_line_and_the_band():
    drawn = figure([line("a", [1, 1, NAN, 1, 1], [2, 2, NAN, 2, 2])], "acc", "lr")
    np.testing.assert_equal(numbers(means(drawn)[0]["y"])[2], NAN)
    np.testing.assert_equal(numbers(bands(drawn)[0]["x"]), [0, 1, 1, 0, NAN, 3, 4, 4, 3])


def test_a_point_without_neighbours_is_marked_for_no_line_passes_through_it():
    (mean,) = means(figure([line("a", [1, NAN, 3])], "acc", "lr"))
    assert mean["mode"] == "lines+markers"
    assert [bool(size) for size in mean["marker"]["size"]] == [True, False, True]
    assert means(figure([line("a", [1, 2, 3])], "acc", "lr"))[0]["mode"] == "lines"


def test_the_legend_is_ordered_as_the_lines_end():
    lines = [line("low", [9, 1]), line("gone", [NAN, NAN]), line("high", [0, 5])]
    assert [trace["name"] for trace in means(figure(lines, "acc", "lr"))] == ["high", "low", "gone"]


def test_a_group_keeps_its_colour_whatever_else_is_drawn():
    one, two = line("a", [1, 2], style=0), line("b", [2, 3], style=1)
    together = {
        trace["name"]: trace["line"]["color"] for trace in means(figure([one, two], "", ""))
    }
    alone = means(figure([two], "", ""))[0]["line"]["color"]
    assert alone == together["b"] != together["a"]


def test_when_the_colours_run_out_the_dashes_tell_the_lines_apart():
    lines = [line(str(number), [1, 2], style=number) for number in range(24)]
    styles = {(t["line"]["color"], t["line"]["dash"]) for t in means(figure(lines, "", ""))}
    assert len(styles) == 24


def test_a_long_line_is_drawn_with_fewer_points_and_keeps_its_ends():
    (mean,) = means(figure([line("a", list(range(25_000)))], "acc", "lr"))
    x = numbers(mean["x"])
    assert MAX_POINTS / 2 < len(x) <= MAX_POINTS + 2
    assert (x[0], x[-1]) == (0, 24_999)


def test_the_hover_says_deviation_and_number_where_there_are_several_runs():
    (mean,) = means(figure([line("a", [1, 2, 3], [3, 2])], "acc", "lr"))
    assert mean["customdata"] == [" ± 1.41 (n = 2)", " ± 0 (n = 2)", " (n = 1)"]
    (mean,) = means(figure([line("a", [1, 2], [3, 2])], "acc", "lr"))
    assert mean["hovertemplate"] == "%{y:.5~g} ± %{customdata[0]:.3~g} (n = %{customdata[1]})"
    np.testing.assert_allclose(numbers(mean["customdata"]), [[2**0.5, 2], [0, 2]])
    assert "customdata" not in means(figure([line("a", [1])], "acc", "lr"))[0]


@pytest.mark.parametrize("text", ["<b>x</b>", "a & b", "<img src=x>", "&lt;"])
def test_text_of_runs_is_not_taken_for_markup(text):
    drawn = figure([line(text, [1, 2])], text, text)
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert means(drawn)[0]["name"] == escaped
    assert drawn["layout"]["legend"]["title"]["text"] == escaped
    assert text not in means(drawn)[0]["hovertemplate"]


def test_a_long_label_keeps_its_beginning_and_its_end():
    (mean,) = means(figure([line("begin" + "x" * 80 + "end", [1])], "", ""))
    assert mean["name"].startswith("begin")
    assert mean["name"].endswith("end")
    assert len(mean["name"]) == 30
