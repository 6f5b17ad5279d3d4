import itertools

import numpy as np
import pytest

from exptools.viewing.curves.statistics.aggregation import Curve, aggregate
from exptools.viewing.figures.downsampling import downsample
from exptools.viewing.figures.lines import Line, figure
from exptools.viewing.figures.theme import DARK, LIGHT
from tests.viewing.samples import numbers

NAN = float("nan")
THEMES = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
# Linear RGB as people without green or red cones see it (Machado, Oliveira, Fernandes 2009).
NO_GREEN = [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]]
NO_RED = [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]]
EYES = pytest.mark.parametrize("eyes", [np.eye(3), NO_GREEN, NO_RED])


def line(label: str, *runs: list[float], style: int = 0) -> Line:
    return Line(label, aggregate([(np.arange(len(y)), np.array(y, float)) for y in runs]), style)


def means(drawn: dict) -> list[dict]:
    return [trace for trace in drawn["data"] if trace["showlegend"]]


def bands(drawn: dict) -> list[dict]:
    return [trace for trace in drawn["data"] if trace["uid"].startswith("band")]


def test_a_group_is_a_line_on_a_band_of_one_deviation():
    drawn = figure([line("a", [1, 2], [3, 6])], "acc", "lr")
    (mean,), (band,) = means(drawn), bands(drawn)
    assert numbers(mean["x"]) == [0, 1]
    assert numbers(mean["y"]) == [2, 4]
    assert numbers(band["x"]) == [0, 1, 1, 0]
    np.testing.assert_allclose(numbers(band["y"]), [2 + 2**0.5, 4 + 8**0.5, 4 - 8**0.5, 2 - 2**0.5])
    assert drawn["data"].index(band) < drawn["data"].index(mean)


def test_of_hundreds_of_lines_each_has_fewer_points():
    lines = [line(str(at), [n % 97 for n in range(600)]) for at in range(200)]
    sizes = {len(numbers(mean["x"])) for mean in means(figure(lines, "acc", "run"))}
    assert 60 <= max(sizes) <= 510
    assert len(numbers(means(figure(lines[:2], "acc", "run"))[0]["x"])) == 600


def test_one_run_has_no_band_and_where_one_run_is_left_the_band_ends():
    assert bands(figure([line("a", [1, 2])], "acc", "lr")) == []
    (band,) = bands(figure([line("a", [1, 2, 3], [3, 2])], "acc", "lr"))
    assert max(numbers(band["x"])) == 1


def test_where_some_runs_have_ended_the_line_goes_on_thinner():
    drawn = figure([line("a", [1, 2, 3, 4], [3, 4])], "acc", "lr")["data"]
    (whole,), (few,), (step,) = (
        [trace for trace in drawn if trace["uid"].startswith(kind)]
        for kind in ("mean", "few", "step")
    )
    np.testing.assert_equal(numbers(whole["y"]), [2, 3, NAN, NAN])
    np.testing.assert_equal(numbers(few["y"]), [NAN, NAN, 3, 4])
    np.testing.assert_equal(numbers(step["y"]), [NAN, 3, 3, NAN])  # from the one to the other
    assert few["line"]["width"] == step["line"]["width"] == whole["line"]["width"] / 2
    assert few["customdata"] == whole["customdata"]  # each n is said of
    assert step["hoverinfo"] == "skip"  # of its two points the others tell


def test_a_line_whose_runs_all_go_on_is_one_line_though_some_began_later():
    late = (np.array([2.0, 3.0]), np.array([1.0, 1.0]))
    both = aggregate([(np.arange(4.0), np.ones(4)), late])
    (mean,) = [
        t
        for t in figure([Line("a", both, 0)], "acc", "")["data"]
        if t["mode"] == "lines" and not t["uid"].startswith("band")
    ]
    assert mean["showlegend"]


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
    colors = {t["name"]: t["line"]["color"] for t in means(figure([one, two], "", ""))}
    assert means(figure([two], "", ""))[0]["line"]["color"] == colors["b"] != colors["a"]


