"""How fast the app answers: from the command to the first picture, and to curves that can be used.

python benchmarks/app.py DIRECTORY [--data A B D] [--rounds 3] [--peers]

The data sets are those of view_data.py; DIRECTORY keeps them for the next time. A Chromium runs
before the clock starts. "Cold" and "warm" are the viewer's own cache; the system has the files in
memory. A change is timed in the browser: from the control's new value to the new picture's frame.
CPU times are those of the server and of the whole browser: on a busy machine they alone mean
something. Both have more than one thread, and they work at the same time now and then.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from view_data import SHAPES, write

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
COMMAND = "import sys; from exptools.viewing.cli.dash import main; sys.exit(main())"
# Waits for a sight and for its frame. (Playwright's own waiting needs eval, which the app forbids.)
SEEN = """async () => {
  const end = performance.now() + 60000;
  while (!SIGHT && performance.now() < end) await new Promise(done => setTimeout(done, 15));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
BAND = "[...document.querySelectorAll('.scatterlayer .js-fill')].some(p => p.getAttribute('d'))"
# The shapes' outlines, short: another one, another picture.
OUTLINES = """() => [...document.querySelectorAll('.scatterlayer path')].map(path => {
  const d = path.getAttribute('d') || ''; return d.length + d.slice(0, 99) }).join()"""
CHANGE = """async change => {
  const outlines = OUTLINES;
  const before = outlines();
  const view = window.firstView ??= window.dash_component_api.getLayout('view').props.data;
  const start = performance.now();
  window.dash_clientside.set_props('view', {data: {...view, ...change}});
  while (!outlines() || outlines() === before) {
    await new Promise(requestAnimationFrame);
    if (performance.now() - start > 20000) return NaN;
  }
  await new Promise(requestAnimationFrame);
  return performance.now() - start;
}""".replace("OUTLINES", OUTLINES)
CHANGES: dict[str, dict[str, Any]] = {  # of the page's first view
    "another metric": {"metrics": ["group1/metric1"]},
    "another group": {"by": ["model.width"]},
    "200 groups": {"by": ["optim.lr", "model.width"]},
    "smoothing": {"smooth": "ema:0.9"},
    "another band": {"band": "minmax"},
    "bootstrap band": {"band": "ci:95"},
}
PICTURE = f"(document.querySelector('#first-picture') || {BAND})"
TARGETS = {"A": 3.0, "B": 3.5, "D": 4.0}  # s, to curves; to the first picture of A 1.8


def main() -> None:
    """Measure what was asked for, and print it as the tables of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--data", nargs="+", choices=SHAPES, default=["A", "B", "D"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", action="store_true", help="TensorBoard on A, too")
    options = parser.parse_args()
    for name in options.data:
        if not (options.directory / name).exists():
            write(SHAPES[name], options.directory / name)
    executable = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        browser.new_page().goto("about:blank")
        head = "first picture s | curves s | target | reload s | CPU s: server, browser"
        print(f"| data | cache | {head} |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for name in options.data:
            first_sights(browser, name, options.directory, options)
        if "B" in options.data:
            changes(browser, options.directory / "B", options.rounds)
        browser.close()


def first_sights(browser: Browser, name: str, directory: Path, options: argparse.Namespace) -> None:
    """Seconds until something is seen, without and with a cache; beside A TensorBoard, in turns."""
    found: dict[str, list[tuple[float, ...]]] = {"cold": [], "warm": []}
    peer = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as cache:
            found["cold"].append(first_sight(browser, directory / name, cache))
            found["warm"].append(first_sight(browser, directory / name, cache))
        if options.peers and name == "A":
            peer.append(tensorboard(browser, directory))
    for cache, rows in found.items():
        picture, curves, reload, *both = (shown(column) for column in zip(*rows, strict=True))
        cells = (name, cache, picture, curves, TARGETS.get(name, ""), reload, ", ".join(both))
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    if peer:
        ratio = statistics.median(row[1] for row in found["cold"]) / statistics.median(peer)
        print(f"| A, TensorBoard | | | {shown(peer)} | | | |\nours / TensorBoard: {ratio:.2f}")


def first_sight(browser: Browser, data: Path, cache: str) -> tuple[float, ...]:
    """Seconds from the command to a picture and to curves, of a reload; CPU of both."""
    start = time.perf_counter()
    with server(data, cache) as (process, address), page_of(browser) as page:
        before = browser_cpu()
        page.goto(address, wait_until="commit")
        page.evaluate(SEEN.replace("SIGHT", PICTURE))
        picture = time.perf_counter() - start
        page.evaluate(SEEN.replace("SIGHT", BAND))
        curves, used = time.perf_counter() - start, (cpu(process), browser_cpu() - before)
        page.wait_for_timeout(1000)
        start = time.perf_counter()
        page.reload(wait_until="commit")
        page.evaluate(SEEN.replace("SIGHT", BAND))
        return picture, curves, time.perf_counter() - start, *used


def changes(browser: Browser, data: Path, rounds: int) -> None:
    """Milliseconds from a control's new value to the new picture, and the server's memory."""
    taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in CHANGES}
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(rounds):
            with server(data, cache) as (process, address), page_of(browser) as page:
                page.goto(address)
                page.evaluate(SEEN.replace("SIGHT", BAND))
                for name, change in CHANGES.items():
                    page.wait_for_timeout(1500)  # the table's answer comes later
                    before = cpu(process), browser_cpu()
                    ms = page.evaluate(CHANGE, change)
                    used = cpu(process) - before[0], browser_cpu() - before[1]
                    taken[name].append((ms, *(1000 * seconds for seconds in used)))
                memory = peak(process)
    print("\n| change on B | ms | CPU ms: server, browser | target |\n| --- | --- | --- | --- |")
    for name, rows in taken.items():
        target = {"200 groups": 500, "bootstrap band": 800}.get(name, 300)
        clock, *both = (shown(column, 0) for column in zip(*rows, strict=True))
        print(f"| {name} | {clock} | {', '.join(both)} | {target} |")
    print(f"| server's memory on B, peak MB | {memory:.0f} | 400 |", flush=True)


def tensorboard(browser: Browser, directory: Path) -> float:
    """Seconds from TensorBoard's command to its first curve on A, whose rows are made events."""
    events = directory / "A.events"
    if not events.exists():
        write_events(directory / "A", events)
    start = time.perf_counter()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(events)]
    serving = started([*command, "--port", "0"], r"http://\S+")
    with serving as (_, address), page_of(browser) as page:
        page.goto(address, wait_until="commit")
        wait_for_color(page)
        return time.perf_counter() - start


