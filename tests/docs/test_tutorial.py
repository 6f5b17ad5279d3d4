"""The tutorial, followed from an empty directory to the end."""

from pathlib import Path

import pytest

from tests.docs.page import blocks, follow

QUICKER = {"epochs: 30": "epochs: 2", "epochs=3": "epochs=1"}


@pytest.mark.slow
def test_the_tutorial_leads_from_nothing_to_a_figure_and_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = follow("tutorial.md", tmp_path, QUICKER)
    assert len(typed) == 11
    assert len(list(tmp_path.glob("multirun/digits/*/progress.csv"))) == 20
    assert (tmp_path / "curves.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "results.tex").read_text().count(r"\\") == 5
    shown = capsys.readouterr().out
    assert "1 key differs" in shown
    assert "mean of 5 runs" in shown


def test_the_tutorials_program_is_short() -> None:
    (program,) = (block for block in blocks("tutorial.md") if block.file == "train.py")
    assert len(program.text.splitlines()) <= 25
