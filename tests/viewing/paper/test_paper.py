import itertools
import os
import subprocess
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex

import exptools.viewing as xv
from exptools.viewing.api.curve_sets import CurveSet
from exptools.viewing.configs.values import MISSING
from exptools.viewing.curves.curve_data import GroupCurve
from exptools.viewing.curves.statistics.aggregation import Curve
from exptools.viewing.paper import compose as paper
from exptools.viewing.paper.sheet import COLORS
from tests.viewing.samples import write_run, write_sweep

NAN = float("nan")
ODD = ["_private", "a_b % c", "$x^2$ & 5$", "#1 {z} ~ ^", "back\\slash \\$", "$\\frac{$", "ü—é"]


def line(y, low=None, high=None, n=3, x=None):
    y = np.array(y, float)
    edge = np.full(len(y), NAN)
    return Curve(
        np.arange(len(y), dtype=float) if x is None else np.array(x, float),
        y,
        edge if low is None else np.array(low, float),
        edge if high is None else np.array(high, float),
        np.broadcast_to(np.array(n, np.int64), len(y)),
    )


def curve_set(curves, metric="loss", by=("k",), band="std"):
    """Curves by their values of the keys, as a tuple or as the one value."""
    groups = []
    for key, curve in curves.items():
        values = key if isinstance(key, tuple) else (key,)
        groups.append(GroupCurve(values, ", ".join(map(str, values)), (), curve))
    heads = tuple(key.rpartition(".")[2] for key in by)
    legend, done = ", ".join(heads), tuple(groups)
    return CurveSet(metric, "step", by, legend, "mean", band, "none", done, heads=heads)


def drawn_lines(axes):
    return [line for line in axes.lines if line.get_linestyle() != "None"]


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture
def runs(tmp_path):
    return xv.load(write_sweep(tmp_path / "outputs"))


def test_the_lines_and_bands_are_the_very_numbers_of_the_curve_set(runs):
    curves = runs.curves("test/accuracy", by="optim.lr", band="minmax")
    (axes,) = curves.paper().axes
    assert len(drawn_lines(axes)) == len(axes.collections) == 3
    for group, drawn, band in zip(curves.groups, axes.lines, axes.collections, strict=True):
        np.testing.assert_array_equal(drawn.get_xdata(), group.curve.x)
        np.testing.assert_array_equal(drawn.get_ydata(), group.curve.center)
        corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
        assert corners >= set(zip(group.curve.x, group.curve.low, strict=True))
        assert corners >= set(zip(group.curve.x, group.curve.high, strict=True))


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path):
    root = write_sweep(tmp_path / "outputs", steps=10)
    code = (
        "import sys, exptools.viewing as xv\n"
        "curves = xv.load(sys.argv[1]).curves('test/accuracy', by='optim.lr', band='ci')\n"
        "for kind in ('pdf', 'svg', 'png'): curves.paper(out=f'{sys.argv[2]}.{kind}')\n"
    )
    for number in range(2):
        environment = {**os.environ, "PYTHONHASHSEED": str(number), "TZ": f"UTC{number}"}
        command = [sys.executable, "-c", code, root, tmp_path / str(number)]
        subprocess.run(command, check=True, env=environment)
    for kind in ("pdf", "svg", "png"):
        one, other = ((tmp_path / f"{number}.{kind}").read_bytes() for number in range(2))
        assert one == other, kind
        assert len(one) > 5000


def test_a_pdf_has_truetype_fonts_and_no_date(tmp_path):
    curve_set({"a": line([1, 2])}).paper(out=tmp_path / "x.pdf")
    content = (tmp_path / "x.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"Date" not in content


def test_the_users_settings_are_neither_touched_nor_used(tmp_path):
    curves = curve_set({"a": line([1, 2])})
    curves.paper(out=tmp_path / "plain.png")
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30, "figure.facecolor": "red"}):
        before = dict(mpl.rcParams)
        curves.paper(out=tmp_path / "users.png")
        assert dict(mpl.rcParams) == before
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "users.png").read_bytes()


