"""Make the environment of the quick start: ``.venv`` with exptools, its viewer and the example.

    python3 .ci/install.py

Needs only Python 3.10+ with pip. It installs the versions that were tested together, which the
constraints beside this file list; so it also works on systems like Debian, whose Python makes
virtual environments without pip.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EAGER = ("--upgrade-strategy", "eager")


def main() -> None:
    """Install what the quick start needs."""
    os.chdir(ROOT)
    environment(".venv", sys.executable, ".ci/constraints.txt", "-e", ".[dash,examples]")


def environment(name: str, interpreter: str, constraints: str | None, *needed: str) -> Path:
    """The interpreter of a virtual environment that has what is needed, as pinned or newest."""
    python = ROOT / name / "bin" / "python"
    versions = ["--constraint", constraints] if constraints else ["--upgrade", *EAGER]
    if not python.exists():
        # Debian splits ensurepip from Python: our own pip brings the environment's.
        run(interpreter, "-m", "venv", "--without-pip", name)
        (site,) = (ROOT / name / "lib").glob("python3*/site-packages")
        pip_into = ("pip", "install", "--quiet", "--target", str(site))
        run(sys.executable, "-m", *pip_into, *versions, "pip")
    if constraints:
        versions += ["--build-constraint", constraints]  # of setuptools, which only builds see
    run(str(python), "-m", "pip", "install", "--quiet", *versions, *needed)
    return python


def run(*command: str) -> None:
    """Run a step of the installation, saying what it is and how long it took."""
    print("+", *command, flush=True)
    start = time.monotonic()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    print(f"  {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
