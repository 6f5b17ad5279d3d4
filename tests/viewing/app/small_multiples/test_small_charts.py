"""What the server answers to a page that asks for small charts."""

import json
import math

import pytest

from exptools.viewing.app import create_app
from exptools.viewing.app.access import Access
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.small_multiples import painting
from exptools.viewing.app.small_multiples.answers import MOST_AT_ONCE, Question, SmallCharts
from exptools.viewing.app.small_multiples.painting import paint
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from tests.viewing.samples import csv_text, indexed, write_run, write_sweep

HERE = "http://127.0.0.1:8050"
PATH = "/_small-charts"
EVIL = "</span><img src=x onerror=alert(1)>\"'&"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return indexed(write_sweep(tmp_path_factory.mktemp("runs") / "outputs"))


@pytest.fixture(scope="module")
def client(index):
    return create_app(index).server.test_client()


def ask(client, metrics, view="", have=None, **headers):
    question = {"view": view, "metrics": metrics, "have": have or [""] * len(metrics)}
    return client.post(PATH, base_url=HERE, data=json.dumps(question), headers=headers)


def small(index, metric, **view):
    workspace = Workspace(index)
    return paint(workspace, resolve(View(**view), workspace.facts()), metric)


def test_charts_come_in_the_order_in_which_they_are_asked_for_with_their_last_values(client):
    first, second = ask(client, ["train/loss", "test/accuracy"], "by=lr").json["charts"]
    for chart in (first, second):
        assert chart["html"].count('class="painted-band"') == 3
        assert chart["html"].count('class="painted-legend"') == 0
        assert chart["rows"] == 1
    assert [line.partition(": ")[0] for line in second["says"].splitlines()] == [
        *("0.01", "0.1", "0.001"),  # as they end, the highest first
    ]
    assert second["says"].startswith("0.01: 0.8")
    assert first["says"].startswith("0.001: 1.57")


def test_what_the_page_has_is_not_sent_again(client):
    (chart,) = ask(client, ["train/loss"], "by=lr").json["charts"]
    (again,) = ask(client, ["train/loss"], "by=lr", have=[chart["digest"]]).json["charts"]
    assert again == {"digest": chart["digest"]}
    (other,) = ask(client, ["train/loss"], "by=seed", have=[chart["digest"]]).json["charts"]
    assert "html" in other


def test_a_chart_is_painted_once_for_as_long_as_nothing_changes(index, monkeypatch):
    painted = []

    def count(*given):
        painted.append(given[-1])
        return paint(*given)

    monkeypatch.setattr("exptools.viewing.app.small_multiples.answers.paint", count)
    charts = SmallCharts(Workspace(index))
    for view in ("", "", "y_range.test/accuracy=0,1"):  # the last one is of another metric
        charts.charts(Question(view, ("train/loss",), ("",)))
    assert painted == ["train/loss"]
    charts.charts(Question("y_range.train/loss=0,1", ("train/loss",), ("",)))
    assert len(painted) == 2


def test_runs_groups_and_axes_are_those_of_the_view(index):
    assert small(index, "train/loss", where="seed = 0").html.count("painted-band") == 0
    assert small(index, "train/loss", where="lr = 0.1").html.count("painted-band") == 1
    assert ">10<" in small(index, "train/loss", x_range=(10.0, 20.0)).html
    split = small(index, "train/loss", split=("seed",))
    assert split.html.count('class="painted-panel"') == 3
    assert split.says.startswith("seed=0, 0.001: ")


def test_of_too_many_groups_the_chart_above_says_which_are_drawn(tmp_path):
    for job in range(50):
        rows = {"reward": [1.0 * job] * 3, "other": [-1.0 * job] * 3}
        write_run(tmp_path / "runs" / str(job), {"width": job}, csv_text(rows))
    chart = small(indexed(tmp_path / "runs"), "other", metrics=("reward",), by=("width",))
    assert "… and 28 more" in chart.says
    assert chart.says.startswith("10: −10\n11: −11")  # the 40 of the highest reward


