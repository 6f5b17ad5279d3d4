"""``run_experiments``: variants of a script, each run in a process and a slot of its own.

The other door to the scheduler behind ``hydra/launcher=exptools``, for scripts without Hydra.
"""

from __future__ import annotations

import os
import pickle
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from exptools.error_line import error_line
from exptools.launching.affinity.on_machine import slots_of_code
from exptools.launching.cluster import ClusterHandlerBase
from exptools.launching.cluster.earlier import StillOpen, take_from_agents
from exptools.launching.cluster.plan import PlanError
from exptools.launching.compat.exit_code import exit_code
from exptools.launching.compat.experiments import (
    LAUNCHED,
    ExperimentError,
    Experiments,
    append_lines,
    completed_outcomes,
    find_directory,
    join_arguments,
    validate,
    write_settings,
)
from exptools.launching.compat.on_cluster import OnCluster
from exptools.launching.compat.scripts import CLUSTER, ScriptRun, ScriptTask, call_entry
from exptools.launching.display.labels import short_path
from exptools.launching.display.sweep_display import SweepDisplay
from exptools.launching.jobs.outcomes import Job, Outcome, queued_status, save_status
from exptools.launching.jobs.results import remove_result
from exptools.launching.jobs.running import threads_set_by_user
from exptools.launching.jobs.scheduler import Policy
from exptools.launching.launch_signals import LaunchSignals
from exptools.launching.machine.gate import Gate
from exptools.launching.machine.request import Request
from exptools.launching.machine.slots import INHERITED, Slot
from exptools.launching.machine.topology import read_machine
from exptools.launching.resume import code_changes
from exptools.launching.sweep import fresh_starter, open_console, print_note, run_jobs
from exptools.provenance import this_provenance
from exptools.rundir import State, Status

__all__ = ["ExperimentError", "run_experiments", "run_on_cluster"]

_Run = Callable[[Experiments, Sequence[Job], Policy], list[Outcome]]


def run_experiments(  # noqa: PLR0913, PLR0917 (the arguments that scripts of the original pass)
    script: str | os.PathLike[str],
    affinity_code: str,
    experiment_title: str,
    runs_per_setting: int,
    variants: Sequence[Mapping[Any, Any]],
    log_dirs: Sequence[str],
    common_args: Sequence[object] | None = None,
    runs_args: Sequence[Sequence[object]] | None = None,
    debug_mode: int = 0,
    *,
    resume: bool | str | os.PathLike[str] = False,
    timeout: float | None = None,
    grace: float = 5.0,
    max_retries: int = 0,
    fail_fast: bool = False,
    share_gpus: bool = False,
) -> list[Outcome]:
    """Run a script for each variant, as many at once as the affinity code has slots.

    Each run is ``python SCRIPT <slot_affinity_code> <log_dir> <run_id> *args`` in a process of its
    own, bound to the CPUs of its slot. It sees the GPUs that this process sees, of which it should
    take ``affinity_from_code(slot_affinity_code)["cuda_idx"]``, and finds its variant by
    ``load_variant(log_dir)``. Its directory, where its output is, is ``<log_dir>/run_<run_id>``
    below ``data/local/<experiment_title>/<yyyymmdd>/``.

    Args:
        script: the path of the script.
        affinity_code: from `encode_affinity` or `quick_affinity_code`.
        experiment_title: names the directory.
        runs_per_setting: how many times each variant is run; ``run_id`` counts from 0.
        variants: configs that JSON can hold, one a setting.
        log_dirs: the directory of each variant.
        common_args: more arguments for each run.
        runs_args: more arguments for the runs of each variant, behind the common ones.
        debug_mode: 0: as above; 1: all runs in this process, one after the other, by calling the
            script's ``main`` or ``build_and_train``; 2: one of them at random.
        resume: leave out the runs that are completed in today's directory; the path of another
            day's directory goes on there.
        timeout: seconds that a run may take; None: as long as it wants.
        grace: seconds that a run has to end after it was asked to, before it is killed.
        max_retries: how many times a failed run is retried.
        fail_fast: whether to stop when a run has failed for good.
        share_gpus: whether runs start on GPUs on which strangers compute; else they wait.

    Returns:
        how each run ended: all runs of ``run_id`` 0 in the order of the variants, then of 1, …
        If one went wrong and the script does not look at this list, its exit code is 1.

    Raises:
        ExperimentError: an argument makes no sense; nothing has been started.
        AffinityError: the code makes no sense, or does not fit this machine.
        SystemExit: a signal stopped it all; no process is left.
    """
    policy = Policy(grace, timeout, max_retries, fail_fast)
    experiments = Experiments(
        str(script),
        affinity_code,
        find_directory(experiment_title, resume=resume),
        runs_per_setting,
        variants,
        log_dirs,
        join_arguments(common_args, runs_args, len(variants)),
    )
    validate(experiments, debug_mode)
    run = partial(_run_in_slots, share_gpus=share_gpus) if debug_mode == 0 else _run_here
    return exit_code.watch(_run_what_is_left(experiments, run, policy, debug_mode, resume=resume))


