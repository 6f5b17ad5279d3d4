"""Sweeps on a real Slurm: who gets what, and what each kind of death leads to."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from exptools.rundir import read_status
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import GPUS, NODES, SWEEP, ClusterApp
from tests.conftest import ROOT, line_with
from tests.launching.test_run_on_cluster import LAUNCH, SCRIPT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "slurm.md").read_text(encoding="utf-8")
MakeApp = Callable[[str], ClusterApp]
# What docs/slurm.md has people type first.
PACKED = re.findall(
    r"hydra\.launcher\.\S+", re.findall(r"^    python train.py -m (?:.*\\\n)*.*$", PAGE, re.M)[0]
)
OUT = "out = hydra.core.hydra_config.HydraConfig.get().runtime.output_dir\n"
# Says that it is there, then waits to be killed, but only the first time.
ONCE = f"""
import exptools
{OUT}
mark = out + "/mark"
if cfg.x in (cfg.get("stuck"),) and not os.path.exists(mark):
    open(mark, "w").write(str(os.getpid()))
    while not exptools.should_stop():
        time.sleep(0.02)
    return None
return cfg.x
"""


def last_agent(app: ClusterApp, job: int) -> dict[str, Any]:
    """What the agent that ran a job last has said of itself."""
    for journal in app.out.glob(".exptools/cluster/*/*.journal"):
        agent: dict[str, Any] = {}
        for event in map(json.loads, journal.read_text().splitlines()):
            agent = event if event["event"] == "arrived" else agent
            if event["event"] == "started" and event["job"] == job:
                return agent
    pytest.fail(f"job {job} has not run")


def element_of(app: ClusterApp, job: int) -> str:
    return str(last_agent(app, job)["element"])


def agent_of(app: ClusterApp, job: int) -> psutil.Process:
    return psutil.Process(last_agent(app, job)["pid"])


def state_of(cluster: Cluster, element: str) -> str:
    return cluster.ask("squeue", "-h", "-r", "-t", "all", "-o", "%T", "-j", element)


def start_now(cluster: Cluster, element: str, agent: psutil.Process) -> None:
    """Start a requeued element again: Slurm itself waits for two minutes.

    Its old agent must be gone, and the second be another: a node refuses a job that it has killed
    in the same one.
    """
    cluster.wait_until(lambda: state_of(cluster, element) == "PENDING" and not agent.is_running())
    cluster.wait_until(lambda: not cluster.ask("sinfo", "-h", "-t", "completing", "-o", "%D"))
    cluster.ask("scontrol", "update", f"JobId={element}", "StartTime=now+2")


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def test_packed_jobs_have_their_own_cpu_and_gpu_and_fail_alone(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app(
        OUT + "report = dict(cpus=sorted(os.sched_getaffinity(0)), "
        'gpu=os.environ["CUDA_VISIBLE_DEVICES"], node=os.environ["SLURMD_NODENAME"])\n'
        'json.dump(report, open(out + "/report.json", "w"))\n'
        "time.sleep(0.3)\n"
        "if cfg.x == 2: raise ValueError('bad lr')\n"
        "if cfg.x == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "return cfg.x"
    )
    code, output = app.sweep(*PACKED, "+x=range(12)")
    assert code == 1
    assert "12 jobs in 3 elements of Slurm's" in output
    wrong = {2: "failed", 3: "killed"}
    assert app.states(12) == [wrong.get(job, "completed") for job in range(12)], output
    assert "ValueError: bad lr" in output
    assert "killed by SIGKILL before it returned" in output
    reports = [json.loads((app.out / f"{job}/report.json").read_text()) for job in range(12)]
    assert {report["gpu"] for report in reports} == {str(gpu) for gpu in range(GPUS)}
    assert len({report["node"] for report in reports}) == NODES
    for one, other in itertools.combinations(range(12), 2):
        if reports[one]["node"] == reports[other]["node"] and overlap(app, one, other):
            assert reports[one]["gpu"] != reports[other]["gpu"]
            assert not set(reports[one]["cpus"]) & set(reports[other]["cpus"])
    cluster.wait_until(lambda: state_of(cluster, element_of(app, 2)) == "FAILED")


def overlap(app: ClusterApp, one: int, other: int) -> bool:
    first, second = app.status(one), app.status(other)
    return (first.started or 0) < (second.ended or 0) and (second.started or 0) < (first.ended or 0)


def test_what_slurm_refuses_is_said_in_its_own_words(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app("return cfg.x")
    code, output = app.sweep("hydra.launcher.partition=nowhere", "+x=1,2")
    assert code == 1
    assert "Slurm refuses the sweep: error: invalid partition specified: nowhere" in output
    assert app.states(2) == ["interrupted"] * 2


def test_a_script_of_the_original_runs_its_variants_on_slurm(
    cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "train it.py").write_text(SCRIPT)
    handler = "SlurmHandler(mem='500M', time='10:00', n_gpus=1, cmd_prefix='export SAID=ahead')"
    (tmp_path / "launch.py").write_text(
        LAUNCH.replace("import PbsHandler", "import SlurmHandler")
        .replace("cluster.pbs", "cluster.slurm")
        .replace('PbsHandler(mem="1G", cmd_prefix="echo ahead")', handler)
    )
    done = subprocess.run(
        [sys.executable, "launch.py", "dict(runs_per_allocation=2)"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert "4 jobs in 2 elements of Slurm's" in done.stdout, done.stdout + done.stderr
    (directory,) = (tmp_path / "data/slurm/demo exp").iterdir()
    runs = [read_status(directory / f"x{x}/run_{run}") for run in (0, 1) for x in (1, 2)]
    assert [run and run.state.value for run in runs] == ["completed", "failed"] * 2
    assert {run and run.gpus for run in runs} == {("0",), ("1",)}
    assert "('x2 run_1', 'failed')" in done.stdout


def test_elements_beyond_an_array_are_another_and_cancelled_ones_stay_so(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app(ONCE)
    process = app.start(*SWEEP, "+stuck=6", "+x=range(7)")
    said = line_with(process, "7 jobs in 7 elements of Slurm's")
    assert re.search(r"elements of Slurm's \d+, \d+,", said)  # an array may have five
    cluster.wait_until(lambda: app.marked(6))
    element = element_of(app, 6)
    cluster.ask("scancel", element)
    code, output = finish(process)
    assert code == 1
    assert f"element {element} was cancelled" in output
    assert app.states(7) == [*["completed"] * 6, "interrupted"]


def test_a_node_that_does_not_see_the_sweep_is_named_and_left_out(cluster: Cluster) -> None:
    app = ClusterApp(cluster.unseen / "app", "return cfg.x")
    code, output = app.sweep("hydra.launcher.nodes=1", "+x=1,2")
    assert code == 0, output
    doubt = rf"failed on n0 without a word: is {re.escape(str(app.out))} visible on n0, and can"
    assert re.search(doubt, output)
    assert app.states(2) == ["completed"] * 2


def test_a_sweep_that_is_left_running_is_joined_later_and_by_no_other_launcher(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app(ONCE)
    # One allocation at a time: the second element waits in the queue.
    options = ("hydra.launcher.jobs_per_allocation=2", "hydra.launcher.max_parallel=1")
    jobs = ("+stuck=1", "+x=range(4)")
    process = app.start(*SWEEP, *options, *jobs)
    cluster.wait_until(lambda: app.marked(1) and app.states(1) == ["completed"])
    process.send_signal(signal.SIGINT)
    code, output = finish(process)
    assert code == 130
    assert "SIGINT: 2 elements left waiting or running" in output
    here = ("hydra/launcher=exptools", "hydra.sweep.dir=out", "hydra.launcher.resume=true")
    code, output = app.run("-m", *here, *jobs)
    assert code == 1
    assert re.search(r"element \S+ of Slurm is running and has jobs of out: cancel it", output)
    again = app.start(*SWEEP, *options, *jobs, "hydra.launcher.resume=true")
    line_with(again, "2 elements with 3 jobs still wait or run, and are joined")
    os.kill(int((app.out / "1/mark").read_text()), signal.SIGKILL)
    code, output = finish(again)
    assert code == 1
    assert app.states(4) == ["completed", "killed", "completed", "completed"]
    assert len(list((app.out / ".exptools/cluster").iterdir())) == 1


class _Evil:
    """Leaves a file where it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self._proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self._proof,)


