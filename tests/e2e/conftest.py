"""A viewer that really runs, and a browser that looks at it."""

import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Request,
    expect,
    sync_playwright,
)

from exptools.viewing.app.access import Access
from exptools.viewing.app.server import ANYONE_HERE, create_app
from exptools.viewing.app.serving.server import Server
from exptools.viewing.index import Index
from tests.e2e.pages import DRAWING

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
COMMAND = "import sys; from exptools.viewing.cli.dash import main; sys.exit(main())"
SIZE = {"width": 1440, "height": 900}
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
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


class Stage:
    """An address at which any app can be shown, one after the other.

    A browser compiles the scripts of an address once, which is half the work of opening the page.
    """

    def __init__(self) -> None:
        self._app: Wsgi | None = None
        self.address = ""  # once it is served
        self.apps: dict[str, Wsgi] = {}  # by their own addresses

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        return self._app(environ, start)

    def show(self, address: str) -> str:
        """From now on show the app that has this address; returns where it is to be looked at."""
        if address not in self.apps:  # has a token, or is in another process
            return address
        self._app = self.apps[address]
        return self.address


@contextmanager
def serving(app: Wsgi) -> Iterator[str]:
    """The address at which a thread of this process serves an app."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(app, listener)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server.shutdown()
    thread.join(timeout=60)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    stage = Stage()
    with serving(stage) as stage.address:
        yield stage


@pytest.fixture(scope="module")
def serve_here(stage: Stage) -> Iterator[Callable[..., str]]:
    """Serve a directory from a thread of this process, which is quicker; returns the address."""
    with ExitStack() as servers:

        def start(directory: Path, access: Access = ANYONE_HERE) -> str:
            app = create_app(Index([directory], cache=False), access).server
            at = servers.enter_context(serving(app))
            address = f"{at}{access.prefix.removeprefix('/')}"
            if access == ANYONE_HERE:
                stage.apps[address] = app
            return address

        yield start


@pytest.fixture(scope="session")
def context(browser: Browser, stage: Stage) -> Iterator[BrowserContext]:
    """One for all pages that need none of their own; relative addresses are the stage's."""
    context = browser.new_context(viewport=SIZE, base_url=stage.address)
    yield context
    context.close()


@pytest.fixture(scope="session")
def idle_pages() -> list[Page]:
    """Pages that no test is looking at: what they have compiled is used again."""
    return []


@pytest.fixture
def new_page(context: BrowserContext, idle_pages: list[Page]) -> Iterator[Callable[[], Page]]:
    """A page that knows nothing of the tests before this one."""
    pages: list[Page] = []

    def new() -> Page:
        pages.append(idle_pages.pop() if idle_pages else context.new_page())
        pages[-1].set_default_timeout(PATIENCE)
        return pages[-1]

    yield new
    for page in pages:
        if not page.is_closed():
            forget(page)
            idle_pages.append(page)
    context.clear_cookies()
    context.clear_permissions()


def forget(page: Page) -> None:
    """Let a page be as new."""
    page.unroute_all()
    if page.url.startswith("http"):
        page.evaluate("localStorage.clear(), sessionStorage.clear()")
    page.goto("about:blank")
    page.set_viewport_size(SIZE)
    page.emulate_media(color_scheme="null")


@pytest.fixture
def look_at(new_page: Callable[[], Page], stage: Stage) -> Iterator[Callable[..., Page]]:
    """Open an address: a page with its chart drawn, or why it has none, or with its run or media.

    In one test look at one address only that ``serve_here`` gives. After the test the page must
    have complained of nothing, and asked nobody but its server.
    """
    complaints: list[str] = []
    listeners = ExitStack()

    def note_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"console: {message.text}")

    def note_error(error: Error) -> None:
        complaints.append(error.stack or str(error))

    def listen(page: Page, event: str, listener: Callable[..., None]) -> None:
        page.on(event, listener)
        listeners.callback(page.remove_listener, event, listener)

    def open_(address: str, query: str = "") -> Page:
        shown_at = stage.show(address)

        def note_request(request: Request) -> None:
            if not request.url.startswith((shown_at, "data:", "blob:")):
                complaints.append(f"request to {request.url}")

        page = new_page()
        listen(page, "console", note_console)
        listen(page, "pageerror", note_error)
        listen(page, "request", note_request)
        page.goto(shown_at + query, wait_until="commit")
        page.locator("#chart:not(.loading), #run-facts > div, .wall-content").first.wait_for()
        page.locator("#first-picture").wait_for(state="detached")  # the chart is drawn over it
        expect(page.locator(DRAWING)).to_have_count(0)  # once more, in the size that it has now
        return page

    with listeners:
        yield open_
    assert complaints == []