def _run_what_is_left(
    experiments: Experiments, run: _Run, policy: Policy, debug_mode: int, *, resume: object
) -> list[Outcome]:
    outcomes = completed_outcomes(experiments) if resume else {}
    jobs = [job for job in experiments.jobs() if job.number not in outcomes]
    if debug_mode == 2 and jobs:
        jobs = [random.choice(jobs)]
    if outcomes:
        _note_completed([outcome.status for outcome in outcomes.values()])
    outcomes |= {outcome.job.number: outcome for outcome in run(experiments, jobs, policy)}
    return [outcomes[number] for number in sorted(outcomes)]


def run_on_cluster(  # noqa: PLR0913, PLR0917 (the arguments that scripts of the original pass)
    script: str | os.PathLike[str],
    cluster_handler: ClusterHandlerBase,
    experiment_title: str,
    runs_per_setting: int,
    variants: Sequence[Mapping[Any, Any]],
    log_dirs: Sequence[str],
    script_name: str | None = None,
    common_args: Sequence[object] | None = None,
    runs_args: Sequence[Sequence[object]] | None = None,
    debug_mode: int = 0,
    *,
    resume: bool | str | os.PathLike[str] = False,
    timeout: float | None = None,
    grace: float = 60.0,
    max_retries: int = 0,
    fail_fast: bool = False,
    cpus_per_run: int = 1,
    runs_per_allocation: int = 1,
    wait: bool | None = None,
) -> list[Outcome]:
    """Run a script for each variant on a cluster, in allocations of its manager.

    Each run is ``python SCRIPT cluster <log_dir> <run_id> *args``; see `run_experiments`, whose
    arguments mean the same here. It has all that its process may use
    (``affinity_from_code("cluster")``). Its directory is ``<log_dir>/run_<run_id>`` below
    ``data/<manager>/<experiment_title>/<yyyymmdd>/``, which the nodes must see, too.

    Args:
        script: the path of the script.
        cluster_handler: what to ask the manager for, for each run. With a `SlurmHandler` the runs
            are one array of Slurm's. Any other's ``make_script`` writes a script that starts an
            agent for some runs, and ``call_script_cmd`` gets it.
        experiment_title: names the directory.
        runs_per_setting: how many times each variant is run.
        variants: configs that JSON can hold, one a setting.
        log_dirs: the directory of each variant.
        script_name: what the manager's jobs are called; None: as the experiment.
        common_args: more arguments for each run.
        runs_args: more arguments for the runs of each variant.
        debug_mode: 0; `run_experiments` has others.
        resume: leave out the runs that are completed, and join those that still wait or run.
        timeout: seconds that a run may take.
        grace: seconds that a run has to end once it is asked to.
        max_retries: how many times a failed run is retried.
        fail_fast: whether to stop when a run has failed for good.
        cpus_per_run: the CPUs of each run.
        runs_per_allocation: so many runs share an allocation, all at once, each with CPUs and GPUs
            of its own.
        wait: whether to wait until all runs have ended; None: with Slurm yes, else no. Ctrl-C
            leaves them in the queue and running.

    Returns:
        how each run ended, as `run_experiments` has it; nothing, if nobody waits for that.

    Raises:
        ExperimentError: an argument makes no sense, or the manager refuses.
        SystemExit: a signal stopped the waiting.
    """
    if not isinstance(cluster_handler, ClusterHandlerBase):
        raise ExperimentError(
            f"cluster_handler is {cluster_handler!r}; it should be a SlurmHandler, a PbsHandler or "
            "another ClusterHandlerBase"
        )
    if debug_mode != 0:
        raise ExperimentError(
            f"debug_mode is {debug_mode!r}, and runs on a cluster are in no debugger: call "
            "run_experiments with it"
        )
    experiments = Experiments(
        str(script),
        CLUSTER,
        find_directory(
            experiment_title, resume=resume, machine=cluster_handler.cluster_manager_name
        ),
        runs_per_setting,
        variants,
        log_dirs,
        join_arguments(common_args, runs_args, len(variants)),
    )
    validate(experiments)
    place = OnCluster(
        cluster_handler, script_name or experiment_title, cpus_per_run, runs_per_allocation, wait
    )
    policy = Policy(grace, timeout, max_retries, fail_fast)
    return exit_code.watch(_run_what_is_left(experiments, place.run, policy, 0, resume=resume))


