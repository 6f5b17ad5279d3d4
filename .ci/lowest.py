"""Run the quick tests and the browser's with the lowest versions that ``setup.py`` allows.

    python3.10 .ci/lowest.py           as .ci/constraints-lowest.txt has them
    python3.10 .ci/lowest.py --pin     write that file anew, after a change of setup.py

The constraints are for Python 3.10. What is left out needs torch, which has bounds of its own. The
browser is Chromium or Chrome, which has to be there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from install import ROOT, environment, run

BROWSER = Path("tests/e2e")
CONSTRAINTS = ".ci/constraints-lowest.txt"
EXTRAS = ("dash", "slurm", "video", "examples")
TOOLS = (
    *("pytest", "pytest-timeout", "pytest-xdist", "hypothesis"),
    *("axe-playwright-python", "duckdb", "joblib", "pandas", "playwright", "scipy"),
)
NOT_HERE = re.compile(
    r"^\s*(?:import|from) (?:torch|lightning|stable_baselines3|gymnasium)\b",
    re.MULTILINE,
)

# These show what newer versions do (pandas 2 reads the last digit of a number wrong) and declare.
OF_OTHERS = (
    "pandas_and_polars_read_back_the_exact_numbers",
    "a_kill_loses_the_current_row_of_each_axis_at_most",
    "the_licences_are_those_that_packages_declare",
    "every_recorded_case_has_its_sane_answer_or_a_refusal",
    "long_explanations_of_libraries_are_told_by_what_they_say_first",
)


def main() -> None:
    """Do what the command line asks for."""
    os.chdir(ROOT)
    if sys.argv[1:] == ["--pin"]:
        pin()
        return
    needed = ("-e", f".[{','.join(EXTRAS)}]", *TOOLS)
    python = environment(".venv-lowest", sys.executable, CONSTRAINTS, *needed)
    run(str(python), ".ci/smoke.py")
    files = (file for file in Path("tests").rglob("test_*.py") if BROWSER not in file.parents)
    quick = [str(file) for file in files if not NOT_HERE.search(file.read_text("utf-8"))]
    pytest = (str(python), "-m", "pytest", "-q", "-n", "auto")
    run(*pytest, "-m", "not slow", "-k", f"not ({' or '.join(OF_OTHERS)})", *quick)
    run(*pytest, str(BROWSER))


def pin() -> None:
    """Have uv find the lowest versions of what we name; what those need is the newest that fits."""
    uv = environment(".venv-pin", sys.executable, None, "uv").with_name("uv")
    resolve = ("pip", "compile", "--quiet", "--resolution", "lowest-direct")
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    form = ("--no-header", "--no-annotate", "--python-version", "3.10")
    pinned = subprocess.run(
        [uv, *resolve, *form, *extras, "setup.py", "-"],
        input="setuptools<81\nsetuptools>=80\n",  # which TensorBoard 2.14 needs
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    head = "# Written by: python3.10 .ci/lowest.py --pin\n"
    (ROOT / CONSTRAINTS).write_text(head + pinned, encoding="utf-8")


if __name__ == "__main__":
    main()
