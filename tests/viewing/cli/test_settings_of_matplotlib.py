"""Matplotlib's settings in the directory in which somebody's runs are looked at."""

import os
import subprocess
import sys

import pytest

from tests.viewing.samples import write_sweep

PLOT = """
os.rename("settings", "matplotlibrc")
from exptools.viewing.cli.main import main
sys.exit(main(["plot", "outputs", "--out", "curves.svg"]))
"""
# A server that is asked for a figure hours after it was started.
SERVE = """
from exptools.viewing.app import server
from exptools.viewing.cli.dash import main

def serve(*_, **__):
    os.rename("settings", "matplotlibrc")
    xv.load("outputs").curves("loss").paper(out="curves.svg")

server.serve = serve
sys.exit(main(["outputs", "--port", "0"]))
"""


@pytest.mark.parametrize("command", [PLOT, SERVE], ids=["exptools plot", "exptools-dash"])
@pytest.mark.parametrize("kind", ["text", "pipe"])
def test_a_command_draws_without_the_settings_of_the_current_directory(tmp_path, command, kind):
    write_sweep(tmp_path / "outputs", steps=5)
    settings = tmp_path / "settings"
    if kind == "pipe":
        os.mkfifo(settings)
    else:
        settings.write_text("bogus\x1b]0;a title\x07: 3\n")
    done = subprocess.run(
        [sys.executable, "-c", f"import os, sys\nimport exptools.viewing as xv\n{command}"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "curves.svg").stat().st_size > 1000