def test_drawing_needs_no_pyplot_and_so_no_display():
    code = (
        "import sys, exptools.viewing.paper.compose\n"
        "sys.exit('matplotlib.pyplot' in sys.modules or 'tkinter' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "draw",
    [
        "runs.curves('loss', by='lr').paper()",
        "runs.curves('loss', by='lr').plot(colors={'1': 'red'})",
        "runs.importance('loss').paper()",
        "runs.improvement('loss', of='lr = 1', over='lr = 2').paper()",
    ],
)
def test_a_pipe_in_the_place_of_matplotlibs_settings_is_refused_and_not_waited_for(tmp_path, draw):
    for lr in (1, 2):
        for seed in (0, 1):
            write_run(tmp_path / f"{lr}-{seed}", {"lr": lr, "seed": seed}, {"loss": [lr + seed]})
    os.mkfifo(tmp_path / "matplotlibrc")
    code = f"import exptools.viewing as xv; runs = xv.load('.'); {draw}"
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert b"QueryError: matplotlibrc in the current directory is no small file" in done.stderr


@pytest.mark.filterwarnings("error")
def test_odd_texts_are_drawn_as_they_are(tmp_path):
    curves = curve_set({name: line([at, at]) for at, name in enumerate(ODD)}, metric="a_$x$ %")
    figure = curves.paper(out=tmp_path / "odd.pdf")
    assert sorted(legend_texts(figure)) == sorted(ODD)
    shown = [figure.axes[0].yaxis.label, *figure.legends[0].get_texts()]
    assert not any(text.get_parse_math() for text in shown)
    assert figure.axes[0].get_ylabel() == "a_$x$ %"


@pytest.mark.filterwarnings("error")
def test_what_no_font_can_show_is_replaced_and_a_long_text_is_broken():
    texts = ["tab\tand\nline", "\ud800", "very/long_name." * 20]
    figure = curve_set({text: line([0]) for text in texts}).paper()
    shown = legend_texts(figure)
    assert "tab and line" in shown
    assert "\N{REPLACEMENT CHARACTER}" in shown
    assert texts[2] in [text.replace("\n", "") for text in shown]
    assert_inside(figure)


def assert_inside(figure):
    """All of the legend and of the axes' texts is in the figure, and neither covers the other."""
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= figure.bbox.x0
    assert box.x1 <= figure.bbox.x1
    assert box.y0 >= figure.bbox.y0
    for axes in figure.axes:
        tight = axes.get_tightbbox()
        assert tight.y0 >= box.y1
        assert tight.y1 <= figure.bbox.y1 + 1


@pytest.mark.parametrize("number", [2, 7, 28])
@pytest.mark.parametrize("size", ["column", "page"])
def test_the_legend_covers_no_curve_however_many_there_are(number, size):
    curves = curve_set({f"value {at}": line([at, at]) for at in range(number)})
    figure = curves.paper(size=size)
    assert_inside(figure)
    (axes,) = figure.axes
    assert axes.get_window_extent().height > 0.9 * figure.dpi  # nor squeezes it


def test_the_legend_is_read_row_by_row_in_the_order_of_the_last_values():
    ends = {"a": 1, "b": 5, "c": NAN, "d": 3, "e": 4}
    figure = curve_set({name: line([0, end]) for name, end in ends.items()}).paper(size="page")
    texts = figure.legends[0].get_texts()
    place = {text.get_text(): text.get_window_extent() for text in texts}
    assert sorted(place, key=lambda name: (-round(place[name].y1), place[name].x0)) == [
        *("b", "e", "d", "a", "c")
    ]


def test_a_single_line_needs_no_legend():
    assert curve_set({"a": line([1, 2])}).paper().legends == []


