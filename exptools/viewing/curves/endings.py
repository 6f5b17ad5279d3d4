"""Which runs count, and what the mean of runs that did not all finish has to say of itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from exptools.rundir import STEP, WALL_TIME, State
from exptools.viewing.arrays import Floats, Series
from exptools.viewing.curves.series import RELATIVE_TIME
from exptools.viewing.curves.statistics.options import Choice, parse
from exptools.viewing.errors import NoRunError
from exptools.viewing.run import Run

ALL, FINISHED = "all", "finished"
STATES = {  # which runs count, in words
    ALL: "all runs",
    FINISHED: "finished runs",
}
# What became of the runs that did not finish: of one, and of several.
_EARLY = {
    State.FAILED: ("failed", "failed"),
    State.KILLED: ("was killed", "were killed"),
    State.TIMEOUT: ("timed out", "timed out"),
    State.INTERRUPTED: ("was interrupted", "were interrupted"),
}
_DONE = (State.COMPLETED, None)
EARLIER = 0.9  # of the way: where x counts no steps, each run ends a little elsewhere
_GOING = {
    State.RUNNING: ("is still running", "are still running"),
    State.QUEUED: ("is queued", "are queued"),
}


class Member(NamedTuple):
    """A run that is in a mean."""

    name: str
    state: State | None
    end: float  # the last x at which it has a value; NaN where it has no x


def parse_states(text: str) -> str:
    """Check a choice of runs: ``all`` or ``finished``."""
    return parse("choice of states", text, dict.fromkeys(STATES, Choice())).name


def is_finished(run: Run) -> bool:
    """Whether a run came to its end, or nobody wrote what became of it."""
    return run.state in (None, State.COMPLETED)


def ended_early(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Those that failed, were killed or interrupted, or timed out."""
    return tuple(run for run in runs if run.state in _EARLY)


