"""Each how-to page is followed, its programs with fewer steps and its sweeps with fewer jobs."""

import shutil
from pathlib import Path

import pytest

from tests.docs.page import ROOT, blocks, follow

pytestmark = pytest.mark.slow

# Any program of these settings will do on a page that is not about the program.
ANY_PROGRAM = """
import hydra

@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg):
    return cfg.lr * cfg.hidden

main()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a program, the tutorial's settings, and our examples."""
    (tmp_path / "train.py").write_text(ANY_PROGRAM)
    (config,) = (block.text for block in blocks("tutorial.md") if block.file == "config.yaml")
    (tmp_path / "config.yaml").write_text(config)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def runs(directory: Path) -> int:
    return len(list(directory.glob("*/.hydra/config.yaml")))


def test_gpus(project: Path, fake_nvml: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", fake_nvml)
    monkeypatch.setenv("FAKE_NVML_GPUS", "1")
    assert len(follow("how-to/gpus.md", project)) == 3
    # Hydra names a sweep's directory after the second: two quick ones may share it.
    assert max(map(runs, project.glob("multirun/*/*"))) == 4


def test_numa(project: Path) -> None:
    assert len(follow("how-to/numa.md", project)) == 3


def test_optuna(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(follow("how-to/optuna.md", project, {"n_trials=6": "n_trials=4"})) == 2
    assert (project / "multirun" / "search" / "optimization_results.yaml").exists()
    assert len(capsys.readouterr().out.split("completed")) == 1 + 4


def test_lists_and_filters(project: Path) -> None:
    for plugin in ("list_sweeper_plugin", "filter"):
        pytest.importorskip(f"hydra_plugins.{plugin}", reason=f"needs hydra-{plugin[:6]}-sweeper")
    assert len(follow("how-to/lists-and-filters.md", project)) == 3
    assert runs(project / "multirun" / "list") == 6
    assert runs(project / "multirun" / "filter") == 3


def test_resuming(project: Path) -> None:
    page = "how-to/resuming.md"
    (part,) = (block.text for block in blocks(page) if block.language == "python")
    example = (project / "examples" / "torch_digits.py").read_text()
    assert [line for line in map(str.strip, part.splitlines()) if line not in example + "..."] == []
    assert len(follow(page, project, {"epochs=10": "epochs=1"})) == 2
    assert runs(project / "multirun" / "torch") == 2


def test_modules(project: Path) -> None:
    assert len(follow("how-to/modules.md", project)) == 2
    header = (project / "runs" / "modules" / "progress.csv").read_text().splitlines()[0]
    assert header == "step,wall_time,gradient,eval/loss"


def test_distributed(project: Path) -> None:
    assert len(follow("how-to/distributed.md", project)) == 2
    table = (project / "runs" / "two_ranks" / "progress.csv").read_text()
    assert len(table.splitlines()) == 1 + 5


def test_training_loops(project: Path) -> None:
    quicker = {"epochs=10": "epochs=1", "timesteps=20000": "timesteps=64 rollout=64"}
    quicker |= {"lr=1e-3,1e-2": "lr=1e-3", "seed=0,1 ": "seed=0 "}
    assert len(follow("how-to/training-loops.md", project, quicker)) == 2
    tables = sorted(project.glob("multirun/*/*/*/progress.csv"))
    assert ["val/accuracy" in table.read_text() for table in tables] == [True, False]


def test_papers(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(follow("how-to/papers.md", project, {"episodes=300": "episodes=3"})) == 4
    assert "mean of 5 runs" in capsys.readouterr().out
    assert (project / "returns.tex").read_text().count(r"\\") == 2


def test_remote(project: Path) -> None:
    assert follow("how-to/remote.md", project) == ["exptools-dash --no-open project/outputs"]
