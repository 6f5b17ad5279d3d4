"""The two scripts of examples/compat, and what docs/compat.md shows."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from exptools.launching.affinity.codes import ARGUMENTS
from exptools.launching.variant import load_variant
from exptools.rundir import State, read_status

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "compat"
DOCUMENT = (ROOT / "docs" / "compat.md").read_text(encoding="utf-8")


def python(*words: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_demo_runs_its_variants_and_goes_on(tmp_path: Path) -> None:
    launch = (str(EXAMPLES / "launch_demo.py"), "--affinity", "2cpu_0gpu_1cpr_0hto_0saf")
    assert "12 of 12 runs were completed" in python(*launch, cwd=tmp_path)
    runs = list(tmp_path.glob("data/local/demo/*/*/*/run_*"))
    assert len(runs) == 12
    for run in runs:
        status = read_status(run)
        assert status is not None
        assert status.state is State.COMPLETED
        assert len((run / "progress.csv").read_text().splitlines()) == 101
        assert load_variant(run.parent).optimizer.lr == float(run.parts[-3].removeprefix("lr"))
    assert "12 runs were completed before" in python(*launch, "--resume", cwd=tmp_path)


def test_the_demo_runs_in_one_process_for_a_debugger(tmp_path: Path) -> None:
    launch = (str(EXAMPLES / "launch_demo.py"), "--affinity", "1cpu_0gpu_1cpr_0hto")
    assert "1 of 1 runs were completed" in python(*launch, "--debug", "2", cwd=tmp_path)


@pytest.mark.slow
def test_the_sweeps_of_the_docs_are_the_variants_beside_them(tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["log_dirs"] == ["lr0.1/p1", "lr0.1/p2", "lr0.01/p1", "lr0.01/p2"]
    commands = re.findall(r"^python (hydra_demo\.py -m .*)$", DOCUMENT, re.MULTILINE)
    assert len(commands) == 2
    for number, command in enumerate(commands):
        sweep = tmp_path / str(number)
        python(*shlex.split(command), f"hydra.sweep.dir={sweep}", cwd=EXAMPLES)
        configs = [sweep / str(job) / ".hydra" / "config.yaml" for job in range(4)]
        assert [yaml.safe_load(path.read_text()) for path in configs] == names["configs"]


def test_every_part_of_a_code_is_documented() -> None:
    documented = re.findall(r"^\| `(\w{3})` \| `(\w+)`", DOCUMENT, re.MULTILINE)
    assert dict(documented) == ARGUMENTS
