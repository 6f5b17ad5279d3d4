"""What a sweep's parent leaves on disk for the agents that run its jobs on other machines.

Each batch of jobs is a plan, ``<sweep>/.exptools/cluster/<number>/``::

    plan.json        how to run: policy, request, interpreter, path, directory, environment
    task.pkl         the program's task, to be run again there, as for a fresh start
    1.jobs           the jobs of chunk 1, pickled, for its agent
    1.jobs.json      which jobs these are, for whoever goes on with the sweep (`Planned`)
    1.journal        what became of them, a line of JSON each (`journal`)
    1.claim.2        whose chunk 1 is now: its second agent's (`claim`)
    1.taken          is there if no agent should begin with chunk 1 any more (`earlier`)

The pickles run code when they are loaded: only an agent does so, and only with a user's own files.
"""

from __future__ import annotations

import itertools
import json
import os
import pickle
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from exptools.launching.jobs.outcomes import Job
from exptools.launching.jobs.scheduler import Policy
from exptools.launching.machine.request import Request
from exptools.plain_files import read_own, refuse_other, refuse_others_below
from exptools.plain_json import parse_json
from exptools.provenance import command_line, git_state, main_script
from exptools.rundir import EXPTOOLS_DIR, PROVENANCE, write_atomic

CLUSTER_DIR = f"{EXPTOOLS_DIR}/cluster"
# Of the environment, what must be the same where a batch script starts an agent.
_KEPT = (PROVENANCE, "PYTHONPATH", "PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "HYDRA_FULL_ERROR")
_NUMBER = re.compile("[1-9][0-9]{0,8}")  # what names a plan's directory
_VERSION = 1
MOST_TEXT = 64 * 2**20  # bytes of a file of JSON: the jobs of a chunk take thousands


class PlanError(Exception):
    """A plan is not there, or cannot be read; the message says which and why."""


@dataclass(frozen=True)
class Program:
    """How the parent was started, and what must hold where its jobs run."""

    path: tuple[str, ...]  # sys.path
    argv: tuple[str, ...]  # sys.argv
    directory: str  # where it was started, and where the agents work
    environment: Mapping[str, str]  # what must be set
    command: tuple[str, ...]
    git: Mapping[str, Any] | None
    script: Mapping[str, Any] | None


@dataclass(frozen=True)
class Planned:
    """A job of a plan as its text tells it."""

    number: int
    overrides: tuple[str, ...]
    directory: Path  # absolute

    @property
    def name(self) -> str:
        """See `Job`."""
        return " ".join(self.overrides) or f"job {self.number}"


@dataclass(frozen=True)
class Plan:
    """A batch of jobs in chunks, each for one agent at a time."""

    directory: Path  # its own, absolute
    chunks: int  # numbered from 1
    request: Request  # of a job
    policy: Policy
    warm: bool  # whether jobs are forks of a process that ran the program again
    program: Program
    planned: float  # Unix seconds
    seconds: float | None = (
        None  # that an agent has until it is asked to end, at least; None: nobody knows
    )

    @property
    def number(self) -> int:
        """Its number in the sweep."""
        return int(self.directory.name)

    @property
    def sweep_dir(self) -> Path:
        """The directory of the sweep."""
        return self.directory.parents[2]

    def task(self) -> bytes:
        """The pickled task.

        Raises:
            OSError: it cannot be read, or can be another user's.
        """
        return read_own(self.directory / "task.pkl")

    def jobs(self, chunk: int) -> list[Job]:
        """The jobs of a chunk.

        Raises:
            PlanError: they cannot be read, or can be another user's.
        """
        path = self.directory / f"{chunk}.jobs"
        try:
            jobs = pickle.loads(read_own(path))
        except OSError as error:
            raise PlanError(f"{path} cannot be read: {error.strerror}") from error
        except Exception as error:
            raise PlanError(f"{path} holds no jobs: {error!r}") from error
        if not (isinstance(jobs, list) and all(isinstance(job, Job) for job in jobs)):
            raise PlanError(f"{path} holds no jobs")
        return jobs

    def planned_jobs(self, chunk: int) -> list[Planned]:
        """Which jobs a chunk has; nothing is unpickled.

        Raises:
            PlanError: nobody can say, or another user can have written it.
        """
        path = self.directory / f"{chunk}.jobs.json"
        try:
            return [
                Planned(
                    int(job["number"]), tuple(map(str, job["overrides"])), Path(job["directory"])
                )
                for job in parse_json(read_own(path, MOST_TEXT))
            ]
        except FileNotFoundError as error:
            raise PlanError(
                f"{path} is missing, which exptools 0.2 does not write: go on with the version "
                "that planned these jobs or, if none of them waits or runs any more, remove "
                f"{self.directory}"
            ) from error
        except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
            raise PlanError(f"{path} cannot be read: {error}") from error

    def stem(self, chunk: int) -> Path:
        """The path of a chunk's files, without what follows the dot."""
        return self.directory / str(chunk)

    def taken_back(self, chunk: int) -> Path:
        """The path of the file that keeps agents off a chunk."""
        return self.directory / f"{chunk}.taken"

    def journal(self, chunk: int) -> Path:
        """The path of a chunk's journal."""
        return self.directory / f"{chunk}.journal"


def divide(jobs: Sequence[Job], size: int) -> list[Sequence[Job]]:
    """Jobs in chunks of at most so many, as even as they can be, in their order."""
    count = -(-len(jobs) // size)
    bounds = [len(jobs) * number // count for number in range(count + 1)]
    return [jobs[begin:end] for begin, end in itertools.pairwise(bounds)]


def this_program() -> Program:
    """How this process was started."""
    return Program(
        path=tuple(os.path.abspath(entry) for entry in sys.path),
        argv=tuple(sys.argv),
        directory=os.getcwd(),
        environment={name: os.environ[name] for name in _KEPT if name in os.environ},
        command=command_line(),
        git=git_state(Path.cwd()),
        script=main_script(),
    )


def write_plan(
    sweep_dir: Path,
    task: bytes,
    chunks: Sequence[Sequence[Job]],
    *,
    request: Request,
    policy: Policy,
    warm: bool,
    program: Program,
    seconds: float | None = None,
) -> Plan:
    """Write a new plan of a sweep, whole before an agent can find it.

    Raises:
        OSError: it cannot be written.
    """
    directory = _make_directory(sweep_dir.absolute())
    plan = Plan(directory, len(chunks), request, policy, warm, program, time.time(), seconds)
    write_atomic(directory / "task.pkl", task, own=True)
    for number, jobs in enumerate(chunks, 1):
        write_atomic(directory / f"{number}.jobs", pickle.dumps(list(jobs)), own=True)
        which = [
            {"number": job.number, "overrides": job.overrides, "directory": str(job.directory)}
            for job in jobs
        ]
        write_atomic(directory / f"{number}.jobs.json", json.dumps(which).encode(), own=True)
    record = {field.name: getattr(plan, field.name) for field in fields(plan)}
    record |= {name: asdict(record[name]) for name in ("request", "policy", "program")}
    record |= {"directory": None, "version": _VERSION}
    text = json.dumps(record, indent=1).encode(errors="replace")
    write_atomic(directory / "plan.json", text, own=True)
    return plan


def read_plan(sweep_dir: Path, number: int | None = None) -> Plan:
    """A plan of a sweep; without a number, its newest.

    Raises:
        PlanError: there is none, or it cannot be read.
    """
    there = plan_numbers(sweep_dir)
    number = number or max(there, default=0)
    if number not in there:
        has = f"its plans are {', '.join(map(str, there))}" if there else "it has none"
        raise PlanError(
            f"{sweep_dir} has no such plan for other machines ({has}): "
            "hydra/launcher=exptools_slurm writes one"
        )
    path = sweep_dir.absolute() / CLUSTER_DIR / str(number) / "plan.json"
    try:
        return _parse(parse_json(read_own(path, MOST_TEXT)), path.parent)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PlanError(f"{path} cannot be read: {error}") from error


def plan_numbers(sweep_dir: Path) -> list[int]:
    """The numbers of the plans that are whole, rising.

    Raises:
        PlanError: one is in a link, or all are: they can be those of another sweep.
    """
    above = sweep_dir / CLUSTER_DIR
    try:
        refuse_others_below(sweep_dir, above)
        found = [path for path in above.glob("*") if _NUMBER.fullmatch(path.name)]
        for path in found:
            refuse_other(path)
        return sorted(int(path.name) for path in found if (path / "plan.json").exists())
    except OSError as error:
        raise PlanError(f"{error.filename} cannot be read: {error.strerror}") from error


def _parse(record: dict[str, Any], directory: Path) -> Plan:
    version = record.pop("version")
    if version != _VERSION:
        raise ValueError(f"it is of version {version}, and this exptools reads {_VERSION}")
    if not isinstance(record["chunks"], int):
        raise ValueError(f"chunks is {record['chunks']!r:.60}, which should be a whole number")
    program = record.pop("program")
    for name in ("path", "argv", "command"):
        program[name] = tuple(program[name])
    record["directory"] = directory
    return Plan(
        **record
        | {"request": Request(**record["request"]), "policy": Policy(**record["policy"])}
        | {"program": Program(**program)}
    )


def _make_directory(sweep_dir: Path) -> Path:
    above = sweep_dir / CLUSTER_DIR
    refuse_others_below(sweep_dir, above)
    above.mkdir(parents=True, exist_ok=True)
    numbers = [int(path.name) for path in above.iterdir() if _NUMBER.fullmatch(path.name)]
    directory = above / str(max(numbers, default=0) + 1)
    directory.mkdir(mode=0o700)
    return directory
