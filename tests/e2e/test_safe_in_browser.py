"""Token, prefix, what can be taken away, and who reads the page without seeing it."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from exptools.viewing.app.access import Access
from exptools.viewing.app.compare.downloads import content_of, numbers
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from tests.e2e.pages import BANDS
from tests.viewing.samples import indexed, write_sweep

TOKEN = "a-token-of-this-test"
READY = {"compare": BANDS, "pictures": "#picture-graph .js-plotly-plot", "run": "#run-facts"}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return indexed(write_sweep(tmp_path_factory.mktemp("runs") / "outputs"))


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
    page.get_by_role("button", name="Take away").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Curves, CSV").click()
    assert download.value.suggested_filename == "test-accuracy.csv"
    assert Path(download.value.path()).read_bytes() == numbers(content)
    page.get_by_role("button", name="Copy as Python").click()  # the menu is still open
    expect(page.locator("#python-lines")).to_contain_text(
        'curves = runs.curves("test/accuracy", by=["seed"], band="minmax")'
    )


def test_what_cannot_be_taken_away_is_said_on_the_page(look_at, address):
    page = look_at(address, "?where=lt+=+1")
    page.get_by_role("button", name="Take away").click()
    page.get_by_role("button", name="Figure, PDF").click()
    expect(page.locator("#download-refused")).to_contain_text("no run has a key 'lt'")


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_tab(look_at, address, colors):
    found = []
    page = look_at(address, "?run=4")
    page.emulate_media(color_scheme=colors)
    for tab, ready in READY.items():
        page.get_by_role("tab", name=tab.title()).click()
        expect(page.locator(ready).first).to_be_visible()
        result = Axe().run(page).response
        found += [
            f"{tab}: {violation['id']}: {node['html'][:160]} {node['any'][:1]}"
            for violation in result["violations"]
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]
    assert not found, "\n".join(found)
