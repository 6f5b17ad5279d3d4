"""``python -m exptools.launching.agent``: run a chunk of a sweep's jobs on this machine.

Any batch script, or a person, starts it, on any machine that sees the sweep's directory. Two
agents never have one chunk.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from exptools.launching.cluster.chunk_run import ChunkEnd, run_chunk
from exptools.launching.cluster.claim import ChunkBusy
from exptools.launching.cluster.plan import Plan, PlanError, read_plan
from exptools.launching.display.labels import plural
from exptools.launching.machine.request import SlotError
from exptools.visible import visible_lines

BUSY = 75  # exit code, EX_TEMPFAIL of sysexits.h: another agent has the chunk


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code is 0 if all jobs of the chunk are completed."""
    options = _parser().parse_args(arguments)
    try:
        plan = read_plan(options.sweep_dir, options.plan)
        return _exit_code(run_chunk(plan, _chunk(options.chunk, plan)))
    except ChunkBusy as busy:
        print(f"exptools: chunk {options.chunk} is run by {busy}", file=sys.stderr)
        return BUSY
    except (PlanError, SlotError, OSError) as error:
        print(f"exptools: {visible_lines(str(error))}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m exptools.launching.agent",
        description="Run a chunk of a sweep's jobs on this machine.",
    )
    parser.add_argument("sweep_dir", type=Path, help="the directory of the sweep")
    parser.add_argument(
        "--chunk", required=True, metavar="I/N", help="which part of the jobs, from 1/N to N/N"
    )
    parser.add_argument("--plan", type=int, help="which plan of the sweep (default: the newest)")
    return parser


def _chunk(text: str, plan: Plan) -> int:
    """The number of a chunk such as "2/3".

    Raises:
        PlanError: there is none.
    """
    number, _, of = text.partition("/")
    if of == str(plan.chunks) and number.isdecimal() and 1 <= int(number) <= plan.chunks:
        return int(number)
    raise PlanError(
        f"--chunk is {text!r}; it should be from 1/{plan.chunks} to {plan.chunks}/{plan.chunks}: "
        f"the jobs are in {plural(plan.chunks, 'chunk')}"
    )


def _exit_code(end: ChunkEnd) -> int:
    if end.signum is not None:
        return 128 + end.signum
    return 1 if end.went_wrong or end.left else 0


if __name__ == "__main__":
    sys.exit(main())