def test_colours_come_before_dashes_and_what_cannot_be_told_apart_is_refused():
    curves = {str(at): line([at, at]) for at in range(28)}
    (axes,) = curve_set(curves).paper().axes
    looks = [(to_hex(drawn.get_color()), drawn._dash_pattern) for drawn in axes.lines]
    assert len({str(look) for look in looks}) == 28
    assert [color.upper() for color, _ in looks[:7]] == list(COLORS)
    with pytest.raises(xv.QueryError, match=r"29 lines .* group by fewer keys"):
        curve_set({**curves, "28": line([1])}).paper()


def test_a_facet_has_a_panel_a_value_on_shared_axes_and_one_colour_a_setting():
    keys = ("env.name", "algo.lr")
    values = {("A", 1): 0, ("A", 2): 9, ("B", 2): 50, (MISSING, 1): -50}
    curves = curve_set({key: line([end, end]) for key, end in values.items()}, by=keys)
    figure = curves.paper(facet="env.name", size="page")
    first, second, third = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["name = A", "name = B", "name = —"]
    assert first.get_ylim() == second.get_ylim() == third.get_ylim()
    assert (first.get_ylabel(), second.get_ylabel()) == ("loss", "")
    colors = [[drawn.get_color() for drawn in axes.lines] for axes in figure.axes]
    assert colors == [list(COLORS[:2]), [COLORS[1]], [COLORS[0]]]
    assert legend_texts(figure) == ["2", "1"]
    assert figure.legends[0].get_title().get_text() == "lr"


def test_metrics_have_panels_with_axes_of_their_own():
    sets = [
        curve_set({"a": line([end, 1]), "b": line([2, 2])}, metric=f"m{end}") for end in (9, 900)
    ]
    one, other = paper.figure(sets).axes
    assert (one.get_ylabel(), other.get_ylabel()) == ("m9", "m900")
    assert one.get_ylim() != other.get_ylim()
    assert one.get_xlim() == other.get_xlim()


def test_panels_that_do_not_fit_go_on_in_the_next_row_with_an_axis_under_each_column():
    curves = curve_set({(env, 1): line([1, 2]) for env in "ABC"}, by=("env", "lr"))
    figure = curves.paper(facet="env", size="column")
    tops = [round(axes.get_position().y1, 3) for axes in figure.axes]
    assert tops[0] == tops[1] > tops[2]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "step", "step"]


def test_a_line_is_thin_where_not_all_runs_count():
    (axes,) = curve_set({"a": line([1, 2, 3, 4], n=[3, 3, 3, 1])}).paper().axes
    thin, thick = axes.lines
    assert thin.get_linewidth() < thick.get_linewidth()
    assert thin.get_ydata().tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(thick.get_ydata(), [1, 2, 3, NAN])


def test_a_point_without_neighbours_is_a_dot_with_its_band():
    (axes,) = curve_set({"a": line([1], low=[0], high=[3])}).paper().axes
    dot = axes.lines[-1]
    assert (dot.get_marker(), dot.get_ydata().tolist()) == ("o", [1])
    assert axes.collections[-1].get_segments()[0].tolist() == [[0, 0], [0, 3]]


def test_a_long_curve_is_thinned_to_points_of_its_own_with_its_spikes_and_gaps():
    y = np.sin(np.arange(1_000_000) / 5e4)
    y[123_456], y[500_000] = 50, NAN
    (axes,) = curve_set({"a": line(y)}).paper().axes
    x, shown = axes.lines[0].get_data()
    assert len(x) < 10_000
    np.testing.assert_array_equal(shown, y[x.astype(int)])
    assert (np.nanmax(shown), np.isnan(shown).any()) == (50, True)


