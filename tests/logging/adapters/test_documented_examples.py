"""What docs/logging.md says of other people's loggers is run here."""

import re
from pathlib import Path

import pandas as pd
import pytest
from lightning.pytorch.demos.boring_classes import BoringModel

from exptools import logger

pytestmark = pytest.mark.slow

TEXT = (Path(__file__).parents[3] / "docs" / "logging.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("## Other people's loggers")[2]
EXAMPLES = dict(re.findall(r"### (\S+)\n+```python\n(.*?)```", SECTION, re.DOTALL))


@pytest.mark.parametrize("library", ["Lightning", "Stable-Baselines3", "SummaryWriter"])
def test_the_example_runs_and_logs(library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logger.open(tmp_path / "runs" / "a", console=None)
    try:
        exec(EXAMPLES[library], {"model": BoringModel()})
    finally:
        logger.close()
    table = pd.read_csv(tmp_path / "runs" / "a" / "progress.csv")
    expected = {"Lightning": 0, "Stable-Baselines3": 2, "SummaryWriter": 3}
    assert len(table) == expected[library]
