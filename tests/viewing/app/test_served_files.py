"""Which files of a run leave the machine, and as what."""

import ast
import contextlib
import http.client
import os
import socket
import threading
from pathlib import Path
from urllib.parse import urlencode

import pytest

from exptools import viewing
from exptools.viewing.app import create_app
from exptools.viewing.app.served_files import (
    MAX_SHOWN,
    NotServedError,
    file_url,
    open_served,
)
from exptools.viewing.app.serving.server import Server
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.index import index_of
from tests.viewing.samples import indexed, write_run

SECRET = b"nobody else's business"


@pytest.fixture
def run(tmp_path):
    run = write_run(tmp_path / "outputs" / "0", {"lr": 1}, {"acc": [1.0]})
    (run / "output.log").write_bytes(b"hello\n")
    (run / "media").mkdir()
    (run / "media" / "1.png").write_bytes(b"\x89PNG")
    (run / ".exptools" / "return.pkl").write_bytes(SECRET)
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "outputs" / "shared.txt").write_bytes(b"shared")
    return run


@pytest.fixture
def index(run):
    return indexed(run.parent)


def get(index, relative: str, headers=None, **more: str):
    question = urlencode({"run": "0", "path": relative, **more}, errors="surrogateescape")
    client = create_app(index).server.test_client()
    return client.get(f"/file?{question}", base_url="http://127.0.0.1:8050", headers=headers)


