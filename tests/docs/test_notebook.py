"""The example notebook, cell after cell, on runs such as the tutorial leaves behind."""

import itertools
import json
from pathlib import Path

import pytest

from tests.docs.page import ROOT
from tests.viewing.samples import write_run, write_summary

NOTEBOOK = json.loads((ROOT / "examples" / "viewing.ipynb").read_text(encoding="utf-8"))
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_the_example_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = itertools.product((1e-3, 1e-2), (16, 64), range(5))
    for job, (lr, hidden, seed) in enumerate(settings):
        accuracy = [0.9 + lr * step + seed / 1000 for step in range(10)]
        metrics = {"train/loss": [1 - value for value in accuracy], "test/accuracy": accuracy}
        run = write_run(
            Path("multirun/digits", str(job)), {"lr": lr, "hidden": hidden, "seed": seed}, metrics
        )
        write_summary(run, result=accuracy[-1])
    names: dict[str, object] = {}
    for cell in CELLS:
        exec(cell.removeprefix("%matplotlib inline\n"), names)
    assert len(CELLS) > 8


def test_the_example_notebook_is_executed_and_tells_nothing_of_whose_machine_it_was() -> None:
    counts = [cell.get("execution_count") for cell in NOTEBOOK["cells"] if "outputs" in cell]
    assert counts == list(range(1, len(CELLS) + 1))
    assert "/home/" not in json.dumps(NOTEBOOK)
    assert str(ROOT.parent) not in json.dumps(NOTEBOOK)
