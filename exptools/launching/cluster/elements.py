"""Slurm's array elements: each runs an agent for one chunk; submitted through submitit."""

from __future__ import annotations

import math
import re
import shlex
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from exptools.launching.cluster.plan import Plan
from exptools.launching.cluster.queue import MOST_NAMED
from exptools.launching.machine.request import Request
from exptools.plain_files import refuse_other

_ABOVE = Path(__file__).parents[3]  # where Python finds exptools, if nowhere else
# Not -m: what stands in the directory of submission, which may be another's, would come first.
_START = (
    "import sys; sys.path = [*filter(None, sys.path), sys.argv[1]]; "
    "from {module} import main; sys.exit(main(sys.argv[2:]))"
)
_SLURMS_OWN_MOST = 1001  # elements of an array, if Slurm does not say
_EARLY = 60  # seconds that Slurm's signal may come earlier than it was asked to
_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")


class SubmissionError(Exception):
    """Nothing can be submitted; the message says why, and what to do."""


@dataclass(frozen=True)
class AllocationOptions:
    """What is asked of Slurm for each allocation, in ``sbatch``'s words; None: its default."""

    time: int = 60  # minutes
    mem: str | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    max_parallel: int | None = None  # elements at once
    signal_ahead: int = 90  # seconds before the end
    setup: tuple[str, ...] = ()  # shell commands before the agent
    sbatch: Mapping[str, Any] = field(default_factory=dict)  # any other options
    python: str | None = None  # the command that starts Python there; None: that of here

    @property
    def seconds(self) -> float:
        """How long jobs may run in one, at least, before they are asked to end."""
        return max(1.0, self.time * 60 - self.signal_ahead - _EARLY)

    def without(self, nodes: Sequence[str]) -> AllocationOptions:
        """The same, but on none of these nodes."""
        excluded = ",".join(dict.fromkeys([*filter(None, [self.exclude]), *nodes]))
        return replace(self, exclude=excluded or None)

    def parameters(self, request: Request, jobs: int) -> dict[str, Any]:
        """What submitit's executor takes, for allocations with room for so many jobs at once."""
        gpus = math.ceil(jobs * (request.gpus_per_job or 0) - 1e-9)
        named = {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "constraint": self.constraint,
            "exclude": self.exclude,
            "mem": self.mem,
            "setup": list(self.setup) or None,
            "gpus_per_node": gpus or None,
            "array_parallelism": self.max_parallel,
            "additional_parameters": dict(self.sbatch) or None,
        }
        return {name: value for name, value in named.items() if value is not None} | {
            "job_name": "exptools",
            "time": self.time,
            "nodes": 1,
            "ntasks_per_node": 1,
            "cpus_per_task": jobs * (request.cpus_per_job or 1),
            "signal_delay_s": self.signal_ahead,
            "stderr_to_stdout": True,
        }


def submit(
    plan: Plan, chunks: Sequence[int], options: AllocationOptions, jobs: int
) -> dict[int, str]:
    """Submit an element for each of these chunks of a plan.

    Args:
        plan: what the elements run.
        chunks: the numbers of the chunks, one after the other.
        options: what each element asks for.
        jobs: how many jobs should run at once in one.

    Returns:
        Slurm's names of the elements, by chunk.

    Raises:
        SubmissionError: Slurm or submitit is not here, or Slurm refuses.
    """
    elements: dict[int, str] = {}
    most = _largest_array()
    for begin in range(0, len(chunks), most):
        part = chunks[begin : begin + most]
        executor = _executor(plan.directory / "logs", _command(plan, part, options.python))
        try:
            with _in_our_words():
                executor.update_parameters(**options.parameters(plan.request, jobs))
                submitted = executor.map_array(int, part)  # which our command does not call
        except SubmissionError:
            cancel(elements.values())  # of arrays before: nobody would know of them
            raise
        elements |= {chunk: job.job_id for chunk, job in zip(part, submitted, strict=True)}
    return elements


def cancel(elements: Collection[str]) -> None:
    """Have Slurm end elements; where it does not answer, nothing happens."""
    arrays = sorted({element.partition("_")[0] for element in elements})
    for begin in range(0, len(arrays), MOST_NAMED):
        command = ["scancel", *arrays[begin : begin + MOST_NAMED]]
        subprocess.run(command, check=False, capture_output=True)


def minutes(text: str | int) -> int:
    """Slurm's notation of a time limit (90, "90:00", "1-12", "36:00:00") in minutes, rounded up.

    Raises:
        ValueError: it is none.
    """
    match = _TIME.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(text)
    days, first, second, third = (int(part or 0) for part in match.groups())
    if match[1] is not None:  # days-hours[:minutes[:seconds]]
        seconds = (days * 24 + first) * 3600 + second * 60 + third
    elif match[4] is not None:  # hours:minutes:seconds
        seconds = first * 3600 + second * 60 + third
    else:  # minutes[:seconds]
        seconds = first * 60 + second
    if seconds <= 0:
        raise ValueError(text)
    return math.ceil(seconds / 60)


def start_of(module: str) -> list[str]:
    """Words after ``python`` that run a module's ``main``, wherever it begins."""
    return ["-c", _START.format(module=module), str(_ABOVE)]


def _command(plan: Plan, chunks: Sequence[int], python: str | None) -> str:
    """What an element runs, as a shell reads it; submitit adds arguments of its own."""
    words = [*start_of("exptools.launching.cluster.element"), str(plan.sweep_dir)]
    numbers = f"{plan.number} {chunks[0]} {len(chunks)}"
    return f"{python or shlex.quote(sys.executable)} -u {shlex.join(words)} {numbers}"


def _executor(logs: Path, command: str) -> Any:
    try:
        refuse_other(logs)
    except OSError as error:
        raise SubmissionError(f"{logs} cannot be written: {error.strerror}") from error
    try:
        import submitit
    except ImportError as error:
        raise SubmissionError(
            "hydra/launcher=exptools_slurm needs submitit: pip install 'hydra-exptools[slurm]'"
        ) from error
    try:
        return submitit.SlurmExecutor(logs, python=command)
    except RuntimeError as error:  # it looks for srun
        raise SubmissionError(
            "there is no Slurm here (no srun in PATH): start the sweep on a login node of the "
            "cluster, or use hydra/launcher=exptools"
        ) from error


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SubmissionError(f"sbatch cannot be started: {error}") from error
    except Exception as error:  # submitit's own kinds, and those of options that it does not know
        raise SubmissionError(f"Slurm refuses the sweep: {_last_words(error)}") from error


def _last_words(error: Exception) -> str:
    """What ``sbatch`` said, without what submitit says around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line.removeprefix("sbatch: ") for line in lines if line.startswith("sbatch: ")]
    return "; ".join(said) or (lines[-1] if lines else repr(error))


def _largest_array() -> int:
    """How many elements Slurm takes in one array."""
    try:
        answer = subprocess.run(
            ["scontrol", "show", "config"], check=False, capture_output=True, text=True
        ).stdout
    except OSError:
        return _SLURMS_OWN_MOST
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", answer, re.MULTILINE)
    return max(1, int(match[1])) if match else _SLURMS_OWN_MOST
