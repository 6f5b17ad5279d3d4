"""What the server paints: the same lines as the chart, in the page that it sends."""

import json
import os
import re
import threading

import numpy as np
import pytest

from exptools.viewing.app import create_app
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.first import page
from exptools.viewing.app.painted.picture import UNITS, picture
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from tests.viewing.samples import indexed, write_run, write_sweep

HERE = "http://127.0.0.1:8050"
EVIL = "</div><script>alert(1)</script>\"'&"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return indexed(write_sweep(tmp_path_factory.mktemp("runs") / "outputs"))


@pytest.fixture(scope="module")
def client(index):
    return create_app(index).server.test_client()


def painted(index, **changes):
    workspace = Workspace(index)
    view = resolve(View(**changes), workspace.facts())
    return drawing(workspace, view), picture(drawing(workspace, view), view)


def paths(html, name):
    return re.findall(rf'<path class="{name}"[^>]* d="([^"]*)"', html)


def test_each_line_has_its_points_at_their_places(index):
    content, html = painted(index)
    lines = [line for line in paths(html, "painted-center") if line.count(" ") > 5]
    (panel,) = content.panels
    assert len(lines) == len(paths(html, "painted-band")) == len(panel.lines) == 3
    values = np.concatenate([(line.curve.low, line.curve.high) for line in panel.lines])
    room = np.ptp(values) * 0.05 / 0.9
    low, high = values.min() - room, values.max() + room
    best = max(panel.lines, key=lambda line: line.curve.center[-1])  # is painted first
    points = [tuple(map(int, point.split(","))) for point in lines[0][1:].split(" ")]
    assert [x for x, _ in points] == np.rint(best.curve.x / 29 * UNITS).tolist()
    tops = UNITS - (best.curve.center - low) / (high - low) * UNITS
    assert np.allclose([y for _, y in points], tops, atol=1)


def test_ranges_logarithms_and_panels_are_the_views(index):
    _, html = painted(index, x_range=(10.0, 20.0), log=("y",), metrics=("train/loss",))
    assert ">10</span>" in html
    assert ">20</span>" in html
    assert ">0.1</span>" in html
    _, html = painted(index, split=("seed",))
    assert html.count('class="painted-panel"') == 3
    assert "seed=1" in html


def test_names_of_runs_stay_texts(tmp_path):
    for number in range(2):
        config = {"name": f"{EVIL}{number}{EVIL}"}
        write_run(tmp_path / "outputs" / str(number), config, {"<b>loss": [1.0, 2.0]})
    index = indexed(tmp_path / "outputs")
    _, html = painted(index)
    page = create_app(index).server.test_client().get("/", base_url=HERE).text
    for text in (html, page):
        assert "&lt;/script&gt;" in text
        assert "<script>alert" not in text


def test_a_name_that_is_no_unicode_is_sent_all_the_same(tmp_path):
    root = tmp_path / os.fsdecode(b"caf\xe9")
    for name in (b"\xe9", b"tea"):
        write_run(root / os.fsdecode(name), {}, {"loss": [1.0, 2.0]})
    page = create_app(indexed(root)).server.test_client().get("/", base_url=HERE)
    assert "first-picture" in page.text
    assert "dash_renderer" in page.text


def test_the_page_comes_with_the_picture_of_its_address(client):
    sent = client.get("/?metrics=train/loss&by=seed", base_url=HERE).text
    body = sent[sent.index("<body>") :]
    assert body.count('id="react-entry-point"') == 1
    assert body.index("first-picture") < body.index("dash_renderer")
    assert "Each line is the mean of 3 runs with the same seed" in body
    assert sent.rstrip().endswith("</html>")


def test_a_tab_without_curves_and_what_is_no_page_have_no_picture(client):
    assert "first-picture" not in client.get("/?tab=run", base_url=HERE).text
    image = {"Sec-Fetch-Dest": "image"}
    assert "first-picture" not in client.get("/", base_url=HERE, headers=image).text


def test_another_site_gets_a_picture_only_where_somebody_clicks_its_link(client):
    link = {
        **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        "Sec-Fetch-Dest": "document",
    }
    sent = client.get("/", base_url=HERE, headers=link)
    assert sent.status_code == 200
    assert "first-picture" not in sent.text
    clicked = client.get("/", base_url=HERE, headers={**link, "Sec-Fetch-User": "?1"})
    assert "first-picture" in clicked.text


def test_few_pictures_are_painted_at_a_time_and_other_pages_come_without(index, monkeypatch):
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def wait(*_):
        begun.release()
        assert go_on.wait(60)

    monkeypatch.setattr(page, "picture", wait)
    monkeypatch.setattr(page, "WAIT", 0.01)
    pages, parts = page.FirstPages(Workspace(index), None), page.Parts("", "scripts", "end")
    sent = [pages._sent(parts, "") for _ in range(page.PAINTERS)]
    for one in sent:
        next(one)  # its frame
        assert next(one) == "scripts"
        assert begun.acquire(timeout=60)
    _, rest = pages._sent(parts, "")
    assert rest == "scriptsend"
    assert not begun.acquire(blocking=False)
    go_on.set()
    assert all(list(one) == ["", "end"] for one in sent)


def test_what_cannot_be_painted_keeps_no_page_from_coming(client, monkeypatch):
    monkeypatch.setattr("exptools.viewing.app.first.page.picture", lambda *_: 1 / 0)
    sent = client.get("/", base_url=HERE)
    assert sent.status_code == 200
    assert "dash_renderer" in sent.text
    assert "first-picture" not in sent.text


def test_the_first_answer_is_the_apps_own(client):
    answer = json.loads(client.get("/_first-answer?by=seed", base_url=HERE).data)
    assert answer["view"]["by"] == ["seed"]
    assert answer["view"]["metrics"] == ["test/accuracy"]
    assert len(answer["drawn"][0]["data"]) == 6  # three lines with their bands
    link = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for other in ({}, link):
        asked = {"Sec-Fetch-Site": "cross-site", **other}
        assert client.get("/_first-answer", base_url=HERE, headers=asked).status_code == 403
