"""Install all that the tests need, then run every check, on both Hydras.

    python3 .ci/test.py                   everything, as CI does
    python3 .ci/test.py -k scheduler      only these tests (arguments are pytest's)
    python3 .ci/test.py --newest          everything with the newest of all packages
    python3 .ci/test.py --pin             write the newest versions into the constraints

The first two install the versions in the constraints beside this file, so that what is green stays
green, whatever others release. Needs only Python 3.10+ with pip. Chromium, a C compiler (for the
stand-in GPU driver), Slurm (without it, or root, the tests of clusters are skipped) and pdfLaTeX
(without it one test is skipped) are installed with apt-get where they are missing and we may.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from install import ROOT, environment, run

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
TESTED_PYTHONS = range(10, 14)  # of Python 3
SITE = ("-m", "sphinx", "-q", "-W", "docs", "site")
# More than there are cores, for many tests wait: for processes, for a browser, for Slurm.
PARALLEL = ("-n", str((os.cpu_count() or 1) + 1), "--dist", "worksteal")
# What torch needs of CUDA it pins itself, and a build for CPUs needs none.
OF_TORCH = re.compile(r"nvidia-(?!ml-py)|cuda-|triton")


@dataclass(frozen=True)
class Setting:
    """A Hydra to test with, and where its virtual environment and its constraints are."""

    hydra: str
    environment: str
    constraints: str
    plugins: tuple[str, ...] = ()  # that know this Hydra only


SWEEPERS = ("hydra-filter-sweeper>=2.1", "hydra-list-sweeper>=1.1")
CURRENT = Setting("hydra-core>=1.3,<1.4", ".venv", ".ci/constraints.txt", SWEEPERS)
NEXT = Setting("hydra-core>=1.4.0rc1,<1.5", ".venv-next", ".ci/constraints-next.txt")


def main() -> None:
    """Run what the command line asks for and end with 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--newest", action="store_true", help="use no constraints")
    parser.add_argument("--pin", action="store_true", help="write the constraints, run nothing")
    options, chosen = parser.parse_known_args()
    os.chdir(ROOT)
    # Else each process that a test starts compiles all that it imports of ours.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if options.pin:
        pin(CURRENT)
        pin(NEXT)
    else:
        install_programs()
        sys.exit(0 if all(run_checks(chosen, newest=options.newest)) else 1)


def run_checks(chosen: list[str], *, newest: bool) -> list[bool]:
    """Whether each check was content: all of them, or only pytest's where tests are chosen."""
    python = install(CURRENT, newest=newest)
    if chosen:
        return [check(python, "-m", "pytest", "-q", *PARALLEL, *chosen)]
    mypy = [str(python), "-m", "mypy"]  # takes long and one core only: it runs beside the others
    with subprocess.Popen(
        mypy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as types:
        results = [
            check(python, "-m", "ruff", "format", "--check"),
            check(python, "-m", "ruff", "check"),
            check(python.with_name("lint-imports"), "--no-logo"),
            sys.version_info < (3, 11) or check(python, *SITE),  # which Sphinx needs
            check(python, "-m", "pytest", "-q", *PARALLEL),
        ]
        said, _ = types.communicate()
        print("+ mypy, beside the others", said, sep="\n", flush=True)
        results.append(types.returncode == 0)
    next_python = install(NEXT, newest=newest)
    results.append(check(next_python, "-m", "pytest", "-q", *PARALLEL, "-m", "hydra"))
    results += [smoke(*found, newest=newest) for found in oldest_and_newest()]
    if newest:
        check(python, ".ci/newer.py", CURRENT.constraints)
        check(next_python, ".ci/newer.py", NEXT.constraints)
    return results


def smoke(version: str, interpreter: str, *, newest: bool) -> bool:
    """Whether a small sweep works on another Python, with what a user would install."""
    name = f".venv-{version}{'-newest' if newest else ''}"
    constraints = None if newest else CURRENT.constraints
    python = environment(name, interpreter, constraints, "-e", ".[dash]")
    good = check(python, ".ci/smoke.py")
    print(f"smoke on Python {version}: {'ok' if good else 'FAILED'}", flush=True)
    return good


def oldest_and_newest() -> list[tuple[str, str]]:
    """Version and path of the oldest and the newest tested Python here; they may be the same."""
    candidates = [sys.executable]
    for minor in TESTED_PYTHONS:
        candidates += map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3"))
        candidates += filter(None, [shutil.which(f"python3.{minor}")])
    found: dict[str, str] = {}
    for candidate in candidates:
        # pyenv puts names on the PATH behind which there is nothing.
        ask = [candidate, "-c", "import platform, venv; print(platform.python_version())"]
        answer = subprocess.run(ask, capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            found.setdefault(answer.stdout.strip(), candidate)
    ordered = sorted(found.items(), key=lambda item: [*map(int, re.findall(r"\d+", item[0]))])
    return [ordered[0], ordered[-1]] if len(ordered) > 1 else ordered


def install_programs() -> None:
    """Have apt-get install the programs that pip cannot, where they are missing."""
    packages = []
    if not any(map(shutil.which, CHROMIUM)):
        packages.append("chromium")
    if not shutil.which("cc"):
        packages += ["gcc", "libc6-dev"]
    if packages and not apt_get(packages):
        sys.exit(f"the tests need {' and '.join(packages)}: install them, then try again")
    if os.geteuid() == 0 and not shutil.which("slurmctld"):  # its daemons need root
        apt_get(["slurm-wlm", "munge"])  # without them the tests of clusters are skipped
    if not shutil.which("pdflatex"):
        apt_get(["texlive-latex-base", "texlive-latex-recommended"])  # with booktabs; 45 MB


def apt_get(packages: list[str]) -> bool:
    """Install packages; whether that was possible."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    apt = [*sudo, "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    try:
        run(*apt, "update")
        run(*apt, "install", "--yes", "--no-install-recommends", *packages)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def install(setting: Setting, *, newest: bool) -> Path:
    """The interpreter of an environment that has what the tests need."""
    name = f"{setting.environment}{'-newest' if newest else ''}"
    constraints = None if newest else setting.constraints
    needed = ("-e", ".[test]", setting.hydra, *setting.plugins)
    return environment(name, sys.executable, constraints, *needed)


def pin(setting: Setting) -> None:
    """Write the constraints: the newest versions that go together, for every Python from 3.10."""
    uv = environment(".venv-pin", sys.executable, None, "uv").with_name("uv")
    resolve = ("pip", "compile", "--quiet", "--universal", "--python-version", "3.10")
    wanted = ("--no-header", "--no-annotate", "--extra", "test", "setup.py", "-")
    pinned = subprocess.run(
        [uv, *resolve, *wanted],
        input="\n".join(("pip", setting.hydra, *setting.plugins)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    lines = ["# Written by: python3 .ci/test.py --pin"]
    lines += [line for line in pinned.splitlines() if not OF_TORCH.match(line)]
    (ROOT / setting.constraints).write_text("\n".join(lines) + "\n", encoding="utf-8")


def check(program: Path, *arguments: str) -> bool:
    """Run one tool, saying how long it took; returns whether it was content."""
    print("+", os.path.relpath(program), *arguments, flush=True)
    start = time.monotonic()
    good = subprocess.run([program, *arguments], check=False).returncode == 0
    print(f"  {time.monotonic() - start:.0f} s", flush=True)
    return good


if __name__ == "__main__":
    main()