@pytest.mark.parametrize(
    ("size", "inches"), [("column", 3.25), ("text", 5.5), ("page", 6.75), (4, 4)]
)
def test_a_figure_is_as_wide_as_the_page_it_is_for(size, inches):
    assert curve_set({"a": line([1, 2])}).paper(size=size).get_size_inches()[0] == inches


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "colum"}, "no size 'colum'; did you mean 'column'"),
        ({"size": 900}, "1.5 to 20 inches wide, not 900"),
        ({"facet": "kk"}, "not grouped by 'kk'.*did you mean 'k'"),
        ({"out": "x.pdff"}, "x.pdff: a figure is a file .pdf, .svg or .png; did you mean 'pdf'"),
        ({"out": "x"}, "x: a figure is .* this name has no suffix"),
        ({"y_scale": "lgo"}, "no scale 'lgo'; did you mean 'log'"),
        ({"x_range": (2, 1)}, r"the smaller one first, not \(2, 1\)"),
        ({"y_range": {"loss": 5}}, "two numbers, the smaller one first, not 5"),
        ({"x_scale": "log", "x_range": (0, 1)}, "a log axis begins above 0"),
    ],
)
def test_a_wrong_option_is_answered_with_the_right_ones(options, message):
    with pytest.raises(xv.QueryError, match=message):
        curve_set({"a": line([1, 2])}).paper(**options)


def test_hundreds_of_metrics_are_not_drawn_for_minutes():
    curves = [curve_set({"a": line([1, 2])}, metric=f"m{number}") for number in range(101)]
    with pytest.raises(xv.QueryError, match="101 panels are more than a figure has room for, wh"):
        paper.figure(curves)


def test_a_log_axis_leaves_out_what_it_has_no_place_for_and_a_symlog_one_nothing():
    curves = curve_set({"a": line([-1, 10, 100], low=[-2, -1, 50], high=[0, 20, 200])})
    (axes,) = curves.paper(y_scale="log").axes
    assert axes.get_yscale() == "log"
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [NAN, 10, 100])
    assert axes.collections[0].get_paths()[0].vertices[:, 1].min() == 10  # the band ends there
    (axes,) = curves.paper(y_scale="symlog", x_scale="symlog").axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [-1, 10, 100])
    assert axes.get_ylabel() == "loss (linear within ±1)"
    assert axes.get_xlabel() == "step (linear within ±1)"


@pytest.mark.parametrize(
    ("top", "told"),
    [(42, {"32", "40"}), (90, {"40", "60"}), (3000, {r"$\mathdefault{10^{2}}$"})],
)
def test_a_log_axis_over_few_powers_of_ten_has_plain_numbers(top, told):
    (axes,) = curve_set({"a": line([31, top])}).paper(y_scale="log").axes
    axes.figure.canvas.draw()
    labels = axes.yaxis.get_ticklabels(which="both")
    texts = {label.get_text() for label in labels} - {""}
    assert told <= texts
    assert any("10^" in text for text in texts) == (top == 3000)


def test_bands_are_left_out_and_ranges_are_as_one_wants_them():
    one = curve_set({"a": line([1, 2], low=[0, 1], high=[2, 3])})
    other = curve_set({"a": line([1, 2])}, metric="acc")
    first, second = paper.figure([one, other], bands=False, y_range={"acc": (0, 9)}).axes
    assert all(
        np.isnan(band.get_paths()[0].vertices).all()
        for band in first.collections
        if band.get_paths()
    )
    assert second.get_ylim() == (0, 9)
    assert one.paper(x_range=(0, 5), y_range=(-1, 1)).axes[0].get_xlim() == (0, 5)


def heights(axes, values):
    """How high some values stand in a panel, from 0 at its foot to 1."""
    places = axes.transData.transform([(1, value) for value in values])
    return axes.transAxes.inverted().transform(places)[:, 1]


@pytest.mark.parametrize("scale", ["log", "symlog"])
def test_a_value_stands_equally_high_in_each_panel_of_a_facet_at_the_right_as_at_the_left(scale):
    ends = {"loss": np.array([1, 10, 100]), "reward": np.array([1e5, 1e6, 1e7])}
    sets = [
        curve_set({(env, 1): line(y) for env in "ABC"}, metric=metric, by=("env", "lr"))
        for metric, y in ends.items()
    ]
    figure = paper.figure(sets, facet="env", size="page", y_scale=scale, together=True)
    lefts, rights = figure.axes[:3], figure.axes[3:]
    for panels, values in ((lefts, ends["loss"]), (rights, ends["reward"])):
        places = [heights(axes, values) for axes in panels]
        np.testing.assert_allclose(places, [places[0]] * 3, atol=1e-6)
        np.testing.assert_allclose(np.diff(places[0], 2), 0, atol=0.05)