def wait_for_color(page: Page) -> None:
    """Wait until the first chart of TensorBoard, a canvas, shows lines: by pictures of the page."""
    chart = page.locator("line-chart canvas").first
    chart.wait_for(timeout=60_000)
    for _ in range(500):
        picture = np.asarray(Image.open(BytesIO(chart.screenshot())).convert("RGB")).astype(int)
        if (np.ptp(picture, axis=2) > 60).sum() > 500:  # pixels that are not grey
            return
    raise TimeoutError("TensorBoard has drawn no curve")


def write_events(data: Path, events: Path) -> None:
    """The rows of a data set as event files."""
    from exptools.logging.rows.row import Row
    from exptools.logging.writers.tensorboard import TensorBoardWriter, new_event_file

    for run in sorted(data.glob("*/progress.csv")):
        directory = events / run.parent.name
        directory.mkdir(parents=True)
        writer = TensorBoardWriter(new_event_file(directory))
        for row in pl.read_csv(run).iter_rows(named=True):
            step, wall_time = row.pop("step"), row.pop("wall_time")
            writer.write(Row(step, wall_time, row))
        writer.close()


@contextmanager
def server(data: Path, cache: str) -> Iterator[tuple[psutil.Process, str]]:
    """The app on a data set: its process and address."""
    command = [sys.executable, "-c", COMMAND, str(data), "--port", "0", "--no-open"]
    with started(command, r"http://\S+", cache) as found:
        yield found


@contextmanager
def started(
    command: Sequence[str], pattern: str, cache: str | None = None
) -> Iterator[tuple[psutil.Process, str]]:
    """A server's process, and the address that it prints."""
    environment = os.environ | ({"XDG_CACHE_HOME": cache} if cache else {})
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        lines = (re.search(pattern, line) for line in process.stdout)
        address = next(filter(None, lines)).group()
        yield psutil.Process(process.pid), address
    finally:
        process.terminate()
        process.wait()


@contextmanager
def page_of(browser: Browser) -> Iterator[Page]:
    """A page without anything remembered."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        yield context.new_page()
    finally:
        context.close()


def cpu(process: psutil.Process) -> float:
    """Seconds of CPU that a process has used."""
    used = process.cpu_times()
    return used.user + used.system


def browser_cpu() -> float:
    """Seconds of CPU that all processes of the browser have used that still run."""
    mine = psutil.Process().children(recursive=True)
    return sum(cpu(process) for process in mine if "chrom" in process.name())


def peak(process: psutil.Process) -> float:
    """The most memory that a process had, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1000  # type: ignore[index]


def shown(values: Sequence[Any], digits: int = 1) -> str:
    """The median, and the lowest and highest."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


if __name__ == "__main__":
    main()
