"""What the server answers to a page that asks for its tiles."""

import json

import pytest

from exptools.viewing.app import create_app
from exptools.viewing.app.access import Access
from exptools.viewing.app.media.tab import TILES, WALL
from exptools.viewing.app.media.tiles import MOST_AT_ONCE
from tests.media_samples import write_histogram, write_wall
from tests.viewing.samples import indexed, write_run

HERE = "http://127.0.0.1:8050"
TAGS = {"image": "samples/image", "histogram": "weights", "text": "notes"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("runs") / "a&b <i>", {"lr": 1}, {"loss": [1.0]})
    write_wall(run)
    with (run / "media" / "index.jsonl").open("a") as index:
        paths = ("media/../../secret.png", "../secret.png", "media/gone.png")
        for step, path in enumerate(paths):
            line = {"tag": "out", "step": step, "kind": "image", "path": path}
            index.write(json.dumps(line) + "\n")
    return run


@pytest.fixture(scope="module")
def client(run):
    (run.parent / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 30)
    return create_app(indexed(run.parent)).server.test_client()


def ask(client, *tiles, **headers):
    question = {"tiles": [["a&b <i>", *tile] for tile in tiles], "colors": "light"}
    answer = client.post(f"/{TILES}", base_url=HERE, data=json.dumps(question), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json["tiles"]


def test_a_tile_is_what_the_runs_own_page_shows_and_its_file_can_be_fetched(client):
    image, text = ask(client, ["image", "samples/image", 10, "step"], ["text", "notes", 20, "step"])
    link = image["node"]["props"]
    assert link["children"]["type"] == "Img"
    assert client.get(link["href"], base_url=HERE).mimetype == "image/png"
    assert text["node"]["props"]["children"].startswith("<img src=x")  # a text, which stays one


def test_histograms_over_time_are_painted_once_and_anew_when_there_are_more(client, run):
    tile = ["histogram", "weights", 20, "offset"]
    (first,) = ask(client, tile)
    assert first["html"].count("<path") == 3
    write_histogram(run, "weights", 30)
    (later,) = ask(client, tile)
    assert later["html"].count("<path") == 4
    (one,) = ask(client, ["histogram", "weights", 20, "step"])
    assert one["node"]["props"]["children"][0]["type"] == "Graph"


def test_what_leads_out_is_gone_or_is_unknown_is_a_sentence_and_takes_no_other_with_it(client):
    tiles = [["image", "out", step, "step"] for step in range(4)]
    *lost, image = ask(client, *tiles, ["image", "samples/image", 0, "step"])
    said = [tile["node"]["props"]["children"] for tile in lost]
    assert "is no path of a file in a run" in said[0]
    assert said[1] == "Its path leads out of media/."
    assert said[2] == "media/gone.png is gone."
    assert said[3] == "It is gone."
    assert image["node"]["type"] == "A"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Expecting value"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "it is no object"),
        (b'{"tiles": 1, "colors": ""}', "lacks a list of tiles"),
        (b'{"tiles": [1], "colors": ""}', "a tile is its run, kind, tag, step and way"),
        (b'{"tiles": [["r", "image", "t", true, "step"]], "colors": ""}', "its step is an integer"),
        (b'{"tiles": [["r", "image", "t", 1, "up"]], "colors": ""}', "shown as offset, overlay"),
        (json.dumps({"tiles": [0] * 25, "colors": ""}).encode(), f"up to {MOST_AT_ONCE}"),
    ],
)
def test_what_is_no_question_is_refused_with_a_reason(client, text, reason):
    answer = client.post(f"/{TILES}", base_url=HERE, data=text)
    assert answer.status_code == 400
    assert reason in answer.text


@pytest.mark.parametrize("route", [WALL, TILES])
def test_the_routes_are_for_the_page_alone(run, route):
    closed = create_app(indexed(run.parent), Access(token="secret")).server.test_client()
    assert closed.post(f"/{route}", base_url=HERE, data=b"{}").status_code == 401
    client = create_app(indexed(run.parent)).server.test_client()
    stranger = {"Origin": "https://evil.example"}
    assert client.post(f"/{route}", base_url=HERE, data=b"{}", headers=stranger).status_code == 403
    assert client.post(f"/{route}", base_url=HERE, data=b" " * (2**20 + 1)).status_code == 413
    answer = client.post(
        f"/{route}", base_url=HERE, data=b'{"view": "", "have": "", "tiles": [], "colors": ""}'
    )
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