@pytest.mark.parametrize("scale", ["log", "symlog"])
def test_a_step_stands_equally_far_to_the_right_in_each_panel(scale):
    curve = line([1, 2, 3], x=[1, 10, 100])
    sets = [curve_set({"a": curve}, metric=metric) for metric in ("loss", "acc")]
    panels = [
        axes.transAxes.inverted().transform(axes.transData.transform([(x, 2) for x in curve.x]))
        for axes in paper.figure(sets, x_scale=scale).axes
    ]
    np.testing.assert_allclose(panels, panels[:1] * 2, atol=1e-6)
    np.testing.assert_allclose(panels[0][1, 0], panels[0][[0, 2], 0].mean(), atol=0.05)


def test_with_a_facet_a_line_says_its_best_setting_in_each_panel(tmp_path):
    for at, (task, lr, algo) in enumerate(itertools.product("xy", (0.1, 0.2), "pq")):
        good = (lr == 0.1) == (algo == "p" or task == "x")
        config = {"task": task, "lr": lr, "algo": algo, "seed": 0}
        write_run(tmp_path / str(at), config, {"acc": [0.0, float(good)]})
    curves = xv.load(tmp_path).curves("acc", ["algo", "task"], best="lr")
    texts = legend_texts(curves.paper(facet="task", size="page"))
    assert sorted(texts) == ["p (lr=0.1)", "q (lr=0.1 | lr=0.2)"]


def test_one_line_without_a_legend_says_its_best_setting_above_its_panel(tmp_path):
    for at, (task, lr) in enumerate(itertools.product("xy", (0.1, 0.2))):
        values = {"acc": [0.0, float((lr == 0.1) == (task == "x"))]}
        write_run(tmp_path / str(at), {"task": task, "lr": lr, "seed": 0}, values)
    curves = xv.load(tmp_path).curves("acc", "task", best="lr")
    titles = [axes.get_title() for axes in curves.paper(facet="task", size="page").axes]
    assert titles == ["task = x (lr=0.1)", "task = y (lr=0.2)"]
    (axes,) = xv.load(tmp_path).where("task = 'x'").curves("acc", [], best="lr").paper().axes
    assert axes.get_title() == "lr=0.1"


def test_an_axis_title_goes_on_in_the_next_line_neither_in_a_number_nor_beside_a_sign(tmp_path):
    for lr in (0.001, 0.002):
        write_run(tmp_path / str(lr), {"weight_decay": lr, "seed": 0}, {"train/mse": [1.0, 2.0]})
    curves = xv.load(tmp_path).curves("train/mse", "weight_decay", baseline="0.001")
    (axes,) = curves.paper(size="column").axes
    lines = axes.get_ylabel().split("\n")
    assert lines[-1].endswith("0.001")
    assert not any(line.endswith(("=", "0.")) for line in lines)


def test_metrics_of_other_steps_have_their_own_horizontal_axis():
    steps = curve_set({"a": line([1, 2], x=[0, 1e6])})
    epochs = curve_set({"a": line([1, 2], x=[0, 20])}, metric="acc")
    first, second = paper.figure([steps, epochs], size="page").axes
    assert first.get_xlim()[1] > 1e6
    assert second.get_xlim()[1] < 30


