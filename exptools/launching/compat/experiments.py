"""What `run_experiments` is asked for: validated, turned into jobs, and written to disk."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from exptools.launching.affinity.codes import read_settings
from exptools.launching.affinity.layout import make_runs
from exptools.launching.compat.scripts import CLUSTER, ScriptRun
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.resume import config_diff, earlier_outcome, read_earlier_run
from exptools.launching.variant import VARIANT_FILE, refuse_same_directories, save_variant, to_json
from exptools.plain_files import open_plain, refuse_links_of_others, refuse_others_below
from exptools.rundir import StatusError, read_status
from exptools.visible import visible_lines

LAUNCHED = "num_launched.txt"
_TREE = "experiments_tree.txt"
_DATA = Path("data")  # below the working directory


class ExperimentError(ValueError):
    """The experiments cannot be run as they were asked for; nothing has been started."""

    def __init__(self, message: str) -> None:
        # It may name what others have written, and goes to the user's terminal.
        super().__init__(visible_lines(message))


@dataclass(frozen=True)
class Experiments:
    """Settings, each a variant with its directory and arguments, and how often each is run."""

    script: str
    affinity_code: str
    directory: Path  # absolute
    runs_per_setting: int
    variants: Sequence[Mapping[Any, Any]]
    log_dirs: Sequence[str]  # as many as variants
    args: Sequence[tuple[str, ...]]  # as many, too

    def jobs(self) -> list[Job]:
        """All runs: each setting once, then each once more."""
        settings = list(zip(self.log_dirs, self.args, strict=True))
        return [
            self._job(run_id * len(settings) + number, run_id, log_dir, args)
            for run_id in range(self.runs_per_setting)
            for number, (log_dir, args) in enumerate(settings)
        ]

    def place(self, log_dir: str) -> Path:
        """Where a setting's variant is, and the directories of its runs."""
        return Path(os.path.abspath(self.directory / log_dir))

    def _job(self, number: int, run_id: int, log_dir: str, args: tuple[str, ...]) -> Job:
        place, run = self.place(log_dir), f"run_{run_id}"
        argument = ScriptRun(self.affinity_code, str(place), run_id, args)
        names = (log_dir, run) if log_dir else (run,)
        shown = (self.script, self.affinity_code, str(place), str(run_id), *args)
        return Job(number, names, place / run, pickle.dumps(argument), shown)


def find_directory(
    title: str, *, resume: bool | str | os.PathLike[str], machine: str = "local"
) -> Path:
    """The experiments' directory: today's, or the one that is named to go on in.

    Raises:
        ExperimentError: that is no directory, or another user's link leads to today's.
    """
    if isinstance(resume, bool):
        directory = (_DATA / machine / title / f"{datetime.now():%Y%m%d}").absolute()
        try:
            refuse_links_of_others(directory)
        except OSError as error:
            raise ExperimentError(
                f"no run can be in {error.filename}: it is a link that another user has made"
            ) from error
        return directory
    directory = Path(resume).absolute()
    if not directory.is_dir():
        raise ExperimentError(f"resume is {str(resume)!r}, which is no directory")
    return directory


def join_arguments(
    common: Sequence[object] | None, each: Sequence[Sequence[object]] | None, settings: int
) -> list[tuple[str, ...]]:
    """The arguments of each setting's runs.

    Raises:
        ExperimentError: a text stands where a list of arguments should be.
    """
    first = () if common is None else common
    rows: Sequence[Sequence[object]] = [()] * settings if each is None else each
    named = [("common_args", first), *(("runs_args", row) for row in rows)]
    for name, row in named:
        if isinstance(row, str | bytes):
            raise ExperimentError(f"{name} has {row!r} where a list of arguments should be")
    return [tuple(map(str, (*first, *row))) for row in rows]


