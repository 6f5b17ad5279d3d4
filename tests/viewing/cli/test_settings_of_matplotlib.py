"""Matplotlib's settings in the directory in which somebody's runs are looked at."""

import os
import subprocess
import sys

import pytest

from tests.viewing.samples import write_sweep

PLOT = """
from exptools.viewing.cli.main import main
sys.exit(main(["plot", "outputs", "--out", "curves.svg"]))
"""
# What a server draws when it is asked for a figure.
SERVE = """
from exptools.viewing.cli import dash
dash._serve = lambda roots, *_, **__: xv.load(*roots).curves("loss").paper(out="curves.svg") and 0
sys.exit(dash.main(["outputs"]))
"""


@pytest.mark.parametrize("command", [PLOT, SERVE], ids=["exptools plot", "exptools-dash"])
@pytest.mark.parametrize("kind", ["text", "pipe"])
def test_a_command_draws_without_the_settings_of_the_current_directory(tmp_path, command, kind):
    write_sweep(tmp_path / "outputs", steps=5)
    settings = tmp_path / "matplotlibrc"
    if kind == "pipe":
        os.mkfifo(settings)
    else:
        settings.write_text("bogus\x1b]0;a title\x07: 3\n")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nimport exptools.viewing as xv\n{command}"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "curves.svg").stat().st_size > 1000
