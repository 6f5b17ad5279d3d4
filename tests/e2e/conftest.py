"""A viewer that really runs, and a browser that looks at it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
COMMAND = "import sys; from exptools.viewing.cli import main; sys.exit(main())"
OpenViewer = Callable[[Path], Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, f"the browser tests need one of {', '.join(BROWSERS)}: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Start exptools-dash on a directory, as a process of its own; returns its address."""
    servers: list[subprocess.Popen[str]] = []

    def start(directory: Path) -> str:
        command = [sys.executable, "-c", COMMAND, str(directory), "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        servers.append(server)
        line = server.stdout.readline()
        address = re.search(r"http://\S+", line)
        assert address, f"exptools-dash said {line!r} where it should say its address"
        return address.group()

    yield start
    for server in servers:
        server.terminate()
        server.wait(timeout=10)
        server.stdout.close()


@pytest.fixture
def open_viewer(browser: Browser, serve: Callable[[Path], str]) -> Iterator[OpenViewer]:
    """Open the viewer of a directory: a page with its chart drawn, or with its reason why not.

    After the test the page must have complained of nothing, and asked nobody but its server.
    """
    contexts, complaints = [], []

    def open_(directory: Path) -> Page:
        address = serve(directory)
        contexts.append(browser.new_context(viewport={"width": 1440, "height": 900}))
        page = contexts[-1].new_page()
        page.on("console", lambda message: _note_console(message, complaints))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: _note_request(request, address, complaints))
        page.goto(address)
        page.locator("#chart:not(.loading)").wait_for()
        page.locator("#runs .ag-row").first.wait_for()
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def _note_console(message, complaints: list[str]) -> None:
    if message.type in ("error", "warning"):
        complaints.append(f"console: {message.text}")


def _note_request(request, address: str, complaints: list[str]) -> None:
    if not request.url.startswith((address, "data:", "blob:")):
        complaints.append(f"request to {request.url}")