def validate(experiments: Experiments, debug_mode: int = 0) -> None:
    """See that all of it can be run and saved, and that nobody runs it now.

    Raises:
        ExperimentError: the message says which part is wrong.
        AffinityError: the affinity code is.
    """
    count = [len(part) for part in (experiments.variants, experiments.log_dirs, experiments.args)]
    if len(set(count)) > 1:
        counts = f"{count[0]} variants, {count[1]} log_dirs and {count[2]} runs_args"
        raise ExperimentError(f"there are {counts}; there should be as many of each")
    if debug_mode not in (0, 1, 2):
        raise ExperimentError(f"debug_mode is {debug_mode!r}; it should be 0, 1 or 2")
    runs = experiments.runs_per_setting
    if not isinstance(runs, int) or runs < 1:
        raise ExperimentError(f"runs_per_setting is {runs!r}; it should be a whole number above 0")
    if not Path(experiments.script).is_file():
        raise ExperimentError(f"there is no script {experiments.script} in {Path.cwd()}")
    if experiments.affinity_code != CLUSTER:
        make_runs(read_settings(experiments.affinity_code))
    try:
        refuse_same_directories(
            [str(experiments.place(log_dir)) for log_dir in experiments.log_dirs]
        )
        for variant in experiments.variants:
            to_json(variant)
    except (TypeError, ValueError) as error:
        raise ExperimentError(str(error)) from error
    for job in experiments.jobs():
        _refuse_link(experiments.directory, job.directory)
        _refuse_if_running(job.directory)


def completed_outcomes(experiments: Experiments) -> dict[int, Outcome]:
    """The outcomes, by job number, of the runs that need not run again.

    Raises:
        ExperimentError: a variant is another one than was run.
    """
    for log_dir, variant in zip(experiments.log_dirs, experiments.variants, strict=True):
        path = experiments.place(log_dir) / VARIANT_FILE
        change = config_diff(path, to_json(variant)) if path.exists() else ""
        if change:
            raise ExperimentError(
                f"the variant of {log_dir!r} has changed since it was run: give it a log_dir of "
                f"its own, or run without resume:\n{change}"
            )
    runs = [(job, read_earlier_run(job.directory)) for job in experiments.jobs()]
    return {job.number: earlier_outcome(job, run) for job, run in runs if run and run.completed}


def write_settings(experiments: Experiments, jobs: Sequence[Job]) -> None:
    """Save the variants, also beside the runs that are to come, and list what will be run.

    Raises:
        ExperimentError: that cannot be written.
    """
    log_dirs = experiments.log_dirs
    plan = [
        f"Experiment manager process ID: {os.getpid()}.",
        f"Number of settings (experiments) to run: {len(log_dirs)}  ({len(jobs)}).",
        *log_dirs,
    ]
    try:
        experiments.directory.mkdir(parents=True, exist_ok=True)
        for log_dir, variant in zip(log_dirs, experiments.variants, strict=True):
            place = experiments.place(log_dir)
            runs = [job.directory for job in jobs if job.directory.parent == place]
            for directory in (place, *runs):
                directory.mkdir(parents=True, exist_ok=True)
                save_variant(variant, directory)
        append_lines(experiments.directory / _TREE, plan)
    except OSError as error:
        raise ExperimentError(
            f"{error.filename or experiments.directory} cannot be written ({error.strerror}): "
            "the runs are written into data, below the working directory"
        ) from error


def append_lines(path: Path, lines: Sequence[str]) -> None:
    """Add lines to a file, each with the time."""
    now = f"{datetime.now():%Y-%m-%d %H:%M:%S.%f}"
    with open(path, "a", encoding="utf-8", opener=open_plain) as file:
        file.writelines(f"{now} | {line}\n" for line in lines)


def _refuse_link(above: Path, run_dir: Path) -> None:
    try:
        refuse_others_below(Path(os.path.abspath(above)), run_dir)
    except OSError as error:
        raise ExperimentError(
            f"no run can be in {error.filename} ({error.strerror}): remove it, or choose another "
            "experiment_title or log_dir"
        ) from error


def _refuse_if_running(run_dir: Path) -> None:
    try:
        status = read_status(run_dir)
    except StatusError:  # it will be replaced
        return
    if status is not None and status.host == socket.gethostname() and not status.observed.ended:
        raise ExperimentError(
            f"{run_dir} is {status.observed.value} now, by process {status.pid}: wait for it, or "
            "choose another experiment_title or log_dir"
        )
