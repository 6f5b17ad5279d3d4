"""Launch a sweep of two jobs that log, list its runs and open the app, as a user would.

Run by the interpreter of an environment where exptools is installed; ends with 1 if anything is
not as it should be.
"""

from __future__ import annotations

import csv
import html
import os
import re
import shlex
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

TASK = """
import hydra
from exptools import logger


@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    for step in range(3):
        logger.log_scalar("loss", cfg.lr / (step + 1), step)


if __name__ == "__main__":
    main()
"""
SWEEP = ("-m", "+lr=1,2", "hydra/launcher=exptools", "hydra.sweep.dir=outputs")


def main() -> None:
    """Do it in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        # Other sweeps on this machine are not waited for, and nobody's cache is read or written.
        for own in ("EXPTOOLS_LEASES", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            os.environ[own] = str(directory / own)
        (directory / "train.py").write_text(TASK, encoding="utf-8")
        call(directory, sys.executable, "train.py", *SWEEP)
        exptools = Path(sys.executable).with_name("exptools")
        listed = call(directory, exptools, "list", "outputs", "--metric", "loss", "--csv")
        rows = list(csv.DictReader(listed.splitlines()))
        values = sorted((row["state"], float(row["loss"])) for row in rows)
        expected = [("completed", 1 / 3), ("completed", 2 / 3)]
        if values != expected:
            sys.exit(f"`exptools list` should show {expected}; it shows\n{listed}")
        open_app(directory)


def open_app(directory: Path) -> None:
    """Serve the runs, and ask for the page and for every script and style that it names."""
    dash = Path(sys.executable).with_name("exptools-dash")
    command = [str(dash), "outputs", "--port", "0"]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True) as server:
        try:
            said = server.stdout.readline() if server.stdout else ""
            (address,) = re.findall(r"http://\S+", said)
            page = read(address).decode()
            assets = re.findall(r'(?:src|href)="(/[^"]+)"', page)
            sizes = {asset: len(read(address + asset[1:])) for asset in assets}
        finally:
            server.terminate()
    if not sizes or not all(sizes.values()):
        sys.exit(f"the page should name its scripts, and none should be empty: {sizes}")


def read(address: str) -> bytes:
    """What is at an address.

    Raises:
        urllib.error.HTTPError: nothing is.
    """
    with urllib.request.urlopen(html.unescape(address), timeout=60) as answer:
        content: bytes = answer.read()
    return content


def call(directory: Path, *command: str | Path) -> str:
    """What a command prints; where it fails, everything ends with its words."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = f"ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        sys.exit(f"`{shlex.join(map(str, command))}` {said}")
    return done.stdout


if __name__ == "__main__":
    main()