def still_going(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Those that are running or queued."""
    return tuple(run for run in runs if run.state in _GOING)


def counted(runs: Sequence[Run], states: str) -> Sequence[Run]:
    """The runs that count.

    Raises:
        NoRunError: there are runs, and none of them finished.
    """
    if parse_states(states) == ALL:
        return runs
    kept = [run for run in runs if is_finished(run)]
    if runs and not kept:
        raise NoRunError(
            f'none of these {len(runs)} runs has finished; with states="{ALL}" all of them count'
        )
    return kept


def left_out(runs: Sequence[Run], kept: Collection[Run]) -> tuple[str, ...]:
    """The sentence that says which runs do not count; none where all do."""
    if len(kept) == len(runs):
        return ()
    states = Counter(run.state for run in runs if not is_finished(run))
    without = sum(states.values())
    number = f"{without} {'is' if without == 1 else 'are'}"
    became = _became(states, _EARLY | _GOING)
    return (f"Only finished runs count: {number} left out ({became}).",)


def chosen_over(runs: Sequence[Run], keys: str) -> tuple[str, ...]:
    """The sentence for the runs of other settings than the best; none where all of them finished.

    Their values, too, are what they had when they ended.
    """
    states = Counter(run.state for run in runs if not is_finished(run))
    if not states:
        return ()
    other = "1 other run" if len(runs) == 1 else f"{len(runs)} other runs"
    return (
        f"The best {keys} {'were' if ' and ' in keys else 'was'} chosen over {other}, of which "
        f"{_became(states, _EARLY | _GOING)}.",
    )


def chosen_without(without: int, runs: int, keys: str) -> tuple[str, ...]:
    """The sentence for runs of the best settings that have no finite number; none where all do."""
    if not without:
        return ()
    have, choice = ("has", "it was") if without == 1 else ("have", "they were")
    return (
        f"Of the {runs} runs with the best {keys} {without} {have} no finite value to choose by: "
        f"{choice} left out of the choice.",
    )


def members(runs: Sequence[Run], series: Mapping[str, Series]) -> tuple[Member, ...]:
    """Those of the runs that have a value at some x."""
    ends = [(run, _end(*series[run.name], finite=not is_finished(run))) for run in runs]
    return tuple(Member(run.name, run.state, end) for run, end in ends if not math.isnan(end))


def _end(x: Floats, y: Floats, *, finite: bool) -> float:
    # What a run that came to its end has logged last may be NaN.
    valued = x[np.isfinite(x) & np.isfinite(y)] if finite else x[np.isfinite(x)]
    return float(valued.max()) if len(valued) else math.nan


def endings(
    groups: Sequence[Sequence[Member]], x: str | None = None, lines: str = "", given: int = 0
) -> tuple[str, ...]:
    """The sentences that say how many of the runs did not finish, and where; none where all did.

    Where the groups are lines they say likewise which have finished before the others.

    Args:
        groups: the runs that each number or line is of; a run may be in several.
        x: what the ends are values of, as it was asked for; None where they are not known.
        lines: what the groups' lines are ("the mean"); "" where their numbers have no x.
        given: how many runs there are; where these are more it is said which are counted here.
    """
    runs = _furthest(member for group in groups for member in group)
    among = "in the numbers " if len(runs) < given else ""
    if len(runs) == 1:
        return _ending(runs.popitem()[1].state, among)
    longest, is_whole = _longest(runs.values())
    whole = f"Of the {len(runs)} runs {among}"
    sentences = []
    for words in (_EARLY, _GOING):
        those = [member for member in runs.values() if member.state in words]
        if not those:
            continue
        states = Counter(member.state for member in those)
        place = _place(those, longest, x, is_whole=is_whole)
        rest = _rest(groups, set(words), lines) if place and lines else ""
        last = "their last values" if len(those) > 1 else "its last value"
        place = f"with {last} at {place}" if place and words is _EARLY else place and f"at {place}"
        where = f", {place}" if place else ""
        sentences.append(f"{whole}{_became(states, words)}{where}{rest}.")
        whole = ""
    counts_steps = lines and x not in (None, WALL_TIME, RELATIVE_TIME)
    if counts_steps and (those := _done_before(groups, runs)):
        place = _place(those, longest, x, is_whole=is_whole)
        rest = _rest(groups, _DONE, lines)
        sentences.append(f"{whole}{len(those)} finished before the others, after {place}{rest}.")
    return tuple(sentences)


def _done_before(
    groups: Sequence[Sequence[Member]], furthest: Mapping[str, Member]
) -> list[Member]:
    """The runs that came to their end, well before others of their line: by an early stop, say."""
    found: dict[str, Member] = {}
    for group in groups:
        last = max((m.end for m in group if m.state in _DONE), default=math.nan)
        early = min(last, EARLIER * last)  # x may be negative
        found |= {m.name: m for m in group if m.state in _DONE and m.end <= early and m.end < last}
    return [member for name, member in found.items() if furthest[name].end == member.end]


def _ending(state: State | None, among: str) -> tuple[str, ...]:
    """The sentence on a run that is the only one: whether it ended early."""
    words = _EARLY.get(state) if state else None
    return (f"The only run {among}{words[0]}.",) if words else ()


def _furthest(everyone: Iterable[Member]) -> dict[str, Member]:
    """Each run by its name, at the furthest that any of its metrics got."""
    runs: dict[str, Member] = {}
    for member in everyone:
        before = runs.get(member.name)
        if before is None or math.isnan(before.end) or member.end > before.end:
            runs[member.name] = member
    return runs


def _longest(runs: Collection[Member]) -> tuple[float, bool]:
    """The furthest that any run got, and whether that is a run's whole length.

    What only running ones have reached is none: they go on.
    """
    ends = [member.end for member in runs if math.isfinite(member.end)]
    longest = max(ends, default=math.nan)
    return longest, any(m.end == longest and m.state not in _GOING for m in runs)


def _became(states: Mapping[State | None, int], words: Mapping[State, tuple[str, str]]) -> str:
    """What became of runs, by how many: "5 failed and 1 was killed"."""
    parts = [f"{states[s]} {forms[states[s] > 1]}" for s, forms in words.items() if states[s]]
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _place(those: Sequence[Member], longest: float, x: str | None, *, is_whole: bool) -> str:
    """Where runs ended: "steps 3 to 9 of 19"; "" where no run got further, or x tells nothing."""
    ends = [member.end for member in those if math.isfinite(member.end)]
    if x is None or x == WALL_TIME or not ends or min(ends) >= longest:
        return ""
    low, high = map(_number, (min(ends), max(ends)))
    of = _number(longest) if is_whole else ""
    if x == RELATIVE_TIME:
        of = f" of {of} s" if of else ""
        return f"{low} s{of}" if low == high else f"{low} to {high} s{of}"
    of = f" of {of}" if of else ""
    span = low if low == high else f"{low} to {high}"
    several = "s" if x == STEP and low != high else ""
    return f"{x}{several} {span}{of}"


def _rest(groups: Sequence[Sequence[Member]], states: Collection[State | None], lines: str) -> str:
    """How many runs a line is of where others have ended."""
    counts, ends, fades = [], set(), False
    for group in groups:
        last = max((member.end for member in group), default=math.nan)
        short = [m.end for m in group if m.state in states and m.end < last]
        if short:
            ends.update(short)
            one = min(short) == max(short)
            counts.append(sum(m.end > max(short) if one else m.end == last for m in group))
            fades |= any(m.state in _DONE and EARLIER * last < m.end < last for m in group)
    if not counts:
        return ""
    low, high = min(counts), max(counts)
    number = f"{high} run{'s' if high > 1 else ''}" if low == high else f"{low} to {high} runs"
    subject = f"{lines} is" if len(groups) == 1 else "lines are"
    if len(counts) < len(groups):
        subject = f"{len(counts)} of the {len(groups)} lines {'are' if len(counts) > 1 else 'is'}"
    later = "then, and of fewer at the end" if fades else "from there on"
    return f": {subject} of {number} {later if len(ends) == 1 else 'at the end'}"


def _number(value: float) -> str:
    # Of a step between two whole ones digits behind the point say nothing.
    is_plain = abs(value) < 1e15 and (value == round(value) or abs(value) >= 1000)
    return f"{value:,.0f}" if is_plain else f"{value:.4g}"
