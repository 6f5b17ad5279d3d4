"""Where many bands would bury their lines, only that of the line that is pointed at is seen."""

import re
import sys

import numpy as np
import pytest

from exptools.viewing.app.compare.captions import caption
from exptools.viewing.app.compare.chart import chart
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.compare.downloads import as_python
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.painted.picture import picture
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.theme import LIGHT, css_name
from tests.viewing.samples import csv_text, indexed, write_run


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Seven lines that end at 1 to 7, 0.5 apart at most, with bands from 0.1 to 70 wide."""
    root = tmp_path_factory.mktemp("runs")
    for lr in range(1, 8):
        for seed in range(3):
            wide = {"narrow": 0.1 * seed, "wide": 70.0 * (seed - 1)}
            values = {name: [1.0, lr + by] for name, by in wide.items()}
            write_run(root / f"{lr}-{seed}", {"lr": lr, "seed": seed}, csv_text(values))
    return Workspace(indexed(root))


def drawn(workspace, **chosen):
    view = resolve(View(**{"metrics": ("narrow",), "by": ("lr",)} | chosen), workspace.facts())
    content = drawing(workspace, view)
    return content, view, chart(content, view, LIGHT)


def bands(figure) -> list[dict]:
    return [trace for trace in figure["data"] if trace["uid"].startswith("band")]


def seen(figure) -> int:
    return sum(band.get("opacity", 1) > 0 for band in bands(figure))


def test_of_few_lines_all_bands_are_seen_and_of_many_none_but_on_demand(workspace):
    _, _, many = drawn(workspace)
    assert (len(bands(many)), seen(many)) == (7, 0)
    _, _, few = drawn(workspace, where="lr < 6")
    assert seen(few) == 5
    assert few["layout"]["meta"]["pointing"] == {}
    pointing = many["layout"]["meta"]["pointing"]
    assert pointing["many"] == 6
    assert pointing["runs"][css_name("3")] == ["3-0", "3-1", "3-2"]


def test_one_may_choose_to_see_all_bands_or_only_the_one_that_is_pointed_at(workspace):
    assert seen(drawn(workspace, bands="all")[2]) == 7
    _, _, few = drawn(workspace, bands="pointed", where="lr < 3")
    assert (seen(few), few["layout"]["meta"]["pointing"]["many"]) == (0, 0)
    assert drawn(workspace, bands="pointed", band="none")[2]["layout"]["meta"]["pointing"] == {}


def test_the_caption_says_whose_band_is_seen(workspace):
    content, view, _ = drawn(workspace)
    text = caption(workspace.facts(), view, content)
    assert text.endswith("; the band of the line you point at is ± one standard deviation.")
    content, view, _ = drawn(workspace, bands="all")
    assert "; the band is ±" in caption(workspace.facts(), view, content)


def test_the_axis_shows_bands_for_as_long_as_the_lines_keep_half_of_it(workspace):
    axis = drawn(workspace)[2]["layout"]["yaxis"]
    assert axis["autorangeoptions"]["clipmax"] == pytest.approx(7.2)  # all of the band
    axis = drawn(workspace, metrics=("wide",))[2]["layout"]["yaxis"]
    assert axis["autorangeoptions"] == {"clipmin": -5, "clipmax": 13}  # lines from 1 to 7
    axis = drawn(workspace, metrics=("wide",), log=("y",))[2]["layout"]["yaxis"]
    ends = np.log([axis["autorangeoptions"][end] for end in ("clipmin", "clipmax")])
    assert ends[1] <= 2 * np.log(7) + 1e-9
    assert "autorangeoptions" not in drawn(workspace, bands="all")[2]["layout"]["yaxis"]


def test_what_the_server_paints_first_and_a_paper_has_no_bands_either(workspace):
    content, view, _ = drawn(workspace)
    assert "painted-band" not in picture(content, view)
    assert "bands=False" in as_python(workspace, view.to_data())
    content, view, _ = drawn(workspace, bands="all")
    assert picture(content, view).count("painted-band") == 7
    assert "bands=False" not in as_python(workspace, view.to_data())


def test_the_painted_axis_ends_where_the_charts_does(workspace):
    content, view, _ = drawn(workspace, metrics=("wide",))
    texts = re.findall(r'class="painted-up"[^>]*>([^<]+)<', picture(content, view))
    assert texts == ["−5", "0", "5", "10"]


@pytest.mark.parametrize("largest", [1e290, 1e308, sys.float_info.max])
def test_a_log_axis_that_ends_beyond_the_largest_float_ends_there(tmp_path, largest):
    for lr in range(1, 8):
        for seed in range(3):
            values = [1.0, 0.5 * (1 + seed)]
            write_run(tmp_path / f"{lr}-{seed}", {"lr": lr}, csv_text({"a": values}))
    write_run(tmp_path / "far", {"lr": 9}, csv_text({"a": [1.0, *[largest] * 30]}))
    workspace = Workspace(indexed(tmp_path))
    for clip in (False, True):
        content, view, figure = drawn(workspace, metrics=("a",), log=("y",), clip=clip)
        ends = figure["layout"]["yaxis"]["autorangeoptions"]
        assert 0 < ends["clipmin"] < ends["clipmax"] < float("inf")
        assert "painted-up" in picture(content, view)
