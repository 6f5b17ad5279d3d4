"""Make the README's pictures from a real sweep: the terminal's table and the app.

.venv/bin/python docs/make_pictures.py

Needs tmux and Chromium as well as the extras dash, examples and test.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
COMMAND = "python train.py -m lr=1e-3,1e-4,1e-2 seed=0,1,2 hydra/launcher=exptools"
SHOWN_IN_DOCS = {  # what of the app is in app.md: its address, and what says that it is drawn
    "all-metrics": ("?all_metrics=1&folded=usage/", ".small-chart .painted-plot"),
    "together": (
        "?metrics=train/loss&metrics=test/loss&together=1&references=test/loss+=+0.1+theirs"
        "&rows=groups",
        "#curves .textpoint",
    ),
    "what-mattered": ("?tab=charts&chart=importance", "#chart-graph .js-plotly-plot"),
}
BROWSER = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def main() -> None:
    """Run the README's sweep once and take all pictures of it."""
    IMAGES.mkdir(exist_ok=True)
    demo = Path(tempfile.gettempdir()) / "digits"  # the app shows where its runs are
    shutil.rmtree(demo, ignore_errors=True)
    picture_of_terminal(demo / "outputs")
    pictures_of_app(demo / "outputs")
    shutil.rmtree(demo)


def picture_of_terminal(outputs: Path) -> None:
    """Run the sweep in a terminal and keep what it shows in the middle and at the end."""
    tmux = ("tmux", "-L", "exptools-pictures")
    real = f"{sys.executable}{COMMAND.removeprefix('python')} hydra.sweep.dir={outputs}/sweep"
    size = ("-x", "92", "-y", "24")
    subprocess.run([*tmux, "new-session", "-d", *size, "-c", ROOT, f"{real}; sleep 60"], check=True)

    def screen() -> str:
        pane = [*tmux, "capture-pane", "-e", "-p"]
        return subprocess.run(pane, check=True, capture_output=True, text=True).stdout

    try:
        middle = wait_for(screen, re.compile(r"[4-7]/9"))
        end = wait_for(screen, re.compile(r"9 jobs in .*completed"))
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)
    shown = middle.replace(str(outputs), "outputs")
    console = Console(record=True, width=92, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(f"$ {COMMAND}", style="bold", highlight=False)
    console.print(Text.from_ansi(shown.rstrip()))
    console.print(Text.from_ansi(end.strip().splitlines()[-1]))
    console.save_svg(str(IMAGES / "terminal.svg"), title="a sweep, two slots")


def wait_for(screen: Callable[[], str], what: re.Pattern[str]) -> str:
    """What the terminal shows as soon as it shows something."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        shown = screen()
        if what.search(shown):
            return shown
        time.sleep(0.05)
    sys.exit(f"the terminal never showed {what.pattern}; it shows:\n{shown}")


def pictures_of_app(outputs: Path) -> None:
    """Open the sweep in the app and take it in light and in dark."""
    command = [sys.executable, "-m", "exptools.viewing.cli.dash", str(outputs), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = re.search(r"http://\S+", server.stdout.readline())
    assert url, "the app did not say where it is"
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(BROWSER))
            for scheme in ("light", "dark"):
                page = browser.new_page(
                    color_scheme=scheme, viewport={"width": 1440, "height": 900}
                )
                page.goto(url.group())
                page.wait_for_selector("#first-picture", state="detached")
                page.wait_for_selector("#curves .js-fill")
                page.wait_for_selector("#runs .ag-cell[col-id='summary result']")
                page.wait_for_load_state("networkidle")
                page.screenshot(path=IMAGES / f"app-{scheme}.png")
            for name, (query, ready) in SHOWN_IN_DOCS.items():
                page = browser.new_page(viewport={"width": 1200, "height": 900})
                page.goto(url.group() + query)
                picture_of_card(page, name, ready)
            browser.close()
    finally:
        server.terminate()


def picture_of_card(page: Page, name: str, ready: str) -> None:
    """Take the first card of a page, or that of all metrics, once ``ready`` is there."""
    page.wait_for_selector("#first-picture", state="detached")
    page.locator(ready).first.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    card = page.locator("#all-metrics-card" if name == "all-metrics" else ".card:visible").first
    card.screenshot(path=IMAGES / f"app-{name}.png")


if __name__ == "__main__":
    main()
