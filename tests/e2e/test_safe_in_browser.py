"""Token, prefix, hostile runs, exports, and who reads the page without seeing it."""

import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from exptools.logging.media.store import EncodedMedium
from exptools.rundir import OUTPUT_LOG, STATUS_FILE, State, write_atomic
from exptools.viewing.app.access import Access
from exptools.viewing.app.compare.downloads import content_of, numbers
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from tests.e2e.pages import BANDS, LEGEND, LINES, ROWS, axe_faults, drawn
from tests.media_samples import write_medium, write_wall
from tests.viewing.samples import indexed, write_run, write_sweep

TOKEN = "a-token-of-this-test"
READY = {
    "compare": ".small-chart .painted-plot",
    "charts": "#chart-graph .js-plotly-plot",
    "media": ".wall-tile img",
    "run": "#run-facts",
}
ANALYSES = {"What mattered": "What to know", "Is it better?": "probability of improvement"}
MENUS = {"Options": "#baseline", "Export": "#as-python", "Tag": "#tag-names"}
SCRIPT = "<script>window.hacked=1</script>"
IMAGE = '"><img src=x onerror="window.hacked=1">'
ODD = [f"loss{SCRIPT}", f"acc{IMAGE}", "${alert(1)} {{7*7}} [x](y)"]
QUOTED = ",".join('"' + tag.replace('"', '""') + '"' for tag in ODD)
TAGS = f"step,{QUOTED}\n0,3,0.1,1\n1,2,0.2,2\n"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    root = write_sweep(tmp_path_factory.mktemp("runs") / "outputs")
    write_wall(root / "4")
    return indexed(root)


@pytest.fixture(scope="module")
def address(index, serve_here):
    return serve_here(index.roots[0])


def test_the_token_is_taken_from_the_address_and_the_view_stays_in_it(
    look_at, serve_here, index, browser
):
    guarded = serve_here(index.roots[0], Access(token=TOKEN, prefix="/lab/"))
    page = look_at(guarded, f"?by=seed&token={TOKEN}")
    expect(page.locator(BANDS)).to_have_count(3)
    assert page.url.startswith(f"{guarded}?")
    assert "by=seed" in page.url
    assert TOKEN not in page.url
    assert page.evaluate("document.cookie") == ""  # HttpOnly: no script has it
    stranger = browser.new_context()
    answer = stranger.new_page().goto(guarded)
    stranger.close()
    assert answer.status == 401


def test_what_is_taken_away_is_what_is_shown(look_at, index, address):
    page = look_at(address, "?by=seed&band=minmax")
    content = content_of(Workspace(index), View(by=("seed",), band="minmax"))
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Curves, CSV").click()
    assert download.value.suggested_filename == "test-accuracy.csv"
    assert Path(download.value.path()).read_bytes() == numbers(content)
    page.get_by_role("button", name="Copy as Python").click()  # the menu is still open
    expect(page.locator("#python-lines")).to_contain_text(
        'curves = runs.curves("test/accuracy", by=["seed"], band="minmax")'
    )


