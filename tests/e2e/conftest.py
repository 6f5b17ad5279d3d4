"""A viewer that really runs, and a browser that looks at it."""

import logging
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from werkzeug.serving import make_server

from exptools.viewing.app.access import Access
from exptools.viewing.app.server import ANYONE_HERE, create_app
from exptools.viewing.index import Index
from tests.e2e.pages import DRAWING

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
COMMAND = "import sys; from exptools.viewing.cli.dash import main; sys.exit(main())"
OpenViewer = Callable[[Path], Page]

PATIENCE = 120_000  # ms; a busy machine takes its time, and what is there is seen at once
expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser takes its time: all tests of this room are slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, f"the browser tests need one of {', '.join(BROWSERS)}: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def open_viewer(look_at: Callable[..., Page]) -> Iterator[OpenViewer]:
    """The viewer of a directory as the command serves it, in a process of its own."""
    servers: list[subprocess.Popen[str]] = []
    pages: list[Page] = []

    def start(directory: Path) -> Page:
        command = [sys.executable, "-c", COMMAND, str(directory), "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        servers.append(server)
        line = server.stdout.readline()
        address = re.search(r"http://\S+", line)
        assert address, f"exptools-dash said {line!r} where it should say its address"
        pages.append(look_at(address.group()))
        return pages[-1]

    yield start
    for page in pages:  # it would complain of a server that is gone
        page.close()
    for server in servers:
        server.terminate()
        server.wait(timeout=60)
        server.stdout.close()


@pytest.fixture(scope="module")
def serve_here() -> Iterator[Callable[..., str]]:
    """Serve a directory from a thread of this process, which is quicker; returns the address."""
    servers = []

    def start(directory: Path, access: Access = ANYONE_HERE) -> str:
        app = create_app(Index([directory], cache=False), access)
        server = make_server("127.0.0.1", 0, app.server, threaded=True)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}{access.prefix}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join(timeout=60)
        server.server_close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all pages of a module, which so have the scripts in their cache."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.fixture
def look_at(context: BrowserContext) -> Iterator[Callable[..., Page]]:
    """Open an address: a page with its chart drawn, or why it has none, or with its run or media.

    After the test the page must have complained of nothing, and asked nobody but its server.
    """
    pages, complaints = [], []

    def note_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"console: {message.text}")

    def note_request(url: str, address: str) -> None:
        if not url.startswith((address, "data:", "blob:")):
            complaints.append(f"request to {url}")

    def open_(address: str, query: str = "") -> Page:
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        page.on("console", note_console)
        page.on("pageerror", lambda error: complaints.append(error.stack or str(error)))
        page.on("request", lambda request: note_request(request.url, address))
        page.goto(address + query, wait_until="commit")
        page.locator("#chart:not(.loading), #run-facts > div, .wall-content").first.wait_for()
        page.locator("#first-picture").wait_for(state="detached")  # the chart is drawn over it
        expect(page.locator(DRAWING)).to_have_count(0)  # once more, in the size that it has now
        return page

    yield open_
    for page in pages:
        page.close()
    assert complaints == []
