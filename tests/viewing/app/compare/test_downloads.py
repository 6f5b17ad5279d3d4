"""What can be exported: files as the page makes them, and lines of Python that run."""

import base64
import io
from pathlib import Path
from unittest.mock import MagicMock, call

import numpy as np
import polars as pl
import pytest
from dash import no_update
from PIL import Image

from exptools.viewing.app.compare import downloads
from exptools.viewing.app.compare.downloads import KINDS, as_python, download, python_lines
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from tests.viewing.samples import csv_text, indexed, write_dying_sweep, write_run, write_sweep

VIEWS = {
    "first sight": View(),
    "all runs together": View(by=(), metrics=("train/loss",), band="minmax"),
    "each run": View(by=("run.name",), log=("y",)),
    "all of it": View(
        metrics=("train/loss", "test/accuracy"),
        split=("seed",),
        by=("optim.lr",),
        x="relative_time",
        center="median",
        band="percentiles:25,75",
        smooth="ema:0.9",
        smooth_when="after",
        where="optim.lr > 0.001",
        selected=("3", "4", "7", "8"),
    ),
    "finished": View(by=(), states="finished", band="interval:95"),
    "the best": View(by=("seed",), best=("optim.lr",), best_mode="min", smooth="mean:3"),
    "the best, as the metrics' names say": View(
        metrics=("test/accuracy", "train/loss"), by=("seed",), best=("optim.lr",)
    ),
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(indexed(write_sweep(tmp_path_factory.mktemp("runs") / "outputs")))


def taken(workspace: Workspace, kind: str, view: View) -> tuple[str, bytes]:
    file, refused = download(workspace, kind, view.to_data())
    assert refused == ""
    return file["filename"], base64.b64decode(file["content"])


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_the_lines_of_python_run_and_make_the_very_numbers(workspace, tmp_path, monkeypatch, view):
    monkeypatch.chdir(tmp_path)
    made = {}
    exec(as_python(workspace, view.to_data()), made)
    curves = made["curves"] if isinstance(made["curves"], list) else [made["curves"]]
    numbers = pl.read_csv(taken(workspace, "csv", view)[1])
    assert sum(len(part.frame()) for part in curves) == len(numbers) > 0
    for part in curves:
        of_page = numbers.filter(pl.col("metric") == part.metric)
        for name in ("center", "low", "high", "n"):
            assert np.array_equal(of_page[name], part.frame()[name], equal_nan=True)
    assert (tmp_path / "curves.pdf").read_bytes() == taken(workspace, "pdf", view)[1]


def test_the_lines_of_the_first_sight_are_those_that_one_would_write(workspace):
    assert as_python(workspace, View().to_data()).splitlines()[2:] == [
        f'runs = xv.load("{workspace.index.roots[0]}")',
        'curves = runs.curves("test/accuracy", by=["optim.lr"])',
        "figure = curves.plot()",
        'drawing = curves.paper(size="text", out="curves.pdf")',
    ]


def test_names_with_quotes_and_code_in_them_stay_names():
    odd = "a'b\"c\\n\n'); raise SystemExit('run') #"
    view = View(metrics=(odd,), by=(odd,), split=(odd,), best=("x",), selected=(odd,), where=odd)
    runs = MagicMock()
    runs.where.return_value = runs.__getitem__.return_value = runs
    xv = MagicMock(**{"load.return_value": runs})
    lines = python_lines(view, [Path("/tmp") / odd], {"y_range": {odd: (0.0, 1.0)}})
    exec(lines.replace("import exptools.viewing as xv\n", ""), {"xv": xv})
    xv.load.assert_called_once_with(f"/tmp/{odd}")
    assert runs.where.call_args_list == [call(odd)]
    runs.__getitem__.assert_called_once_with([odd])
    (metric,), options = runs.curves.call_args
    assert (metric, options["by"]) == (odd, [odd])
    figure = runs.curves.return_value.paper.call_args.kwargs
    assert (figure["facet"], figure["y_range"]) == (odd, {odd: (0.0, 1.0)})


def test_chosen_runs_are_the_same_in_python_whatever_their_configs_have(tmp_path):
    for name in ("a", "b", "c"):
        write_run(
            tmp_path / "runs" / name, {"run": {"name": "x"}, "name": "y"}, csv_text({"m": [1]})
        )
    workspace = Workspace(indexed(tmp_path / "runs"))
    lines = as_python(workspace, View(selected=("a", "c")).to_data())
    made = {}
    exec(lines.partition("curves =")[0], made)
    assert [run.name for run in made["runs"]] == ["a", "c"]


def test_where_no_run_has_a_star_the_lines_do_not_take_all_runs(workspace):
    assert as_python(workspace, View(where="run.star = true").to_data()) == (
        "# the filter leaves no run\n"
    )


def test_a_figure_is_what_its_suffix_says(workspace):
    name, content = taken(workspace, "png", View())
    assert name == "test-accuracy.png"
    assert Image.open(io.BytesIO(content)).format == "PNG"
    assert taken(workspace, "svg", View())[1].startswith(b"<?xml")
    assert taken(workspace, "pdf", View())[1].startswith(b"%PDF")


def test_the_rows_are_those_that_were_logged_of_the_runs_that_are_shown(workspace):
    view = View(metrics=("train/loss",), by=("optim.lr",), selected=("1", "4"))
    name, content = taken(workspace, "rows", view)
    rows = pl.read_csv(content)
    assert name == "train-loss.rows.csv"
    assert rows.columns == ["name", "optim.lr", "step", "wall_time", "metric", "value"]
    assert rows["name"].unique().sort().to_list() == [1, 4]
    logged = pl.read_csv(workspace.index.roots[0] / "4" / "progress.csv")["train/loss"]
    assert rows.filter(pl.col("name") == 4)["value"].to_list() == logged.to_list()


def test_a_table_for_latex_has_a_row_a_group(workspace):
    content = taken(workspace, "latex", View(summaries=("max",)))[1].decode()
    assert content.startswith("% max of test/accuracy")
    assert content.count(r"\pm") == 3


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_made_is_said_in_a_sentence(workspace, kind):
    file, refused = download(workspace, kind, View(where="lt = 1").to_data())
    assert file is no_update
    assert "no run has a key 'lt'" in refused
    assert as_python(workspace, View(where="lt = 1").to_data()).startswith("# no run has a key")


def test_before_anything_is_logged_there_is_nothing_to_take(tmp_path):
    write_run(tmp_path / "0", {"lr": 1})
    file, refused = download(Workspace(indexed(tmp_path)), "csv", None)
    assert file is no_update
    assert "nothing to export" in refused


def test_more_than_a_browser_should_be_handed_is_refused_with_another_way(workspace, monkeypatch):
    monkeypatch.setattr(downloads, "LARGEST", 2**10)
    file, refused = download(workspace, "rows", None)
    assert file is no_update
    assert "`exptools export`" in refused


def test_what_is_taken_away_has_the_runs_that_count_and_says_which_do_not(tmp_path):
    workspace = Workspace(indexed(write_dying_sweep(tmp_path / "outputs")))
    view = View(by=(), states="finished")
    table = taken(workspace, "latex", view)[1].decode()
    assert "% Only finished runs count: 6 are left out (5 failed and 1 was killed).\n" in table
    rows = pl.read_csv(taken(workspace, "rows", view)[1])
    assert rows["name"].unique().sort().to_list() == [0, 1]
    assert 'states="finished"' in as_python(workspace, view.to_data())
