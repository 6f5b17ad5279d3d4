"""What docs/slurm.md has people type where there is no Slurm, with stand-ins for qsub and ssh."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from exptools.rundir import Status, read_status
from tests.conftest import ROOT, App

PAGE = (ROOT / "docs" / "slurm.md").read_text(encoding="utf-8")
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n)+", PAGE, re.MULTILINE)]
PLAN, PBS, SSH = (
    next(block for block in BLOCKS if part in block) for part in ("submit=false", "#PBS -J", "ssh ")
)
# An array job's elements, one after the other; what they print is in the file that PBS leaves.
QSUB = """#!/bin/sh
for index in 1 2; do
    (cd / && PBS_O_WORKDIR="$OLDPWD" PBS_JOBID=17 NCPUS=1 PBS_ARRAY_INDEX=$index sh "$OLDPWD/$1")
done
"""
SSH_STAND_IN = '#!/bin/sh\ncd / && exec sh -c "$2"\n'
SCRIPT = "import hydra\n@hydra.main(version_base='1.3', config_path='.', config_name='config')\n"
SCRIPT += "def main(cfg):\n    return cfg.lr\n\nif __name__ == '__main__':\n    main()\n"


@pytest.fixture
def shell(tmp_path: Path) -> Callable[[str], tuple[int, str]]:
    """Run lines of a shell in a directory with a program, where qsub and ssh are ours."""
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "config.yaml").write_text("lr: 0.1\n")
    (tmp_path / "bin").mkdir()
    python = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n'
    for name, content in (("qsub", QSUB), ("ssh", SSH_STAND_IN), ("python", python)):
        (tmp_path / "bin" / name).write_text(content)
        (tmp_path / "bin" / name).chmod(0o755)

    def run(lines: str) -> tuple[int, str]:
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", lines],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return done.returncode, done.stdout

    return run


def statuses(sweep: Path) -> list[Status]:
    found = [read_status(sweep / str(job)) for job in range(3)]
    assert None not in found
    return [status for status in found if status is not None]


@pytest.mark.slow
@pytest.mark.parametrize("agents", ["qsub sweep.pbs", SSH], ids=["pbs", "ssh"])
def test_a_planned_sweep_is_run_by_agents_and_gathered(
    shell: Callable[[str], tuple[int, str]], tmp_path: Path, agents: str
) -> None:
    (tmp_path / "sweep.pbs").write_text(PBS)
    code, output = shell(PLAN)
    assert code == 0, output
    assert "planned, not submitted" in output
    assert [status.state.value for status in statuses(tmp_path / "sweep")] == ["queued"] * 3
    code, output = shell(agents)
    assert code == 0, output
    assert [status.state.value for status in statuses(tmp_path / "sweep")] == ["completed"] * 3
    code, output = shell(f"{PLAN.strip()} hydra.launcher.resume=sweep")
    assert code == 0, output
    assert "3 jobs were completed before" in output


@pytest.mark.slow
def test_what_waits_for_agents_is_joined_or_taken_from_them(
    make_app: Callable[[str], App],
) -> None:
    app = make_app("return cfg.x")
    plan = ("-m", "hydra/launcher=exptools_slurm", "hydra.launcher.submit=false", "+x=1,2")
    plan += ("hydra.sweep.dir=out", "hydra.launcher.jobs_per_allocation=1")
    assert app.run(*plan)[0] == 0
    waiting = app.start(*plan, "hydra.launcher.resume=true")
    assert waiting.stdout is not None
    lines = [waiting.stdout.readline() for _ in range(4)]
    assert "2 elements with 2 jobs still wait or run, and are joined" in lines[0]
    commands = [line.strip() for line in lines if "--chunk" in line]
    assert [command.rpartition(" ")[2] for command in commands] == ["1/2", "2/2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first, second = (shlex.split(command) for command in commands)
    assert subprocess.run(first, env=environment, check=False, capture_output=True).returncode == 0
    waiting.terminate()
    output, _ = waiting.communicate()
    assert "SIGTERM: 1 element left waiting or running" in output
    here = ("-m", "hydra/launcher=exptools", "hydra.sweep.dir=out", "+x=1,2")
    code, output = app.run(*here, "hydra.launcher.resume=true")
    assert code == 0, output
    assert "1 job was completed before" in output
    late = subprocess.run(second, env=environment, check=False, capture_output=True, text=True)
    assert late.returncode == 75
    assert "run by others now" in late.stderr
