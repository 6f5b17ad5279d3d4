"""Which setting mattered and whether one group is better, in the app without a browser."""

import base64

import pytest
from dash import no_update

import exptools.viewing as xv
from exptools.viewing.app.charts.analyses import with_best_pair
from exptools.viewing.app.charts.content import chart_content
from exptools.viewing.app.charts.controls import chosen, controls
from exptools.viewing.app.charts.tab import draw_chart
from exptools.viewing.app.charts.taking import as_python, download
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.theme import LIGHT
from tests.viewing.samples import indexed, write_run, write_sweep

IS_IT_BETTER = "chart=improvement&by=optim.lr"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    return write_sweep(tmp_path_factory.mktemp("outputs"))


@pytest.fixture(scope="module")
def workspace(outputs):
    return Workspace(indexed(outputs))


def view_of(workspace, query):
    facts = workspace.facts()
    view = resolve(View.from_query(f"tab=charts&{query}"), facts)
    return with_best_pair(workspace.index, facts, view)


def content(workspace, query):
    return chart_content(workspace.index, workspace.facts(), view_of(workspace, query), LIGHT)


def pair(workspace, query):
    values = chosen(controls(workspace.facts(), view_of(workspace, query)))
    return values["of"], values["over"]


def python(workspace, query):
    return as_python(workspace, view_of(workspace, query).to_data())


def test_at_first_the_best_two_groups_are_compared_and_that_is_said(workspace):
    assert pair(workspace, IS_IT_BETTER) == ("0.01", "0.1")
    chart = content(workspace, IS_IT_BETTER).chart
    assert chart.headline.startswith("lr=0.01 is better than lr=0.1, by ")
    assert "These are two of 3 groups: if you chose them by their results" in chart.notes[-1]
    assert pair(workspace, f"{IS_IT_BETTER}&metrics=train/loss") == ("0.1", "0.01")  # the lowest


def test_a_group_that_somebody_chose_stays_and_meets_the_best_of_the_others(workspace):
    assert pair(workspace, f"{IS_IT_BETTER}&option.over=0.001") == ("0.01", "0.001")
    assert pair(workspace, f"{IS_IT_BETTER}&option.of=0.01") == ("0.01", "0.1")
    assert pair(workspace, f"{IS_IT_BETTER}&option.of=0.01&option.over=gone") == ("0.01", "0.1")


def test_which_setting_mattered_is_drawn_with_its_interval(workspace):
    chart = content(workspace, "chart=importance").chart
    assert chart.headline.startswith("lr explains 98 % (")
    assert "Parts of the variance of the last test/accuracy between 9 runs" in chart.caption
    assert chart.figure["layout"]["yaxis"]["ticktext"] == ["lr", "seeds"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (f"{IS_IT_BETTER}&option.of=0.1&option.over=0.1", "0.1 cannot be compared with itself"),
        ("chart=improvement&by=epochs", "Two groups are compared where there are two"),
        (f"{IS_IT_BETTER}&where=lr+>+0.05", "No run of lr=0.01 is left by the filter"),
        ("chart=importance&where=lr+>+0.05", "Which key explains the last test/accuracy can be"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_sentence(workspace, query, sentence):
    where = "&option.of=0.1&option.over=0.01" if "lr+>" in query else ""
    assert content(workspace, query + where).empty.startswith(sentence)


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("chart=importance", 'runs.importance("test/accuracy")'),
        (
            f"{IS_IT_BETTER}&option.summary=mean:5&states=finished",
            'runs.improvement("test/accuracy", of="optim.lr = 0.01", over="optim.lr = 0.1", '
            'summary="mean:5", states="finished")',
        ),
    ],
)
def test_the_lines_that_are_copied_give_the_same_answer(
    workspace, tmp_path, monkeypatch, query, line
):
    lines = python(workspace, query)
    assert line in lines
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(lines, names)
    drawn = content(workspace, query).chart
    found = names["found"]
    told = found.headline if hasattr(found, "headline") else found.sentences[0]
    assert told == drawn.headline.replace("lr=", "optim.lr = ") or told == drawn.headline
    assert next(tmp_path.glob("*.pdf")).stat().st_size > 1000


def test_groups_of_any_values_are_found_again_by_the_copied_condition(tmp_path):
    values = ["it's", True, [1, 2], None, 3]
    for at, value in enumerate([*values, *values]):
        write_run(tmp_path / str(at), {"a": value, "seed": at // 5}, {"acc": [float(at)]})
    write_run(tmp_path / "none", {"seed": 0}, {"acc": [9.5]})
    workspace = Workspace(indexed(tmp_path))
    runs = xv.load(tmp_path)
    for of in ("it's", "true", "[1, 2]", "null", "3", "—"):
        lines = python(workspace, f"chart=improvement&by=a&option.of={of}")
        condition = lines.partition('of="')[2].partition('"')[0]
        assert len(runs.where(condition)) == (1 if of == "—" else 2), (of, condition)


def test_numbers_and_figure_are_taken_away_or_the_reason_is_said(workspace):
    data = view_of(workspace, IS_IT_BETTER).to_data()
    file, refused = download(workspace, "csv", data)
    assert refused == ""
    assert file["filename"] == "improvement-test-accuracy.csv"
    assert base64.b64decode(file["content"]).startswith(b"metric,summary,of,over,")
    file, _ = download(workspace, "pdf", view_of(workspace, "chart=importance").to_data())
    assert base64.b64decode(file["content"]).startswith(b"%PDF")
    nothing = view_of(workspace, f"{IS_IT_BETTER}&option.of=0.1&option.over=0.1").to_data()
    file, refused = download(workspace, "csv", nothing)
    assert (file, refused) == (
        no_update,
        "0.1 cannot be compared with itself: choose another group",
    )


def test_what_can_be_taken_away_is_offered_of_analyses_only(workspace):
    take = {
        query: draw_chart(workspace, view_of(workspace, query).to_data(), 0, "dark")["take"]
        for query in ("chart=importance", "chart=bars", IS_IT_BETTER)
    }
    assert take == {"chart=importance": {}, "chart=bars": {"display": "none"}, IS_IT_BETTER: {}}
