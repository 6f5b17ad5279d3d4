"""Whether jobs had the same resources: over time, the curves of those that had not say little."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from exptools.rundir import WALL_TIME, Status
from exptools.viewing.curves.series import RELATIVE_TIME
from exptools.viewing.run import Run, is_usage

_SPAN = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")  # of the kernel's list of CPUs


def unequal_resources(runs: Sequence[Run], metric: str, x: str) -> tuple[str, ...]:
    """The sentence that says so of curves over time, and of what was used; none elsewhere."""
    if x not in (RELATIVE_TIME, WALL_TIME) and not is_usage(metric):
        return ()
    statuses = [run.status for run in runs if run.status is not None]
    parts = [*_differing(statuses, "cores", _cores), *_differing(statuses, "GPUs", _gpus)]
    hosts = {status.host for status in statuses if status.host}
    if len(hosts) > 1:
        parts.append(f"{len(hosts)} machines")
    if not parts:
        return ()
    had = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
    what = "times" if x in (RELATIVE_TIME, WALL_TIME) else "what they used"
    return (f"These jobs had unequal resources ({had}): {what} cannot be compared one to one.",)


def _differing(
    statuses: Sequence[Status], what: str, count: Callable[[Status], int | None]
) -> Iterator[str]:
    counts = {number for status in statuses if (number := count(status)) is not None}
    if len(counts) > 1:
        yield f"{min(counts)} to {max(counts)} {what}"


def _cores(status: Status) -> int | None:
    """How many CPUs a job might use: of "0-3,8" five; None where nobody wrote it, or what it is."""
    total = 0
    for part in (status.cpus or "").split(","):
        span = _SPAN.fullmatch(part.strip())
        if span is None:
            return None
        total += int(span[2] or span[1]) - int(span[1]) + 1
    return total if total > 0 else None


def _gpus(status: Status) -> int:
    return len(status.gpus)