def test_an_element_unpickles_nothing_that_stands_among_its_logs(
    cluster: Cluster, cluster_app: MakeApp, tmp_path: Path
) -> None:
    app = cluster_app("return cfg.x")
    proof = tmp_path / "proof"
    process = app.start(*SWEEP, "+hydra.launcher.sbatch.hold=true", "+x=range(2)")
    said = line_with(process, "2 jobs in 2 elements of Slurm's")
    for path in app.out.glob(".exptools/cluster/1/logs/*.pkl"):
        path.write_bytes(pickle.dumps(_Evil(proof)))
    match = re.search(r"Slurm's (\d+)", said)
    assert match is not None
    cluster.ask("scontrol", "release", match[1])
    code, output = finish(process)
    assert (code, app.states(2)) == (0, ["completed"] * 2), output
    assert not proof.exists()


def test_an_element_whose_time_is_up_is_queued_again_without_the_others_of_its_array(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app(
        OUT + 'open(out + "/mark", "a").write("x")\n'
        'while not os.path.exists("go"): time.sleep(0.02)\n'
        "return cfg.x"
    )
    process = app.start(*SWEEP, "+x=range(3)")
    cluster.wait_until(lambda: all(app.marked(job) for job in range(3)))
    elements = {job: element_of(app, job) for job in range(3)}
    numbers = {
        job: cluster.ask("squeue", "-h", "-o", "%A", "-j", elements[job]) for job in elements
    }
    # Slurm gives the array's own number to one of them, too.
    (alike,) = (job for job in elements if elements[job].startswith(f"{numbers[job].strip()}_"))
    agent = agent_of(app, alike)
    cluster.ask("scancel", "--signal=USR2", elements[alike])
    cluster.wait_until(lambda: state_of(cluster, elements[alike]).strip() == "PENDING")
    (app.directory / "go").touch()
    start_now(cluster, elements[alike], agent)
    code, output = finish(process)
    assert code == 0, output
    begun = {job: (app.out / f"{job}/mark").read_text() for job in range(3)}
    assert begun == {job: "xx" if job == alike else "x" for job in range(3)}


def test_a_sweep_with_a_death_of_each_kind_ends_with_every_other_job_completed(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app(
        OUT + 'open(out + "/mark", "a").write("x")\n'
        "if cfg.x == 3: raise ValueError('bad lr')\n"
        "if cfg.x == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        'while cfg.x in (4, 10, 18) and not os.path.exists("go"): time.sleep(0.02)\n'
        "return cfg.x"
    )
    process = app.start(*SWEEP, *PACKED, "+x=range(24)")
    # The chunks are 0 to 7, 8 to 15 and 16 to 23: each has begun with its third job.
    cluster.wait_until(lambda: all(app.marked(job) for job in (4, 10, 18)))
    agent_of(app, 10).kill()
    preempted, preempted_agent = element_of(app, 4), agent_of(app, 4)
    lost, lost_agent = element_of(app, 18), agent_of(app, 18)
    cluster.ask("scancel", "--signal=USR2", preempted)
    cluster.kill_node(cluster.ask("squeue", "-h", "-r", "-o", "%N", "-j", lost))
    (app.directory / "go").touch()
    start_now(cluster, lost, lost_agent)
    start_now(cluster, preempted, preempted_agent)
    cluster.stop_controller()
    assert process.stdout is not None
    first = []
    while "Slurm's controller does not answer; waiting for it" not in "".join(first[-1:]):
        first.append(process.stdout.readline())
    cluster.start_controller()
    code, output = finish(process)
    output = "".join(first) + output
    assert code == 1
    wrong = {3: "failed", 5: "killed"}
    assert app.states(24) == [wrong.get(job, "completed") for job in range(24)], output
    assert re.search(r"24 jobs in \S+: 22 completed  1 failed  1 killed", output)
    assert re.search(r"element \S+ has ended \(failed on n\d\) and left \d of its jobs", output)
    assert "Slurm's controller answers again" in output
    assert runs_after_their_end(app) == []
    again = [job for job in range(24) if (app.out / f"{job}/mark").read_text() != "x"]
    assert len(again) <= 6  # two at once in each of the elements that did not end by themselves


def runs_after_their_end(app: ClusterApp) -> list[int]:
    """The jobs that were started although they had ended for good."""
    ended: set[int] = set()
    twice = []
    for journal in app.out.glob(".exptools/cluster/*/*.journal"):
        for event in map(json.loads, journal.read_text().splitlines()):
            if event["event"] == "started" and event["job"] in ended:
                twice.append(event["job"])
            if event["event"] == "ended" and event["status"]["state"] != "interrupted":
                ended.add(event["job"])
    return twice