@pytest.mark.parametrize(
    ("relative", "kind", "content"),
    [
        ("output.log", "text/plain; charset=utf-8", b"hello\n"),
        ("media/1.png", "image/png", b"\x89PNG"),
        (".hydra/config.yaml", "text/plain; charset=utf-8", b"lr: 1\n"),
    ],
)
def test_a_runs_files_are_shown_as_what_they_are(index, relative, kind, content):
    answer = get(index, relative)
    assert (answer.status_code, answer.data) == (200, content)
    assert answer.headers["Content-Type"] == kind
    assert "Content-Disposition" not in answer.headers
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize(("name", "kind"), [("x.mp4", "video/mp4"), ("x.WAV", "audio/wav")])
def test_players_get_the_parts_that_they_ask_for(run, index, name, kind):
    content = bytes(range(256)) * 400
    (run / name).write_bytes(content)
    whole = get(index, name)
    assert (whole.status_code, whole.data) == (200, content)
    assert whole.headers["Content-Type"] == kind
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Disposition" not in whole.headers
    for asked, start, end in (("100-299", 100, 300), ("70000-", 70_000, None), ("-5", -5, None)):
        part = get(index, name, headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part.data) == (206, content[start:end])
        assert part.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    beyond = get(index, name, headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416
    for nonsense in ("parsecs=1-2", "bytes=a-b", "bytes=5-2", "bytes", "bytes=0-1,4-5", "\xff"):
        answer = get(index, name, headers={"Range": nonsense})
        assert (answer.status_code, answer.data) == (200, content), nonsense
    (run / name).write_bytes(b"another")
    stale = {"Range": "bytes=0-1", "If-Range": whole.headers["ETag"]}
    assert get(index, name, headers=stale).data == b"another"


def test_a_part_that_nobody_takes_keeps_no_thread_of_the_server(run, index, monkeypatch):
    monkeypatch.setattr("exptools.viewing.app.serving.server.THREADS", 1)
    with open(run / "x.mp4", "wb") as film:
        film.write(os.urandom(64 * 2**20))
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(create_app(index).server, listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    try:
        with contextlib.ExitStack() as open_:
            for _ in range(4):
                one = open_.enter_context(socket.create_connection(listener.getsockname()))
                one.sendall(f"GET /file?run=0&path=x.mp4 HTTP/1.1\r\nHost: {host}\r\n".encode())
                one.sendall(b"Range: bytes=7-\r\n\r\n")
            asking = http.client.HTTPConnection(host, timeout=20)
            asking.request("GET", "/file?run=0&path=x.mp4", headers={"Range": "bytes=9-1000"})
            part = asking.getresponse()
            assert (part.status, part.getheader("Content-Length")) == (206, "992")
            assert part.read() == (run / "x.mp4").read_bytes()[9:1001]
    finally:
        server.shutdown()
        thread.join(60)


def test_a_date_that_is_none_is_no_question(run, index):
    (run / "x.mp4").write_bytes(b"film")
    never = "Mon, 01 Jan 9999 23:59:59 -9999999999999"
    for name in ("If-Modified-Since", "If-Unmodified-Since", "If-Range"):
        for path in ("progress.csv", "x.mp4"):
            answer = get(index, path, headers={name: never})
            assert answer.status_code == 400
            assert answer.text.startswith("This is nothing that a page of exptools-dash sends")


def test_a_player_is_sent_no_file_that_may_not_leave(run, index):
    (run / "x.mp4").symlink_to(run.parent.parent / "secret.txt")
    (run / ".x.wav").write_bytes(SECRET)
    for name in ("x.mp4", ".x.wav"):
        answer = get(index, name, headers={"Range": "bytes=0-"})
        assert answer.status_code == 404
        assert SECRET not in answer.data


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.js", "x.pkl", "x.xml", "x", "x.png.HTM"])
def test_what_a_browser_might_run_is_a_download(run, index, name):
    (run / name).write_text("<script>alert(1)</script>")
    answer = get(index, name)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")


def test_whatever_is_asked_for_as_a_download_is_one_under_its_name(run, index):
    name = 'a "b"; c\n\udcff.log'
    (run / name).write_bytes(b"x")
    answer = get(index, name, download="1")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert "\n" not in answer.headers["Content-Disposition"]


def test_a_text_too_long_to_show_is_a_download(run, index):
    with (run / "output.log").open("r+b") as file:
        file.truncate(MAX_SHOWN + 1)
    answer = get(index, "output.log")
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "relative",
    [
        *("../../secret.txt", "media/../../../secret.txt", "..", ".", "", "/", "media", "nothing"),
        *("../shared.txt", "media/../../shared.txt"),
        *("%2e%2e/%2e%2e/secret.txt", "..%2f..%2fsecret.txt", "....//....//secret.txt", "~/x"),
        *("..\\..\\secret.txt", "output.log\0.png", "x" * 5000, "output.log/x", "../0/../../"),
        *(".exptools/return.pkl", ".exptools/../.exptools/return.pkl", ".exptools", ".hydra/x"),
    ],
)
def test_no_way_of_writing_a_path_leads_anywhere_else(index, relative):
    answer = get(index, relative)
    assert (answer.status_code, SECRET in answer.data) == (404, False)


def test_a_path_from_the_root_of_the_system_is_refused(tmp_path, index, run):
    for path in (tmp_path / "secret.txt", run / "output.log", "/dev/null", "/proc/self/environ"):
        assert get(index, str(path)).status_code == 404


@pytest.mark.parametrize(
    "to", ["../../secret.txt", "/etc/passwd", ".exptools/return.pkl", "loop.txt", "/dev/zero"]
)
def test_a_link_is_worth_what_it_leads_to(run, index, to):
    (run / "loop.txt").symlink_to(to)
    assert get(index, "loop.txt").status_code == 404


def test_a_link_to_a_directory_outside_is_no_way_out(run, index, tmp_path):
    (run / "media" / "out").symlink_to(tmp_path)
    assert get(index, "media/out/secret.txt").status_code == 404


def test_a_link_that_stays_inside_the_roots_is_followed(run, index):
    (run / "media" / "data.txt").symlink_to("../../shared.txt")
    assert get(index, "media/data.txt").data == b"shared"


def test_a_link_put_in_a_files_place_after_it_was_looked_at_is_not_followed(
    run, index, tmp_path, monkeypatch
):
    """As somebody does who waits for just that moment."""
    real = os.path.realpath

    def and_then_swap(path, **options):
        found = real(path, **options)
        if str(path).endswith("1.png"):
            (run / "media" / "1.png").unlink()
            (run / "media").rmdir()
            (run / "media").symlink_to(tmp_path)
            (tmp_path / "1.png").write_bytes(SECRET)
        return found

    monkeypatch.setattr(os.path, "realpath", and_then_swap)
    with pytest.raises(NotServedError, match="cannot be read"):
        open_served(index, "0", "media/1.png")


def test_a_pipe_is_refused_and_nobody_waits_for_it(run, index):
    os.mkfifo(run / "output.txt")
    assert get(index, "output.txt").status_code == 404


def test_a_run_that_is_not_in_the_index_has_no_files(run, index):
    for name in ("1", "..", "../outputs/0", str(run)):
        with pytest.raises(NotServedError, match="no run"):
            open_served(index, name, "output.log")


def test_the_address_of_a_file_survives_any_name(run, index):
    name = "média/a b&c=d?#%2e\udcff.txt"
    (run / "média").mkdir()
    (run / name).write_bytes(b"here")
    app = create_app(index)
    answer = app.server.test_client().get(file_url(app, "0", name), base_url="http://localhost")
    assert answer.data == b"here"


def test_nothing_of_a_run_is_ever_unpickled_or_evaluated():
    unsafe = {"pickle", "cloudpickle", "marshal", "joblib", "shelve", "torch", "eval", "exec"}
    for source in Path(viewing.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            names = {getattr(node, "id", None), getattr(node, "module", None)}
            names |= {
                alias.name for alias in getattr(node, "names", ()) if not isinstance(alias, str)
            }
            assert not names & unsafe, source


def test_nothing_is_written_below_the_roots_whoever_looks_and_whatever_is_kept(
    run, index, tmp_path, monkeypatch
):
    for name in ("CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setattr("exptools.viewing.metrics.store.WORTH_BYTES", 0)
    for file in run.rglob("*"):
        os.utime(file, (1e9, 1e9))
    before = tree(run.parent)
    workspace = Workspace(index_of([run.parent]))
    workspace.index.refresh()
    workspace.index.columns(workspace.index.snapshot.runs, ["acc"])
    workspace.marks.keep(workspace.index.snapshot.runs[0], star=True, note="x")
    workspace.names.keep("a", label="x")
    client = create_app(workspace.index).server.test_client()
    for path in ("/", "/_dash-layout", "/_first-answer", "/file?run=0&path=output.log"):
        assert client.get(path, base_url="http://127.0.0.1:8050").status_code == 200
    assert tree(run.parent) == before
    assert list(tmp_path.glob("CACHE/**/*.pack"))
    assert len(list(tmp_path.glob("DATA/**/*.json"))) == 2


def tree(root):
    """All that is below a directory, with what writing to it would change."""
    stats = [(path, path.lstat()) for path in (root, *root.rglob("*"))]
    return {path: (stat.st_mode, stat.st_size, stat.st_mtime_ns) for path, stat in stats}