def test_names_of_lines_that_are_close_to_each_other_stand_side_by_side():
    curves = curve_set({"a": line([9, 9, 9])})
    close = ["0.3 theirs", "0.25 PPO (paper)", "0.28 third", "8 far"]
    (axes,) = curves.paper(references=close).axes
    places = [name.get_window_extent() for name in axes.texts]
    assert not any(one.overlaps(two) for at, one in enumerate(places) for two in places[:at])
    assert [name.xy[1] for name in axes.texts] == [0.3, 0.25, 0.28, 8]
    assert axes.texts[3].xy[0] == axes.texts[0].xy[0] < axes.texts[1].xy[0]


def test_a_horizontal_lines_name_stands_at_the_end_that_no_curve_crosses(tmp_path):
    for name, losses in {"falls": [1.0, 0.1, 0.1, 0.1], "rises": [0.1, 0.1, 0.1, 1.0]}.items():
        write_run(tmp_path / name / "0", {"a": 1}, {"loss": losses})
        curves = xv.load(tmp_path / name).curves("loss", [])
        (axes,) = curves.paper(references=["0.9 theirs"]).axes
        (name_of_line,) = axes.texts
        place = name_of_line.get_window_extent()
        at_begin = place.x0 - axes.bbox.x0 < axes.bbox.x1 - place.x1
        assert at_begin == (name == "rises")


def test_no_line_of_a_panel_is_drawn_over_a_name_whichever_axis_it_belongs_to():
    left, right = curve_set({"a": line([0, 900])}), curve_set({"a": line([0, 1])}, metric="acc")
    figure = paper.figure([left, right], together=True, references=["800 far", "acc = 0.9 goal"])
    lower, upper = figure.axes
    assert not lower.texts
    assert [name.get_text() for name in upper.texts] == ["far", "goal"]
    assert all(name.get_path_effects() for name in upper.texts)
    heights = [name.get_window_extent().y0 for name in upper.texts]
    lines = [axes.transData.transform((0, y))[1] for axes, y in ((lower, 800), (upper, 0.9))]
    np.testing.assert_allclose(heights, lines, atol=6)


def test_what_does_not_go_into_one_figure_is_refused():
    one, other = curve_set({"a": line([1])}), curve_set({"a": line([1])}, by=("other",))
    with pytest.raises(xv.QueryError, match="do not go into one figure"):
        paper.figure([one, other])
    for nothing in ([], curve_set({})):
        with pytest.raises(xv.QueryError, match="no curve to draw"):
            paper.figure(nothing)


@pytest.mark.filterwarnings("error")
def test_numbers_that_axes_cannot_hold_are_refused_and_gaps_are_not():
    curve_set({"a": line([1e300, -1e300]), "b": line([NAN, NAN])}).paper()
    with pytest.raises(xv.QueryError, match=r"b has numbers beyond ±1e\+300"):
        curve_set({"a": line([1]), "b": line([-1.7e308])}).paper()


@pytest.mark.filterwarnings("ignore:the interval is by bootstrap")
def test_the_caption_says_what_line_and_band_are_of_how_many_runs(tmp_path):
    for seed in range(3):
        metrics = {"loss": [1.0] * (5 + seed)}
        write_run(tmp_path / str(seed), {"lr": 1 if seed else 2, "seed": seed}, metrics)
    curves = xv.load(tmp_path).curves("loss", "lr", center="iqm", band="ci:90", smooth="ema:0.5")
    assert paper.caption(curves) == (
        "loss over step: interquartile mean of 1 to 2 runs, thin where it is of fewer, "
        "smoothed (ema:0.5), band: the 90 % confidence interval (bootstrap). Of the 3 runs 1 "
        "finished before the others, after step 5 of 6: 1 of the 2 lines is of 1 run from there "
        "on. Fewer than ten runs: "
        "the 90 % interval by bootstrap of 2 runs is too narrow. The interquartile mean of fewer "
        "than four runs is their mean."
    )


def test_a_letter_that_is_in_no_font_is_warned_of_and_drawn_as_a_box(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        curve_set({"日": line([1]), "b": line([2])}).paper(out=tmp_path / "x.png")
    assert "26085" in str(caught[0].message)
