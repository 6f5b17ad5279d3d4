"""Build what is uploaded, and see that it works where nothing else of ours is.

    python3 .ci/package.py

Leaves the source distribution and the wheel in ``dist/``; needs only Python 3.10+ with pip.
"""

from __future__ import annotations

import os
import shutil
import sys

from install import ROOT, environment, run


def main() -> None:
    """Build, check the metadata, install the wheel into a new environment and try it."""
    os.chdir(ROOT)
    for left_over in ("dist", ".venv-wheel"):
        shutil.rmtree(left_over, ignore_errors=True)
    tools = str(environment(".venv-build", sys.executable, None, "build", "twine"))
    run(tools, "-m", "build", "--outdir", "dist")  # the wheel from the source distribution
    run(tools, "-m", "twine", "check", "--strict", *map(str, (ROOT / "dist").iterdir()))
    (wheel,) = (ROOT / "dist").glob("*.whl")
    constraints = ".ci/constraints.txt"
    python = environment(".venv-wheel", sys.executable, constraints, f"{wheel}[dash]")
    run(str(python), ".ci/smoke.py")


if __name__ == "__main__":
    main()