def test_where_no_script_may_write_to_the_clipboard_the_lines_are_copied_all_the_same(
    browser, address
):
    page = browser.new_page()
    page.add_init_script("delete Navigator.prototype.clipboard")  # as without https
    page.goto(address)
    page.get_by_role("button", name="Export").click()
    page.get_by_role("button", name="Copy as Python").click()
    expect(page.locator("#python-lines")).to_contain_text("import exptools.viewing")
    page.get_by_title("Copy", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("#where").focus()
    page.keyboard.press("Control+v")
    expect(page.locator("#where")).to_have_value(re.compile("^import exptools.viewing as xv"))
    page.close()


def test_what_cannot_be_taken_away_is_said_on_the_page(look_at, address):
    page = look_at(address, "?where=lt+=+1")
    page.get_by_role("button", name="Export").click()
    page.get_by_role("button", name="Figure, PDF").click()
    expect(page.locator("#download-refused")).to_contain_text("no run has a key 'lt'")


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_axe_finds_nothing_on_any_tab_or_analysis_in_a_menu_or_dialog(look_at, address, colors):
    found = []
    page = look_at(address, "?run=4&all_metrics=1&by=lr&selected=4")
    page.emulate_media(color_scheme=colors)
    expect(page.locator(ROWS).first).to_be_visible()

    def note(place: str) -> None:
        faults = []
        for _ in range(2):  # what is drawn anew meanwhile is pale, and no fault
            expect(page.locator(".stale")).to_have_count(0)
            faults = axe_faults(page)
            if not faults:
                break
        found.extend(f"{place}: {fault}" for fault in faults)

    for menu, part in MENUS.items():
        page.get_by_role("button", name=menu, exact=True).click()
        expect(page.locator(part)).to_be_visible()
        note(menu)
        page.keyboard.press("Escape")
        expect(page.locator(part)).to_be_hidden()
    page.get_by_role("button", name="Hide", exact=True).click()
    page.locator("#hidden-open").click()
    note("hidden runs")
    page.get_by_role("button", name="Show again").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    for tab, ready in READY.items():
        page.get_by_role("tab", name=tab.title()).click()
        expect(page.locator(ready).first).to_be_visible()
        note(tab)
        for name, said in ANALYSES.items() if tab == "charts" else ():
            page.locator("#chart-kind").get_by_text(name).click()
            expect(page.locator(".charts").get_by_text(said)).to_be_visible()
            note(name)
    assert not found, "\n".join(found)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Each run hostile in its own way, one below a directory that nobody may read, a loop."""
    root = tmp_path_factory.mktemp("runs") / f"out{SCRIPT.replace('/', '∕')}"
    names = [IMAGE, "javascript:alert(1)", "'); DROP--", "\u202egnp.run", "a\nb"]
    for job, name in enumerate(names):
        config = {"name": IMAGE if job % 2 else SCRIPT, f"key{IMAGE}": job, "seed": job // 2}
        run = write_run(root / name, config, TAGS, job=job, error=SCRIPT, state=State.FAILED)
        write_atomic(run / OUTPUT_LOG, f"\x1b]0;{SCRIPT}\x07\x1b[31m{IMAGE}\r\n".encode() * 50)
    keys = "".join(f"  key{n}: {'x' * 1000}\n" for n in range(100))
    write_run(root / "large", "".join(f"section{n}:\n{keys}" for n in range(100)), TAGS)
    binary = write_run(root / "binary", {"seed": 7}, TAGS)
    (binary / OUTPUT_LOG).write_bytes(os.urandom(2**20) + b"\0" * 2**20)
    write_run(root / "torn", "a: [", "step,x\n0,oops\n", state=None)
    write_run(root / "bomb", "a: &a [1,1]\nb: &b [*a,*a]\nc: [*b,*b]\n", TAGS)
    (root / "loop").symlink_to(root)
    (root / "large" / "media").symlink_to("/")
    pipe = write_run(root / "pipe", {"seed": 8}, TAGS)
    os.mkfifo(pipe / OUTPUT_LOG)
    unreadable = write_run(root / "unreadable", {"seed": 9}, TAGS)
    (unreadable / ".hydra" / "config.yaml").chmod(0)
    (write_run(root / "closed", {}) / ".hydra").chmod(0)
    surrogate = write_run(root / "surrogate", 'seed: "\\uD800"\n"\\uDC00": 1\n', TAGS)
    lone = {"error": "\ud800", "overrides": ["\udfff"], "git": {"commit": "\udc00"}}
    (surrogate / STATUS_FILE).write_text(json.dumps({"state": "failed"} | lone))
    odd = os.fsencode(root) + b"/\xff\xfe"
    write_run(Path(os.fsdecode(odd)), {"seed": 10}, TAGS)
    yield root
    (root / "closed" / ".hydra").chmod(0o755)


def tree(root: Path) -> dict[bytes, tuple[int, int, int]]:
    """All that is below a directory, with what writing to it would change."""
    found = {}
    for directory, directories, files in os.walk(os.fsencode(root)):
        for name in (b".", *directories, *files):
            path = os.path.join(directory, name)
            state = os.lstat(path)
            found[path] = state.st_mode, state.st_size, state.st_mtime_ns
    return found


def unharmed(page: Page) -> None:
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x], script:text('hacked')").count() == 0


def test_hostile_runs_are_shown_everywhere_obeyed_nowhere_and_left_as_they_were(
    look_at, serve_here, hostile
):
    before = tree(hostile)
    page = look_at(serve_here(hostile))
    expect(page.locator("#faults summary")).to_be_visible()
    expect(page.locator("#runs [role=gridcell]").get_by_text(IMAGE).first).to_be_visible()
    unharmed(page)
    view = View(metrics=tuple(ODD), by=("config.name",), all_metrics=True)
    page.goto(f"/?{view.to_query()}")
    expect(page.locator(LEGEND).get_by_text("<script>").first).to_be_visible()
    expect(page.locator("#curves .annotation, #curves .ytitle").first).to_be_visible()
    assert drawn(page, LINES)
    expect(page.locator(".small-chart .painted-plot")).to_have_count(3)
    unharmed(page)
    page.goto("/?tab=charts")
    expect(page.locator("#chart-graph .js-plotly-plot").first).to_be_visible()
    unharmed(page)
    for name in (IMAGE, "binary", "large", "pipe"):
        page.goto(f"/?{View(tab='run', run=name).to_query()}")
        expect(page.locator("#run-facts")).to_be_visible()
        unharmed(page)
    assert tree(hostile) == before


def joined(where: str) -> str:
    """What becomes a link where Plotly puts a "<" before it."""
    return f"a href='https://evil.example/{where}'>{where}</a>"


SCATTER = {
    "type": "scatter",
    "x": [joined("a tick"), "<b>bold</b>"],
    "y": [1, 2],
    "mode": "text+markers",
    "text": ["<", "<"],
    "texttemplate": f"%{{text}}{joined('a text')}",
    "hovertemplate": f"%{{text}}{joined('hovered')}<extra></extra>",
    "name": "<",
    "showlegend": True,
}
PREFIX = {"tickprefix": "<", "showtickprefix": "all"}
TABLE = {
    "type": "table",
    "header": {"values": ["<i>in italics</i>"]},
    "cells": {"values": [[joined("cell")]], "prefix": ["<"]},
}


@pytest.fixture
def linking(tmp_path):
    """A run whose figures have links in texts that Plotly joins, one of them for all of Plotly."""
    run = write_run(tmp_path / "outputs" / "links", {"seed": 1}, TAGS)
    for tag, trace, layout in (("plain", SCATTER, {"xaxis": PREFIX}), ("whole", TABLE, {})):
        figure = json.dumps({"data": [trace], "layout": layout}).encode()
        write_medium(run, tag, 1, EncodedMedium("figure", "json", figure), 1.7e9)
    return run.parent


def test_no_text_of_a_logged_figure_becomes_a_link_and_its_formatting_stays(
    look_at, serve_here, linking
):
    page = look_at(serve_here(linking), "?tab=run&run=links")
    figures = page.locator("#run-media-cards svg")
    page.get_by_role("button", name="Draw it (table)").click()  # and the plain one
    for told in ("a tick", "a text", "cell", "in italics"):
        expect(figures.locator("text", has_text=told).first).to_be_visible()
    page.locator("#run-media-cards .scatterlayer .point").first.hover(force=True)
    expect(figures.locator(".hoverlayer", has_text="hovered")).to_be_visible()
    expect(figures.locator("a")).to_have_count(0)
    expect(figures.locator("tspan[style*=bold]")).to_have_text("bold")
    expect(figures.locator("tspan[style*=italic]")).to_have_text("in italics")


TRIED = ("an image", "a script", "a frame", "fetch")
FOREIGN = """<!doctype html><title>tries</title><body><script>
const tried = {}, there = "ADDRESS_dash-component-suites/%1b%5d0;x%07/x";
const note = (name) => (event) => (tried[name] = event.type ?? event);
const add = (tag, name) => {
  const one = document.createElement(tag);
  one.onload = one.onerror = note(name);
  one.src = tag === "iframe" ? "ADDRESS" : there;
  document.body.append(one);
};
add("img", "an image"); add("script", "a script"); add("iframe", "a frame");
fetch("ADDRESS_dash-update-component", {method: "POST", mode: "no-cors", body: "{}"})
  .then((answer) => note("fetch")(answer.type), note("fetch"));
</script><a href="ADDRESS?by=seed" target="_blank" rel="opener">a link</a>"""


@pytest.fixture
def foreign(address):
    """The address of another site's page, which tries what a page can against ours."""

    class Foreign(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(FOREIGN.replace("ADDRESS", address).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])  # another port, another name
def test_another_sites_page_gets_nothing_but_its_links_work(browser, address, foreign, host):
    context = browser.new_context()
    page, answers = context.new_page(), {}
    page.on("response", lambda answer: answers.setdefault(answer.url, answer.status))
    page.goto(f"http://{host}:{foreign}/")
    page.wait_for_function(f"Object.keys(tried).length === {len(TRIED)}", timeout=120_000)
    refused = [status for url, status in answers.items() if url.startswith(address)]
    assert {*refused} == {403}
    assert page.evaluate("tried['an image'] + tried['a script']") == "errorerror"
    with context.expect_page() as opened:
        page.get_by_text("a link").click()
    expect(opened.value.locator(BANDS)).to_have_count(3)
    assert opened.value.evaluate("window.opener") is None
    context.close()
