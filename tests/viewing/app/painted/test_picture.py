"""A chart that the server paints."""

import warnings

import numpy as np

from exptools.viewing.app.compare.chart import chart
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.painted import picture
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.theme import LIGHT
from tests.viewing.samples import csv_text, indexed, write_run


def test_the_largest_numbers_have_their_places_without_overflow():
    axis = picture._Axis(-1e308, 1e308, log=False, title="", dates=False, marks=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        places = axis.places(np.array([-1e308, 0, 1e308]))
    assert places.tolist() == [0, picture.UNITS / 2, picture.UNITS]


def test_steps_and_values_further_apart_than_the_largest_float_are_painted(tmp_path):
    for seed, value in enumerate((1e308, -1e308)):
        write_run(tmp_path / str(seed), {"seed": seed}, csv_text({"b": [value]}))
    write_run(tmp_path / "2", {"seed": 2}, "step,loss,a\n-1e308,1,-1.7e308\n1e308,2,1.7e308\n")
    workspace = Workspace(indexed(tmp_path))
    for metric in ("loss", "a"):
        view = resolve(View(metrics=(metric,), references=("1.5 theirs",)), workspace.facts())
        painted = picture.picture(drawing(workspace, view), view)
        assert "painted-up" in painted
        assert painted.count("painted-across") > 2
    view = resolve(View(metrics=("b",), by=(), band="minmax"), workspace.facts())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chart(drawing(workspace, view), view, LIGHT)
