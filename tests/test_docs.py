"""What the README tells people to type is typed here; what it lists is what there is."""

import doctest
import os
import re
import shlex
import subprocess
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest

from exptools import logger
from exptools.logging import logger as seed_logger
from exptools.logging.run.options import LogOptions
from exptools.logging.run_logger import Logger
from exptools.rundir import SWEEP_FILE
from exptools.viewing.cli.dash import _parser
from exptools.viewing.cli.main import main as exptools_command
from hydra_plugins.exptools_launcher._slurm._conf import SlurmConf
from hydra_plugins.exptools_launcher.config import LauncherConf, LoggingConf
from tests.viewing.samples import write_run, write_summary

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LOGGING = (ROOT / "docs" / "logging.md").read_text(encoding="utf-8")
LAUNCHING = (ROOT / "docs" / "launching.md").read_text(encoding="utf-8")
RESOURCES = (ROOT / "docs" / "resources.md").read_text(encoding="utf-8")
APP = (ROOT / "docs" / "app.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.slow
def test_the_readmes_training_command_runs(tmp_path: Path) -> None:
    (command,) = set(re.findall(r"\.venv/bin/python (train\.py -m \S.*)$", README, re.MULTILINE))
    quick = ["epochs=2", f"hydra.sweep.dir={tmp_path}/sweep"]
    done = subprocess.run(
        [sys.executable, *shlex.split(command), *quick],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("sweep/*/progress.csv"))) == 9


def test_the_readmes_own_program_runs_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = next(c for c in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "hydra" in c)
    (command,) = re.findall(r"^python (train\.py -m lr=0\.1\S* .*)$", README, re.MULTILINE)
    assert len(code.splitlines()) < 15
    (tmp_path / "train.py").write_text(code)
    (tmp_path / "config.yaml").write_text("lr: 0.1\nseed: 0\n")
    subprocess.run([sys.executable, *shlex.split(command)], cwd=tmp_path, check=True)
    tables = list(tmp_path.glob("multirun/*/*/*/progress.csv"))
    assert len(tables) == 9
    rows = tables[0].read_text().splitlines()
    assert rows[0] == "step,wall_time,loss"
    assert len(rows) == 101
    monkeypatch.chdir(tmp_path)
    assert exptools_command(["list", "--csv"]) == 0  # it looks where Hydra has put them
    assert len(capsys.readouterr().out.splitlines()) == 10


def test_the_readmes_preview_of_slots_runs() -> None:
    (command,) = re.findall(r"^python (-m exptools\.launching .*)$", README, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, *shlex.split(command)], capture_output=True, text=True, check=False
    )
    fits = len(os.sched_getaffinity(0)) >= 2
    assert done.returncode == (0 if fits else 2), done.stdout + done.stderr


