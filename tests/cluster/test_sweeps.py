"""Sweeps on a real Slurm: who gets what, and what each kind of death leads to."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.conftest import CPUS, GPUS, NODES, SWEEP, ClusterApp
from tests.conftest import line_with

pytestmark = pytest.mark.slow

MakeApp = Callable[[str], ClusterApp]
PACKED = (f"hydra.launcher.nodes={NODES}", f"hydra.launcher.jobs={CPUS}")
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


def element_of(app: ClusterApp, job: int) -> str:
    """Slurm's name of the element that ran a job last."""
    for journal in app.out.glob(".exptools/cluster/*/*.journal"):
        element = None
        for line in journal.read_text().splitlines():
            event = json.loads(line)
            element = event.get("element", element)
            if event["event"] == "started" and event["job"] == job:
                return str(element)
    pytest.fail(f"job {job} has not run")


def agent_of(app: ClusterApp, job: int) -> psutil.Process:
    """The process of the agent that runs a job."""
    for process in psutil.Process(app.status(job).pid).parents():
        if "submitit.core._submit" in process.cmdline():
            return process
    pytest.fail(f"job {job} has no agent")


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
    code, output = app.sweep(*PACKED, "hydra.launcher.gpus_per_job=1", "+x=range(12)")
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


def test_what_a_killed_agent_left_runs_again_and_nothing_else(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app(ONCE)
    process = app.start(*SWEEP, "hydra.launcher.nodes=1", "+stuck=2", "+x=range(4)")
    cluster.wait_until(lambda: app.marked(2))
    before = [app.status(job) for job in (0, 1)]
    agent_of(app, 2).kill()
    code, output = finish(process)
    assert code == 0, output
    assert re.search(r"element \S+ has ended \(failed\) and left 2 of its jobs", output)
    assert app.states(4) == ["completed"] * 4
    assert [app.status(job) for job in (0, 1)] == before


def test_a_preempted_element_is_requeued_and_runs_only_what_is_left(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app(ONCE)
    process = app.start(*SWEEP, "hydra.launcher.nodes=1", "+stuck=2", "+x=range(4)")
    cluster.wait_until(lambda: app.marked(2))
    before = [app.status(job) for job in (0, 1)]
    element, agent = element_of(app, 2), agent_of(app, 2)
    cluster.ask("scancel", "--signal=USR2", element)
    cluster.wait_until(lambda: app.status(2).state.value == "interrupted")
    start_now(cluster, element, agent)
    code, output = finish(process)
    assert code == 0, output
    assert app.states(4) == ["completed"] * 4
    assert [app.status(job) for job in (0, 1)] == before
    assert element_of(app, 3) == element


def test_the_jobs_of_a_dead_node_run_on_another(cluster: Cluster, cluster_app: MakeApp) -> None:
    app = cluster_app(ONCE)
    process = app.start(*SWEEP, "hydra.launcher.nodes=1", "+stuck=2", "+x=range(4)")
    cluster.wait_until(lambda: app.marked(2))
    element, agent = element_of(app, 2), agent_of(app, 2)
    node = cluster.ask("squeue", "-h", "-o", "%N", "-j", element)
    cluster.kill_node(node)
    start_now(cluster, element, agent)
    code, output = finish(process)
    assert code == 0, output
    assert app.states(4) == ["completed"] * 4
    assert app.status(0).attempt == 1


def test_a_controller_that_is_gone_for_a_while_costs_nothing(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app(ONCE)
    process = app.start(*SWEEP, "hydra.launcher.nodes=1", "+stuck=1", "+x=range(3)")
    cluster.wait_until(lambda: app.marked(1))
    cluster.stop_controller()
    line_with(process, "Slurm's controller does not answer; waiting for it")
    cluster.start_controller()
    os.kill(int((app.out / "1/mark").read_text()), signal.SIGINT)
    line_with(process, "Slurm's controller answers again")
    code, output = finish(process)
    assert code == 0, output
    assert app.states(3) == ["completed"] * 3


def test_cancelled_elements_are_not_submitted_again(cluster: Cluster, cluster_app: MakeApp) -> None:
    app = cluster_app(ONCE)
    process = app.start(*SWEEP, "hydra.launcher.jobs_per_allocation=2", "+stuck=2", "+x=range(4)")
    cluster.wait_until(lambda: app.marked(2))
    element = element_of(app, 2)
    cluster.ask("scancel", element)
    code, output = finish(process)
    assert code == 1
    assert f"element {element} was cancelled" in output
    assert app.states(4) == ["completed", "completed", "interrupted", "interrupted"]


def test_more_elements_than_an_array_may_have_are_several_arrays(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app("return cfg.x")
    code, output = app.sweep("+x=range(7)")
    assert code == 0, output
    assert re.search(r"7 jobs in 7 elements of Slurm's \d+, \d+,", output)
    assert app.states(7) == ["completed"] * 7


def test_a_sweep_that_is_left_running_is_joined_later(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app(ONCE)
    options = ("hydra.launcher.jobs_per_allocation=2", "+stuck=2", "+x=range(4)")
    process = app.start(*SWEEP, *options)
    cluster.wait_until(lambda: app.marked(2) and app.states(2) == ["completed"] * 2)
    process.send_signal(signal.SIGINT)
    code, output = finish(process)
    assert code == 130
    assert "SIGINT: 1 element left waiting or running" in output
    here = ("hydra/launcher=exptools", "hydra.sweep.dir=out", "hydra.launcher.resume=true")
    code, output = app.run("-m", *here, "+stuck=2", "+x=range(4)")
    assert code == 1
    assert "runs jobs of out for exptools_slurm: wait for it, or gather" in output
    again = app.start(*SWEEP, *options, "hydra.launcher.resume=true")
    line_with(again, "1 element with 2 jobs still wait or run, and are joined")
    os.kill(int((app.out / "2/mark").read_text()), signal.SIGKILL)
    code, output = finish(again)
    assert code == 1
    assert app.states(4) == ["completed", "completed", "killed", "completed"]
    plans = list(Path(app.out / ".exptools/cluster").iterdir())
    assert len(plans) == 1


def test_what_slurm_refuses_is_said_in_its_own_words(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app("return cfg.x")
    code, output = app.sweep("hydra.launcher.partition=nowhere", "+x=1,2")
    assert code == 1
    assert "Slurm refuses the sweep: error: invalid partition specified: nowhere" in output


def test_a_sweep_with_a_death_of_each_kind_ends_with_every_other_job_completed(
    cluster: Cluster, cluster_app: MakeApp
) -> None:
    app = cluster_app(
        OUT + 'open(out + "/mark", "a").write("x")\n'
        "if cfg.x == 3: raise ValueError('bad lr')\n"
        "if cfg.x == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        "time.sleep(1)\n"
        "return cfg.x"
    )
    process = app.start(*SWEEP, *PACKED, "hydra.launcher.gpus_per_job=1", "+x=range(24)")
    # The chunks are 0 to 7, 8 to 15 and 16 to 23: each has begun with its third job.
    cluster.wait_until(lambda: all(app.marked(job) for job in (4, 10, 18)))
    agent_of(app, 10).kill()
    lost, agent = element_of(app, 18), agent_of(app, 18)
    cluster.kill_node(cluster.ask("squeue", "-h", "-r", "-o", "%N", "-j", lost))
    start_now(cluster, lost, agent)
    cluster.stop_controller()
    line_with(process, "Slurm's controller does not answer; waiting for it")
    cluster.start_controller()
    code, output = finish(process)
    assert code == 1
    wrong = {3: "failed", 5: "killed"}
    assert app.states(24) == [wrong.get(job, "completed") for job in range(24)], output
    assert re.search(r"24 jobs in \S+: 22 completed  1 failed  1 killed", output)
    assert runs_after_their_end(app) == []
    again = [job for job in range(24) if (app.out / f"{job}/mark").read_text() != "x"]
    assert len(again) <= 4  # two at once in each of the two elements that died


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
