"""How the parent of a sweep on a cluster bears its size: a simulated one that has ended.

    python benchmarks/slurm_gather.py [JOBS [JOBS_AN_ELEMENT]]

It writes the journals and results of so many jobs, as agents do, and gathers them as the parent of
a sweep does. Slurm's queue is asked as often, but a function of ours answers.
"""

from __future__ import annotations

import json
import pickle
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from exptools.launching.cluster.chunk import Chunk
from exptools.launching.cluster.plan import Plan, Program
from exptools.launching.cluster.queue import Standing
from exptools.launching.cluster.watch import QUEUE_INTERVAL, Watch
from exptools.launching.jobs.outcomes import Job, queued_status
from exptools.launching.jobs.scheduler import Policy
from exptools.launching.jobs.worker import Result
from exptools.launching.machine.request import Request
from exptools.rundir import RETURN_FILE

ARGUMENT = bytes(1500)  # a packed config has about as many
ENDING = json.dumps({"error": None, "stopped": False}).encode()


class Nobody:
    """Watches, and shows nothing."""

    def __getattr__(self, name: str) -> object:
        return lambda *what: None


def write_sweep(directory: Path, jobs: int, size: int) -> list[Chunk]:
    """A sweep that has ended, as its chunks."""
    common = queued_status()
    program = Program((), (), str(directory), {}, common.command, common.git, common.script)
    plan_dir = directory / ".exptools/cluster/1"
    plan_dir.mkdir(parents=True)
    count = -(-jobs // size)
    plan = Plan(plan_dir, count, Request(), Policy(), warm=True, program=program, planned=0.0)
    chunks = []
    for number in range(1, count + 1):
        part = range((number - 1) * size, min(number * size, jobs))
        lines = []
        members = {}
        for job in part:
            run_dir = directory / str(job)
            members[job] = Job(job, (f"lr={job}",), run_dir, ARGUMENT)
            (run_dir / ".exptools").mkdir(parents=True)
            result = pickle.dumps(Result(float(job)))
            (run_dir / RETURN_FILE).write_bytes(ENDING + b"\n" + result)
            lines += _lines(job)
        (plan_dir / f"{number}.journal").write_text("\n".join(lines) + "\n")
        chunks.append(Chunk(plan, number, members, common, f"1_{number}"))
    return chunks


def _lines(job: int) -> list[str]:
    status = {"state": "completed", "job": job, "host": "n7", "pid": 4711, "slot": 3}
    status |= {"pid_start": "b0a" * 12, "cpus": "0-3", "gpus": ["GPU-" + "f" * 32], "threads": 4}
    status |= {"queued": 1.0, "started": 2.0, "ended": 3.0, "exit_code": 0, "max_rss": 10**9}
    return [
        json.dumps({"event": "started", "job": job, "slot": 3, "time": 2.0}),
        json.dumps({"event": "ended", "job": job, "status": status, "has_result": True}),
    ]


def main(jobs: int = 100_000, size: int = 100) -> None:
    """Measure, and print a line."""
    asked = 0

    def ask(chunks: Sequence[Chunk]) -> dict[str, Standing]:
        nonlocal asked
        asked += 1
        return {chunk.element: Standing("RUNNING") for chunk in chunks}

    with tempfile.TemporaryDirectory() as name:
        chunks = write_sweep(Path(name), jobs, size)
        before = resource.getrusage(resource.RUSAGE_SELF)
        began = time.monotonic()
        observer: object = Nobody()
        outcomes = Watch(chunks, lambda chunk: "", lambda elements: None, observer, ask=ask).run()  # type: ignore[arg-type]
        took = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
    assert len(outcomes) == jobs
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{jobs} jobs in {len(chunks)} elements: {took:.1f} s ({cpu:.1f} s of CPU), parent "
        f"{after.ru_maxrss / 1024:.0f} MiB, {asked} questions to the queue, one every "
        f"{QUEUE_INTERVAL:.0f} s at most"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