@pytest.mark.slow
def test_the_readmes_way_to_resume_is_one_that_the_launcher_knows(tmp_path: Path) -> None:
    (command,) = re.findall(r"^python (train\.py -m .*resume=)\S+$", README, re.MULTILINE)
    first = [sys.executable, *shlex.split(command)[:-1], "epochs=1"]
    subprocess.run([*first, f"hydra.sweep.dir={tmp_path}/sweep"], cwd=ROOT, check=True)
    again = [*first, f"hydra.launcher.resume={tmp_path}/sweep"]
    done = subprocess.run(again, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "2 jobs were completed before" in done.stdout


def test_the_readmes_defaults_list_is_one_that_hydra_takes(tmp_path: Path) -> None:
    (defaults,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "config.yaml").write_text(defaults)
    (tmp_path / "app.py").write_text(
        "import hydra\n"
        '@hydra.main(version_base="1.3", config_path=".", config_name="config")\n'
        "def main(cfg): pass\n"
        "main()\n"
    )
    command = [sys.executable, "app.py", "-m", "+x=1", "hydra.sweep.dir=out"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert (tmp_path / "out" / "0" / ".exptools" / "status.json").exists()


def test_every_launcher_option_is_documented_once() -> None:
    (resources,) = re.findall(r"^## Options\n(.*?)^## ", RESOURCES, re.DOTALL | re.MULTILINE)
    documented = re.findall(r"^\| `(\w+)`", resources, re.MULTILINE)
    documented += re.findall(r"^\| `hydra\.launcher\.(\w+)`", LAUNCHING, re.MULTILINE)
    options = [field.name for field in fields(LauncherConf) if field.name != "_target_"]
    assert sorted(documented) == sorted(options)


def test_what_the_readme_says_of_options_is_true_of_those_that_there_are() -> None:
    named = re.findall(r"hydra\.launcher\.(\w+)", README)
    assert set(named) <= {field.name for field in fields(LauncherConf)}
    assert len(README.splitlines()) < 200


def test_every_option_of_the_slurm_launcher_is_documented() -> None:
    page = (ROOT / "docs" / "slurm.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    local = {field.name for field in fields(LauncherConf)} - {"grace"}  # which has another default
    own = {field.name for field in fields(SlurmConf)} - local
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == own


def test_every_logger_method_is_documented_once() -> None:
    methods = [name for name in dir(Logger) if name[0] != "_" and callable(getattr(Logger, name))]
    cells = re.findall(r"^\| (`logger\..*?) \|", LOGGING, re.MULTILINE)
    assert sorted(re.findall(r"logger\.(\w+)\(", " ".join(cells))) == sorted(methods)


def test_every_option_of_the_viewers_command_is_documented() -> None:
    rows = re.findall(r"^\| (`--.*?) \|", APP, re.MULTILINE)
    documented = set(re.findall(r"`(--[a-z-]+)`", " ".join(rows)))
    options = {text for action in _parser()._actions for text in action.option_strings}
    assert documented == {text for text in options if text not in ("-h", "--help")}


def test_every_option_of_the_callback_is_documented() -> None:
    documented = re.findall(r"^\| `hydra\.callbacks\.exptools\.(\w+)`", LOGGING, re.MULTILINE)
    options = [field.name for field in fields(LoggingConf) if field.name != "_target_"]
    assert documented == options == [field.name for field in fields(LogOptions)]
    ours, theirs = LogOptions(), LoggingConf()
    assert all(getattr(ours, name) == getattr(theirs, name) for name in options)


@pytest.mark.slow
def test_the_example_of_going_on_runs_twice(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(import torch.*?)```", LOGGING, re.DOTALL)
    (tmp_path / "train.py").write_text(code)
    for _ in range(2):
        subprocess.run([sys.executable, "train.py"], cwd=tmp_path, check=True)
    rows = (tmp_path / "runs" / "resumed" / "progress.csv").read_text().splitlines()
    assert len(rows) == 101


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "rows"), [("Lightning", 0), ("Stable-Baselines3", 2), ("SummaryWriter", 3)]
)
def test_the_examples_of_other_peoples_loggers_log(
    library: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightning.pytorch.demos.boring_classes import BoringModel

    (code,) = re.findall(rf"### {library}\n+```python\n(.*?)```", LOGGING, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    logger.open("runs/a", console=None)
    try:
        exec(code, {"model": BoringModel()})
    finally:
        logger.close()
    table = (tmp_path / "runs" / "a" / "progress.csv").read_text()
    assert len(table.splitlines()) == 1 + rows


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the README's training command leaves behind, in the current directory."""
    sweep = tmp_path / "outputs" / "2026-11-22" / "17-41-20"
    for job, (lr, seed) in enumerate((lr, seed) for lr in (1e-3, 1e-4, 1e-2) for seed in range(3)):
        values = [lr * step + seed for step in range(30)]
        metrics = dict.fromkeys(("train/loss", "test/loss", "test/accuracy"), values)
        run = write_run(sweep / str(job), {"lr": lr, "batch_size": 64, "seed": seed}, metrics)
        write_summary(run, result=values[-1])
    (sweep / SWEEP_FILE).touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("trained")
def test_what_the_viewers_document_shows_is_what_python_answers() -> None:
    text = (ROOT / "docs" / "viewing.md").read_text(encoding="utf-8")
    code = "".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    shown = doctest.DocTestParser().get_doctest(code, {}, "viewing.md", None, 0)
    report: list[str] = []
    assert doctest.DocTestRunner().run(shown, out=report.append).failed == 0, "".join(report)
    assert len(shown.examples) > 10


@pytest.mark.usefixtures("trained")
def test_the_readmes_example_of_viewing_runs() -> None:
    (code,) = re.findall(r"^    (import exptools\.viewing.*\n    .*)$", README, re.MULTILINE)
    exec(textwrap.dedent(f"    {code}"), {})


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("document", ["README.md", "docs/command-line.md"])
def test_the_documented_commands_of_exptools_run(
    document: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    shell = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    commands = re.findall(r"^exptools (\w+ .*?)(?: +#.*| \| .*)?$", shell, re.MULTILINE)
    assert len(commands) >= 3
    for command in commands:
        assert exptools_command(shlex.split(command)) == 0, command
        *_, out = ["", *re.findall(r"--out (\S+)", command)]
        assert not out or Path(out).stat().st_size > 0
        printed = capsysbinary.readouterr()
        assert printed.out or out
        assert printed.err == b"", command


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert missing == []


def test_ci_calls_the_readmes_tests_command() -> None:
    (script,) = re.findall(r"&& python3 (\.ci/\S+)$", README, re.MULTILINE)
    assert Path(script).name in (ROOT / ".ci" / "run").read_text()


def test_the_verbs_that_the_compatibility_page_lists_are_there() -> None:
    page = (ROOT / "docs" / "compat.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Logging\n(.*?)^## ", page, re.DOTALL | re.MULTILINE)
    verbs = re.findall(r"`(\w+_?\w*)`", "".join(re.findall(r"^\| (`.*?) \|", section, re.M)))
    assert len(verbs) > 25
    assert [verb for verb in verbs if not callable(getattr(seed_logger, verb, None))] == []


def test_the_compatibility_pages_logging_example_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "compat.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from exptools.logging import.*?)```", page, re.DOTALL)
    (tmp_path / "app.py").write_text(code)
    subprocess.run([sys.executable, "app.py"], cwd=tmp_path, check=True)
    run_dir = tmp_path / "data" / "example" / "run_0"
    assert len((run_dir / "progress.csv").read_text().splitlines()) == 21
    assert sorted(path.name for path in (run_dir / "snapshots").iterdir()) == [
        "itr_0.pkl",
        "itr_19.pkl",
        "itr_9.pkl",
    ]


@pytest.mark.parametrize("wing", ["", "launching", "logging", "viewing"])
def test_the_design_page_names_every_room(wing: str) -> None:
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    folder = ROOT / "exptools" / wing
    names = [f"{init.parent.name}/" for init in folder.glob("*/__init__.py")]
    names += [module.name for module in folder.glob("*.py") if module.name != "__init__.py"]
    assert [name for name in names if name not in page] == []
