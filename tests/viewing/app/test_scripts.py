"""The page's scripts: what is fetched, compressed, and kept."""

import gzip
import re

import pytest

from exptools.viewing.app import create_app
from exptools.viewing.app.access import Access
from exptools.viewing.app.scripts import VENDORED, arranged
from tests.viewing.samples import indexed, write_sweep

HERE = "http://127.0.0.1:8050"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    index = indexed(write_sweep(tmp_path_factory.mktemp("runs") / "outputs"))
    return create_app(index).server.test_client()


def sources(client):
    page = client.get("/", base_url=HERE).text
    return re.findall(r'<script src="([^"]+)"', page), page


def test_neither_old_browsers_nor_unused_tables_nor_all_of_plotly_are_fetched(client):
    found, page = sources(client)
    assert not [src for src in found if re.search("polyfill|dash_table|plotly.min|ag_grid", src)]
    assert found[-1].endswith("/plotly-cartesian.min.js")
    assert 'name="table-script" content="/_kept/' in page


def test_scripts_and_styles_are_compressed_and_kept_for_ever(client):
    found, page = sources(client)
    found += re.findall(r'rel="stylesheet" href="([^"]+)"', page)
    assert len(found) > 12
    for src in found:
        answer = client.get(src, base_url=HERE, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable", src
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.data) == client.get(src, base_url=HERE).data


def test_the_icon_is_fetched_once(client):
    (src,) = re.findall(r'href="([^"]*favicon[^"]*)"', sources(client)[1])
    assert "immutable" in client.get(src, base_url=HERE).headers["Cache-Control"]


def test_parts_that_scripts_fetch_from_their_own_folder_are_kept_with_it(client):
    (src,) = [src for src in sources(client)[0] if "/dash_core_components." in src]
    folder = src.rpartition("/")[0]
    part = client.get(f"{folder}/async-graph.js", base_url=HERE)
    assert b"webpackChunkdash_core_components" in part.data
    assert "immutable" in part.headers["Cache-Control"]
    other = folder.replace(folder.split("/")[2], "0" * 16)
    assert client.get(f"{other}/async-graph.js", base_url=HERE).status_code == 404
    for path in ("os/path.py", "dash/dash.py", "dash/dcc/../../../x", "dash/%2e%2e/x"):
        answer = client.get(f"/_kept/{folder.split('/')[2]}/{path}", base_url=HERE)
        assert answer.status_code == 404 or b"_dash-config" in answer.data, path


def test_what_may_change_under_its_name_is_asked_for_again(client):
    name = "/_dash-component-suites/dash/dcc/async-graph.js"
    answer = client.get(name, base_url=HERE, headers={"Accept-Encoding": "gzip"})
    assert "immutable" not in answer.headers.get("Cache-Control", "")
    again = {"Accept-Encoding": "gzip", "If-None-Match": answer.headers["ETag"]}
    assert client.get(name, base_url=HERE, headers=again).status_code in (200, 304)


def test_of_the_folder_only_these_files_by_their_own_digest(client):
    (src,) = [src for src in sources(client)[0] if "plotly-cartesian" in src]
    digest = src.split("/")[2]
    assert (
        client.get(src, base_url=HERE).data == (VENDORED / "plotly-cartesian.min.js").read_bytes()
    )
    for path in (f"{digest}x/plotly-cartesian.min.js", f"{digest}/../scripts.py", f"{digest}/x.js"):
        answer = client.get(f"/_kept/{path}", base_url=HERE)
        assert answer.status_code == 404 or b"_dash-config" in answer.data


def test_whoever_has_no_token_gets_no_script(tmp_path):
    access = Access(token="a-token-of-this-test")
    locked = create_app(indexed(write_sweep(tmp_path)), access).server.test_client()
    for path in ("/_kept/0/plotly-cartesian.min.js", "/_first-answer", "/"):
        assert locked.get(path, base_url=HERE).status_code == 401


def test_scripts_that_dash_calls_otherwise_are_left_where_they_are():
    tags = '<script src="/a.js"></script>\n<script src="/grid.js"></script><script>x</script>'
    found = arranged(tags, "/")
    assert '<script src="/a.js"></script><script src="/grid.js"></script><script>x' in found.tags
    assert "table-script" not in found.hints