def test_when_the_colours_run_out_the_dashes_tell_the_lines_apart():
    lines = [line(str(number), [1, 2], style=number) for number in range(24)]
    styles = {(t["line"]["color"], t["line"]["dash"]) for t in means(figure(lines, "", ""))}
    assert len(styles) == 24


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
    assert len(mean["name"]) == 48


def linear(color: str) -> np.ndarray:
    channels = np.array([int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.0888]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@THEMES
@pytest.mark.parametrize("colors", ["lines", "marks"])
def test_lines_and_dots_stand_out_from_the_page(theme, colors):
    page = linear(theme.background) @ [0.2126, 0.7152, 0.0722]
    for color in getattr(theme, colors):
        luminance = linear(color) @ [0.2126, 0.7152, 0.0722]
        assert (max(page, luminance) + 0.05) / (min(page, luminance) + 0.05) >= 3


@THEMES
@EYES
def test_lines_stay_apart_for_colour_blind_eyes(theme, eyes):
    for one, other in itertools.combinations(theme.lines, 2):
        seen = [lab(np.array(eyes) @ linear(color)) for color in (one, other)]
        assert np.linalg.norm(seen[0] - seen[1]) > 10, (one, other)


@THEMES
@EYES
@pytest.mark.parametrize("scale", ["cells", "marks"])
def test_scales_go_one_way_from_light_to_dark_for_colour_blind_eyes_too(theme, eyes, scale):
    lightness = [lab(np.array(eyes) @ linear(color))[0] for color in getattr(theme, scale)]
    steps = np.diff(lightness)
    assert (steps > 5).all() or (steps < -5).all()


def single(y: np.ndarray, x: np.ndarray | None = None) -> Curve:
    return aggregate([(np.arange(len(y)) * 1.0 if x is None else x, y)])


def test_a_million_points_become_a_few_and_keep_their_spikes_and_ends():
    y = np.sin(np.arange(1_000_000) / 5e4)
    y[123_456], y[654_321] = 50, -50
    drawn = downsample(single(y), 2000)
    assert len(drawn.x) <= 2002
    assert (drawn.center.max(), drawn.center.min()) == (50, -50)
    assert (drawn.x[0], drawn.x[-1]) == (0, 999_999)
    np.testing.assert_array_equal(drawn.center, y[drawn.x.astype(int)])


@pytest.mark.parametrize("gap", [slice(5000, 5001), slice(2000, 8000), slice(0, 100)])
def test_a_gap_stays_one_however_short(gap):
    y = np.ones(10_000)
    y[gap] = NAN
    drawn = downsample(single(y), 100)
    at = drawn.x[np.isnan(drawn.center)]
    assert len(at)
    assert ((at >= gap.start) & (at < gap.stop)).all()


def test_the_edges_of_the_band_keep_their_spikes():
    runs = np.zeros((3, 10_000))
    runs[0, 777], runs[1, 7777] = 9, -9
    curve = aggregate([(np.arange(10_000.0), y) for y in runs])
    drawn = downsample(curve, 300)
    assert (drawn.high.max(), drawn.low.min()) == (curve.high.max(), curve.low.min())
    assert len(drawn.x) <= 302


def test_a_zoom_shows_what_is_between_its_edges_and_the_lines_that_leave_it():
    curve = single(np.arange(100_000.0))
    assert downsample(curve, 50, (100, 110)).x.tolist() == list(range(99, 112))
    zoomed = downsample(curve, 50, (1000, 90_000))
    assert (zoomed.x[0], zoomed.x[-1]) == (999, 90_001)
    assert len(zoomed.x) <= 52
    assert len(downsample(curve, 50, (2e6, 3e6)).x) <= 1


def test_few_points_stay_as_they_are():
    curve = single(np.array([1.0, NAN, 3.0]))
    assert downsample(curve, 3) is curve
    assert len(downsample(aggregate([]), 3).x) == 0


def test_nothing_but_gaps_and_the_largest_x_can_be_reduced():
    assert np.isnan(downsample(single(np.full(5000, NAN)), 100).center).all()
    x = np.arange(-2500, 2500) / 2500 * 1e308
    assert 50 < len(downsample(single(np.arange(5000.0), x), 100).x) <= 102
