"""Install all that the tests need, then run every check: ruff, mypy, pytest on both Hydras.

    python3 .ci/test.py                   everything, as CI does
    python3 .ci/test.py -k scheduler      only these tests (arguments are pytest's)

Needs only Python 3.10+ with pip. Chromium and a C compiler (for the stand-in GPU driver) are
installed with apt-get where they are missing and we may.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What differs between Hydra's versions is the launcher's and the callback's work.
NEXT_HYDRA = "hydra-core>=1.4.0rc1,<1.5"
NEXT_HYDRA_TESTS = (
    "tests/launching",
    *(
        f"tests/logging/test_{part}.py"
        for part in ("callback", "one_writer", "options", "processes")
    ),
)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Run all checks and end with 1 if any of them failed."""
    os.chdir(ROOT)
    install_programs()
    python = environment(".venv", "-e", ".[test]")
    chosen = sys.argv[1:]
    checks = [
        check(python, "ruff", "format", "--check"),
        check(python, "ruff", "check"),
        check(python, "mypy"),
        check(python, "pytest", "-q", *chosen),
    ]
    if not chosen:
        python = environment(".venv-next", "-e", ".[test]", NEXT_HYDRA)
        checks.append(check(python, "pytest", "-q", *NEXT_HYDRA_TESTS))
    sys.exit(0 if all(checks) else 1)


def install_programs() -> None:
    """Have apt-get install the programs that pip cannot, where they are missing."""
    packages = []
    if not any(map(shutil.which, CHROMIUM)):
        packages.append("chromium")
    if not shutil.which("cc"):
        packages += ["gcc", "libc6-dev"]
    if not packages:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    apt = [*sudo, "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    try:
        run(*apt, "update")
        run(*apt, "install", "--yes", "--no-install-recommends", *packages)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"the tests need {' and '.join(packages)}: install them, then try again")


def environment(name: str, *requirements: str) -> Path:
    """The interpreter of a virtual environment with some requirements installed."""
    python = ROOT / name / "bin" / "python"
    if not python.exists():
        # Debian splits ensurepip from Python: our own pip brings the environment's.
        run(sys.executable, "-m", "venv", "--without-pip", name)
        (site,) = (ROOT / name / "lib").glob("python3*/site-packages")
        run(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site), "pip")
    run(str(python), "-m", "pip", "install", "--quiet", *requirements)
    return python


def check(python: Path, module: str, *arguments: str) -> bool:
    """Run one tool and say whether it was content."""
    return subprocess.run([python, "-m", module, *arguments], check=False).returncode == 0


def run(*command: str) -> None:
    """Run a step of the installation, saying what it is and how long it took."""
    print("+", *command, flush=True)
    start = time.monotonic()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    print(f"  {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
