"""What takes long to load is loaded when it is needed."""

import subprocess
import sys

from tests.viewing.samples import write_run


def test_finding_runs_loads_polars_sqlglot_and_what_makes_curves_when_they_are_needed(tmp_path):
    for job in range(2):
        write_run(tmp_path / str(job), {"seed": job}, {"loss": [0.5, 0.25]})
    code = f"""
import sys
def print_loaded():
    slow = {{"dash", "matplotlib", "plotly", "polars", "sqlglot"}}
    curves = {{"curves"}} if "exptools.viewing.curves.query" in sys.modules else set()
    print(*sorted(curves | slow & set(sys.modules)), sep=", ")

import exptools.viewing as xv
runs = xv.load({str(tmp_path)!r})
repr(runs), runs.varying, runs.metrics, runs.faults
print_loaded()
runs.where("seed = 1")
print_loaded()
runs.curves("loss")
print_loaded()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True
    )
    assert done.stdout.splitlines() == ["", "sqlglot", "curves, polars, sqlglot"]