def _note_completed(statuses: Sequence[Status]) -> None:
    console = open_console()
    print_note(console, f"{len(statuses)} runs were completed before")
    for change in code_changes(statuses, this_provenance(Path.cwd())):
        print_note(console, change)


def _run_in_slots(
    experiments: Experiments, jobs: Sequence[Job], policy: Policy, *, share_gpus: bool
) -> list[Outcome]:
    if not jobs:
        return []
    with LaunchSignals():
        return _run_all_in_slots(experiments, jobs, policy, share_gpus=share_gpus)


def _run_all_in_slots(
    experiments: Experiments, jobs: Sequence[Job], policy: Policy, *, share_gpus: bool
) -> list[Outcome]:
    try:
        take_from_agents(experiments.directory)
    except (StillOpen, PlanError) as error:
        raise ExperimentError(str(error)) from error
    machine = read_machine()
    slots, notes = slots_of_code(machine, experiments.affinity_code, len(jobs), INHERITED)
    write_settings(experiments, jobs)
    console = open_console()
    for note in (*machine.notes, *threads_set_by_user(), *notes):
        print_note(console, note)
    display = _CountingDisplay(jobs, slots, experiments.directory, console)
    go_on = f"run_experiments(…, resume={str(short_path(experiments.directory))!r})"
    task, gate = pickle.dumps(ScriptTask(experiments.script)), Gate(Request(share_gpus=share_gpus))
    with closing(fresh_starter(task, slots[0], console)) as starter:
        return run_jobs(jobs, slots, starter, gate, display, policy, console, go_on)


class _CountingDisplay(SweepDisplay):
    """Also writes into ``num_launched.txt`` how many runs have been started."""

    options = ""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._launched: set[int] = set()  # numbers of jobs

    def started(self, job: Job, slot: Slot, pid: int) -> None:
        super().started(job, slot, pid)
        if job.number not in self._launched:
            self._launched.add(job.number)
            count, total = len(self._launched), len(self._rows)
            line = f"Experiments launched so far: {count} out of {total}."
            append_lines(self._directory / LAUNCHED, [line])


def _run_here(experiments: Experiments, jobs: Sequence[Job], policy: Policy) -> list[Outcome]:
    """Run the script in this process, whatever it raises: nothing is retried, for a debugger."""
    write_settings(experiments, jobs)
    outcomes = []
    for job in jobs:
        run: ScriptRun = pickle.loads(job.argument)
        remove_result(job.directory)
        status = replace(queued_status(), job=job.number, overrides=job.overrides)
        status = save_status(job, replace(status, state=State.RUNNING, started=time.time()))
        try:
            call_entry(experiments.script, run.arguments(0))
        except BaseException as error:
            state = State.FAILED if isinstance(error, Exception) else State.INTERRUPTED
            save_status(
                job, replace(status, state=state, ended=time.time(), error=error_line(error))
            )
            raise
        status = save_status(job, replace(status, state=State.COMPLETED, ended=time.time()))
        outcomes.append(Outcome(job, status))
    return outcomes
