"""``run_on_cluster``: the original's scripts on a cluster, here with a qsub of our own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exptools.launching.cluster import ClusterHandlerBase
from exptools.launching.cluster.pbs import PbsHandler
from exptools.launching.cluster.slurm import SlurmHandler
from exptools.launching.compat.on_cluster import OnCluster
from exptools.launching.exp_launcher import ExperimentError, run_on_cluster
from exptools.rundir import State, read_status
from tests.conftest import ROOT

SCRIPT = """
import sys
from exptools.launching.affinity import affinity_from_code
from exptools.launching.variant import load_variant
from exptools.logging import logger
from exptools.logging.context import logger_context

def main(code, log_dir, run_id, word):
    assert affinity_from_code(code)["all_cpus"]
    variant = load_variant(log_dir)
    with logger_context(log_dir, run_id, "demo", variant):
        logger.record_tabular("double", variant["x"] * 2)
        logger.dump_tabular()
    if variant["x"] == 2:
        raise ValueError(word)

main(*sys.argv[1:])
"""
LAUNCH = """
from exptools.launching.cluster.pbs import PbsHandler
from exptools.launching.exp_launcher import run_on_cluster
import sys
outcomes = run_on_cluster(
    "train it.py", PbsHandler(mem="1G", cmd_prefix="echo ahead"), "demo exp", 2,
    [{"x": 1}, {"x": 2}], ["x1", "x2"], common_args=("bad",), **eval(sys.argv[1])
)
print([(one.job.name, one.status.state.value) for one in outcomes])
"""
# Runs a script at once, as its queue would some day, and says its number.
QSUB = """#!/bin/sh
stat -c %a "$(dirname "$1")" >> modes
sh "$1" >> "$(basename "$1").log" 2>&1
echo 17.pbs
"""


@pytest.fixture
def launch(tmp_path: Path) -> Callable[[str], str]:
    (tmp_path / "train it.py").write_text(SCRIPT)
    (tmp_path / "launch.py").write_text(LAUNCH)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/qsub").write_text(QSUB)
    (tmp_path / "bin/qsub").chmod(0o755)

    def start(options: str) -> str:
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, "launch.py", options],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ).stdout

    return start


def test_a_script_of_pbs_imports_nothing_of_the_directory_in_which_it_begins(
    launch: Callable[[str], str], tmp_path: Path
) -> None:
    qsub = tmp_path / "bin/qsub"
    qsub.write_text(QSUB.replace("sh ", "echo 'raise SystemExit(3)' > exptools.py; sh ", 1))
    launch("dict()")
    (log,) = tmp_path.glob("demo exp_0.qsub.log")
    assert "1 job to run" in log.read_text()


@pytest.mark.slow
def test_each_script_of_pbs_starts_an_agent_and_resuming_gathers_what_they_did(
    launch: Callable[[str], str], tmp_path: Path
) -> None:
    output = launch("dict(runs_per_allocation=2)")
    (directory,) = (tmp_path / "data/pbs/demo exp").iterdir()
    script = directory / "x1/demo exp_0.qsub"
    assert f"exptools: qsub {script}: 17.pbs" in output
    lines = script.read_text().splitlines()
    assert "#PBS -N demo_exp" in lines
    assert lines[-3:-1] == [
        f"cd '{tmp_path}'" if " " in str(tmp_path) else f"cd {tmp_path}",
        "echo ahead",
    ]
    assert "ahead" in (tmp_path / f"{script.name}.log").read_text()
    assert set((tmp_path / "modes").read_text().split()) == {"700"}, "where nobody can exchange it"
    states = {
        f"{x}/{run}": read_status(directory / x / run).state  # type: ignore[union-attr]
        for x in ("x1", "x2")
        for run in ("run_0", "run_1")
    }
    good, bad = State.COMPLETED, State.FAILED
    assert states == {"x1/run_0": good, "x2/run_0": bad, "x1/run_1": good, "x2/run_1": bad}
    assert "double" in (directory / "x1/run_0/progress.csv").read_text()
    (tmp_path / "train it.py").write_text(SCRIPT.replace("== 2", "== 3"))
    output = launch("dict(resume=True, wait=True)")
    assert "2 runs were completed before" in output
    assert output.count("'completed')") == 4


@pytest.mark.parametrize(
    ("handler", "options", "told"),
    [
        ("slurm", {}, "cluster_handler is 'slurm'; it should be a SlurmHandler, a PbsHandler"),
        (PbsHandler(), {"debug_mode": 1}, "debug_mode is 1, and runs on a cluster are in no debu"),
        (PbsHandler(), {"runs_per_setting": 0}, "runs_per_setting is 0; it should be a whole"),
        (SlurmHandler(time="soon"), {}, "the handler's time is 'soon'; it should be such as"),
    ],
)
def test_what_makes_no_sense_is_refused(
    handler: object,
    options: dict[str, int],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("")
    given = {"runs_per_setting": 1, **options}
    with pytest.raises(ExperimentError, match=told):
        run_on_cluster("train.py", handler, "demo", variants=[{}], log_dirs=["a"], **given)  # type: ignore[arg-type]


def test_a_manager_that_is_not_here_or_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mine(ClusterHandlerBase):
        call_script_cmd = "no-such-qsub"

        def make_script(self, **what: object) -> str:
            return "script"

    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("")
    with pytest.raises(ExperimentError, match="no-such-qsub cannot be started here: No such file"):
        run_on_cluster("train.py", Mine(), "demo", 1, [{}], ["a"])
    Mine.call_script_cmd = "ls"
    with pytest.raises(ExperimentError, match="ls refuses script: ls: cannot access"):
        run_on_cluster("train.py", Mine(), "demo", 1, [{}], ["a"])


def test_a_slurm_handler_is_put_into_sbatchs_words() -> None:
    handler = SlurmHandler(
        "16G", "1-12", 2, "gpu", "cuda/12", "my image.sif", "n7", "source it", ["gcc"]
    )
    place = OnCluster(handler, "demo", cpus_per_run=4, runs_per_allocation=3)
    allocation, request = place._options(grace=200).allocation, place._request()
    given = allocation.parameters(request, jobs=3)
    assert (given["time"], given["mem"], given["partition"]) == (2160, "16G", "gpu")
    assert (given["exclude"], given["gpus_per_node"], given["cpus_per_task"]) == ("n7", 6, 12)
    loads = ["module load cuda/12", "module load gcc", "module load singularity"]
    assert given["setup"] == ["source it", *loads]
    assert given["signal_delay_s"] == 230
    assert allocation.python == "singularity exec --nv 'my image.sif' python"
