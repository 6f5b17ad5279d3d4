"""What is chosen on the page, as an address and as the page's store have it."""

import json
from dataclasses import fields

import pytest

from exptools.viewing.app.view import LONGEST, View

EVERYTHING = View(
    tab="charts",
    metrics=("eval/return", "a b&c=d+é#"),
    by=("optim.lr", "env"),
    split=("seed",),
    x="wall_time",
    center="iqm",
    band="ci:90",
    smooth="ema:0.5",
    smooth_when="after",
    bands="all",
    log=("x", "y"),
    nonpositive="symlog",
    x_range=(1.5, 1e9),
    best=("width",),
    best_mode="min",
    together=True,
    baseline="lr=0.01",
    difference="percent",
    references=("test/loss = 0.3 theirs", "0.95 PPO (paper)"),
    clip=True,
    show_runs=True,
    where="optim.lr > 1e-4 and env = 'a b'",
    states="finished",
    selected=("0", "<i>"),
    page=3,
    rows="groups",
    summaries=("mean:10", "max"),
    columns=("+host", "-state"),
    sort=("-value last eval/return",),
    order=("state>config a>b", ">step"),
    pinned=("<config lr", "-run"),
    widths=("state:120",),
    all_metrics=True,
    search="loss a",
    folded=("train/", "/"),
    run="a/0",
    chart="bars",
    media_step=-3,
    media_search="sam ples",
    media_kinds=("image", "gif"),
    media_columns="groups",
    media_layout="grid",
    media_size="large",
    histograms="overlay",
    x_ranges={"epoch/acc": (0.0, 1795788000.25)},
    y_ranges={"eval/return": (-1.0, 2.0)},
    options={"x": "lr"},
)


def test_a_view_comes_back_from_its_address_and_from_the_page():
    assert View.from_query("?" + EVERYTHING.to_query()) == EVERYTHING
    assert View.from_data(json.loads(json.dumps(EVERYTHING.to_data()))) == EVERYTHING
    names = [field.name for field in fields(View)]
    untold = [name for name in names if getattr(EVERYTHING, name) == getattr(View(), name)]
    assert untold == ["notes"]


def test_nothing_chosen_is_an_empty_address_and_nothing_grouped_is_not():
    assert View().to_query() == ""
    assert View.from_query("") == View()
    assert View.from_query(View(by=()).to_query()).by == ()


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("metrcs=a", "it is unknown; did you mean 'metrics'?"),
        ("states=finishd", "did you mean 'finished'?"),
        ("tab=compar", "there is no tab 'compar'; did you mean 'compare'?"),
        ("band=percentiles:1", "percentiles takes two percentages"),
        ("smooth=ema:2", "ema takes a weight from 0 to below 1"),
        ("summaries=first", "there is no summary 'first'"),
        ("x_range=2,1", "it has no such value"),
        ("x_range=0,inf", "it has no such value"),
        ("x_range=-1e308,1e308", "it has no such value"),
        ("x_range=5e-324,1e-323", "it has no such value"),
        ("y_range.loss=1", "it has no such value"),
        ("page=-1", "it has no such value"),
        ("page=" + "9" * 5000, "it has no such value"),
    ],
)
def test_what_makes_no_sense_is_left_out_and_said(query, note):
    view = View.from_query(f"{query}&center=median")
    assert view == View(center="median")
    assert len(view.notes) == 1
    assert note in view.notes[0]


def test_a_token_is_no_part_of_a_view_and_an_endless_address_no_view():
    assert View.from_query("token=abc").notes == ()
    assert View.from_query("&".join(["selected=1"] * 30_000)).notes == (
        "The URL is too long to be read and is ignored.",
    )


def test_a_selection_too_long_for_an_address_is_left_out_of_it():
    view = View(selected=tuple(f"run/{n}" for n in range(5000)), band="sem")
    assert len(view.to_query()) < LONGEST
    assert View.from_query(view.to_query()) == View(band="sem")


def test_an_address_from_when_the_charts_were_called_pictures_opens_them():
    view = View.from_query("tab=pictures&picture=heat-map")
    assert (view.tab, view.chart, view.notes) == ("charts", "heat-map", ())
