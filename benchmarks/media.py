"""How fast the wall of media is: to the first image, a step of the slider, scrolling.

python benchmarks/media.py DIRECTORY [--rounds 3] [--peers]

100 runs log four images and a histogram at each of ten steps, 5,000 files; DIRECTORY keeps them for
the next time. The event files beside them are what TensorBoard shows: of more than 40 runs nothing
until somebody ticks them, so all are ticked at once.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from app import ARGUMENTS, BROWSERS, SEEN, cpu, page_of, server, shown, started
from playwright.sync_api import Browser, sync_playwright

RUNS, STEPS, IMAGES, SIZE = 100, 10, 4, 64
IMAGE = "[...document.querySelectorAll('.wall-tile img')].some(one => one.naturalWidth)"
FILLED = "document.querySelector('.wall-tile img') && !document.querySelector('.wall-tile.is-old')"
STEP = """async () => {
  const start = performance.now();
  document.querySelector('#media-steps button').click();
  do await new Promise(requestAnimationFrame); while (document.querySelector('.wall-tile.is-old'));
  return performance.now() - start;
}"""
SCROLL = """async () => {
  const wall = document.querySelector('#media-wall');
  let [last, longest] = [performance.now(), 0];
  for (let part = 0; part <= 60; part += 1) {
    wall.scrollLeft = (wall.scrollWidth - wall.clientWidth) * part / 60;
    const now = await new Promise(requestAnimationFrame);
    [longest, last] = [Math.max(longest, now - last), now];
  }
  return longest;
}"""


def main() -> None:
    """Measure, and print the tables of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", action="store_true", help="TensorBoard, too")
    options = parser.parse_args()
    data = options.directory / "media"
    if not data.exists():
        write(data)
    executable = next(filter(None, map(shutil.which, BROWSERS)))
    ours, peer = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        browser.new_page().goto("about:blank")
        for _ in range(options.rounds):
            ours.append(wall(browser, data))
            if options.peers:
                peer.append(tensorboard(browser, data))
        browser.close()
    first, step, scroll, used = (shown(column) for column in zip(*ours, strict=True))
    print("| media | first image s | slider ms | longest frame of scrolling ms | server's CPU s |")
    print("| --- | --- | --- | --- | --- |")
    print(f"| exptools | {first} | {step} | {scroll} | {used} |")
    if peer:
        first, used = (shown(column) for column in zip(*peer, strict=True))
        print(f"| TensorBoard | {first} | a slider for each image | | {used} |")


def wall(browser: Browser, data: Path) -> tuple[float, ...]:
    """Seconds to the first image; ms of a step, of the longest frame; the server's CPU."""
    start = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as cache,
        server(data, cache) as (process, address),
        page_of(browser) as page,
    ):
        page.goto(f"{address}?tab=media&media_columns=runs", wait_until="commit")
        page.evaluate(SEEN.replace("SIGHT", IMAGE))
        first, used = time.perf_counter() - start, cpu(process)
        page.evaluate(SEEN.replace("SIGHT", FILLED))
        page.wait_for_timeout(3000)
        steps = []
        for _ in range(5):
            steps.append(page.evaluate(STEP))
            page.wait_for_timeout(1000)
        return first, sorted(steps)[2], page.evaluate(SCROLL), used


def tensorboard(browser: Browser, data: Path) -> tuple[float, float]:
    """Seconds from TensorBoard's command to its first image, and the CPU of its server."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(data), "--port", "0"]
    with started(command, r"http://\S+") as (process, address), page_of(browser) as page:
        page.goto(f"{address}#images", wait_until="commit")
        page.get_by_text("Toggle all runs").click(timeout=60_000)
        page.locator("tf-image-loader img").first.wait_for(timeout=120_000)
        family = [process, *process.children(recursive=True)]
        return time.perf_counter() - start, sum(map(cpu, family))


def write(data: Path) -> None:
    """What the runs have logged, by the logger itself."""
    from exptools import logger

    for number in range(RUNS):
        rng = np.random.default_rng(number)
        logger.open(data / f"run{number:03}", console=None)
        logger.config({"lr": 10.0 ** -(number % 4), "seed": number // 4})
        for step in range(STEPS):
            for name in range(IMAGES):
                logger.log_image(f"samples/{name}", rng.random((SIZE, SIZE, 3)), step * 100)
            logger.log_histogram("weights", rng.normal(step, 1, 1000), step * 100)
            logger.log_scalar("loss", 1 / (1 + step), step * 100)
        logger.close()


if __name__ == "__main__":
    main()
