"""Names of metrics: an end is enough where no other metric ends so, as it is with keys."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Sequence

from exptools.hints import MOST_LISTED, each_by_itself, suggestion
from exptools.rundir import State
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.names import SUMMARY
from exptools.viewing.run import Run, is_usage, natural_key
from exptools.viewing.wording import shortened

_PARTS = re.compile(r"[/.]")
_GOING = {State.RUNNING: "running", State.QUEUED: "queued"}


def find_metric(
    tags: Collection[str], runs: Sequence[Run], name: str, *, of_a_curve: bool = False
) -> str:
    """The whole name of what is meant: a metric, or a value of the runs' summaries.

    The first of these that there is: a metric or such a value of this very name, the end of one
    alone, and that without regard to upper and lower case. Where the runs that are still going
    have logged nothing yet it may be any metric: the name as it was given.

    Args:
        tags: the names of the runs' metrics.
        runs: the runs.
        name: what somebody has typed.
        of_a_curve: a value of a summary is no answer to a name that there is not.

    Raises:
        QueryError: there is none, or there are several.
    """
    if name in tags or any(name.removeprefix(SUMMARY) in run.summary for run in runs):
        return name
    meant = _ending_in(name, tags, runs)
    if len(meant) == 1:
        return meant[0]
    if meant:
        listed = ", ".join(map(shortened, sorted(meant)[:MOST_LISTED]))
        listed += ", …" if len(meant) > MOST_LISTED else ""
        raise QueryError(f"several metrics are {name!r} at their end: say which of {listed}")
    going = nothing_yet(tags, runs)
    if going:
        return name
    so_far = " so far" if any(run.state in _GOING for run in runs) else ""
    there = [*tags, *([] if of_a_curve else summary_names(runs))]
    near = each_by_itself(name, lambda part: bool(_ending_in(part, tags, runs)))
    near = near or _gone(runs) or (suggestion(name, there) if there else _silent(runs))
    raise QueryError(f"no run has logged {name!r}{so_far}; {near}")


def _gone(runs: Sequence[Run]) -> str:
    """What to say of runs whose directories are no longer there; "" where all are."""
    gone = [run for run in runs if run.sources and not os.path.isdir(run.path)]
    if not gone:
        return ""
    are = "its directory is" if len(runs) == 1 else f"of {len(gone)} of them the directory is"
    return f"{are} gone; refresh() looks again"


def _silent(runs: Sequence[Run]) -> str:
    """What to say of runs that have logged nothing and will not."""
    if len(runs) < 2:
        return "this one has logged nothing" if runs else "there are no runs"
    return f"none of the {len(runs)} has logged anything"


def means_metric(tags: Collection[str], name: str) -> bool:
    """Whether a name is a metric's, or the end of one's or of several."""
    return bool(metrics_named(tags, name))


def metrics_named(tags: Collection[str], name: str) -> list[str]:
    """The metrics that a name may mean: the one of this very name, or those that end so."""
    return [name] if name in tags else _ending_in(name, tags, ())


def nothing_yet(tags: Collection[str], runs: Sequence[Run]) -> str:
    """The sentence that says what is waited for; "" where something was logged, or nobody will.

    What a job uses is sampled from its first second, and nothing that it has logged.
    """
    states = Counter(run.state for run in runs)
    going = [f"{n} {'is' if n == 1 else 'are'} {w}" for s, w in _GOING.items() if (n := states[s])]
    if not (going and all(map(is_usage, tags))):
        return ""
    if len(runs) == 1:
        return f"The run has not logged anything yet: it {going[0].partition(' ')[2]}."
    return f"None of the {len(runs)} runs has logged anything yet: {' and '.join(going)}."


def summary_names(runs: Sequence[Run]) -> list[str]:
    """The names of the values in the runs' summaries, in natural order."""
    return sorted({name for run in runs for name in run.summary}, key=natural_key)


def _ending_in(name: str, tags: Collection[str], runs: Sequence[Run]) -> list[str]:
    """The names that end so; in the same case of letters if there is one."""
    said = (f"{SUMMARY}{other}" for other in summary_names(runs) if other not in tags)
    every = [*tags, *said]
    exact = [other for other in every if _ends(other, name)]
    return exact or [other for other in every if _ends(other.lower(), name.lower())]


def _ends(whole: str, end: str) -> bool:
    """Whether a name is another one's end, from one of its parts on."""
    before = whole[: len(whole) - len(end)]
    return bool(end) and whole.endswith(end) and (not before or bool(_PARTS.match(before[-1])))