def test_what_cannot_be_drawn_says_so_and_takes_no_other_with_it(tmp_path, monkeypatch, caplog):
    rows = {"a/gone": [math.nan] * 3, "a/below": [-1.0, -2.0, 0.0], "a/loss": [3.0, 2.0, 1.0]}
    for seed in range(2):
        write_run(tmp_path / "runs" / str(seed), {"seed": seed}, csv_text(rows))
    client = create_app(indexed(tmp_path / "runs")).server.test_client()
    names = ["a/gone", "a/below", "a/los", "a/loss"]
    gone, below, unknown, loss = ask(client, names, "log=y&by=").json["charts"]
    assert gone["says"].startswith("All values of a/gone are NaN or infinite")
    assert "3 are ≤ 0, where a log axis has no place" in below["says"]
    assert "did you mean 'a/loss'?" in unknown["says"]
    assert gone["html"] == below["html"] == unknown["html"] == ""
    assert loss["html"].count("painted-center") == 1

    monkeypatch.setattr(painting, "picture", lambda *_: 1 / 0)
    (broken,) = ask(client, ["a/loss"], "by=seed").json["charts"]
    assert broken["says"] == "This chart could not be drawn: ZeroDivisionError: division by zero"
    assert "no small chart of 'a/loss'" in caplog.text


def test_a_broken_filter_is_told_beside_it_and_not_once_more_in_each_chart(client):
    for chart in ask(client, ["train/loss", "test/accuracy"], "where=lt+=+1").json["charts"]:
        assert chart["says"] == "Drawn again once the filter can be read."


def test_names_stay_texts(tmp_path):
    for number in range(2):
        config = {"name": f"{EVIL}{number}{EVIL}"}
        write_run(tmp_path / "outputs" / str(number), config, {"loss": [1.0, 2.0]})
    client = create_app(indexed(tmp_path / "outputs")).server.test_client()
    (chart,) = ask(client, ["loss"], "by=&split=config.name").json["charts"]
    assert "<img" not in chart["html"]
    assert chart["html"].count("=&lt;/…") == 2  # the two panels


def test_names_that_are_no_unicode_are_answered_all_the_same(client):
    (chart,) = ask(client, ["\udcff"]).json["charts"]
    assert chart["says"].startswith("No run has logged")


def test_answers_are_compressed_and_kept_by_nobody(client):
    answer = ask(client, ["train/loss"], **{"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) < 6000
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "application/json"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Expecting value"),
        (b"\xff", "utf-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "it is no object"),
        (b'{"metrics": [1], "have": [""], "view": ""}', "metrics is no list of texts"),
        (b'{"metrics": ["a"], "have": [], "view": ""}', "a digest for each metric"),
        (b'{"metrics": ["a"], "have": [""], "view": 1}', "lacks the view"),
        (
            json.dumps({"metrics": ["a"] * 13, "have": [""] * 13, "view": ""}).encode(),
            f"13 charts are too many at once: up to {MOST_AT_ONCE}",
        ),
    ],
)
def test_what_is_no_question_is_refused_with_a_reason(client, text, reason):
    answer = client.post(PATH, base_url=HERE, data=text)
    assert answer.status_code == 400
    assert reason in answer.text


def test_too_long_a_question_is_not_read(client):
    assert client.post(PATH, base_url=HERE, data=b" " * (2**20 + 1)).status_code == 413


def test_strangers_and_other_sites_get_no_chart(index):
    guarded = create_app(index, Access(token="a-token-of-this-test")).server.test_client()
    assert ask(guarded, ["train/loss"]).status_code == 401
    assert (
        ask(
            create_app(index).server.test_client(), ["train/loss"], Origin="http://evil.test"
        ).status_code
        == 403
    )
    assert guarded.get(PATH, base_url=HERE).status_code in (401, 405)
