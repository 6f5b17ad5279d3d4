"""What comes of a comparison of two groups, in sentences."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from exptools.viewing.analysis.two_samples import MOST_RUNS, Estimate
from exptools.viewing.charts.chart import number
from exptools.viewing.wording import shortened

if TYPE_CHECKING:
    from exptools.viewing.analysis.improvement import Improvement

MOST_NAMED = 3  # names in a sentence


def listed(names: Collection[str]) -> str:
    """Some names in a sentence: "a, b and c", of many the first."""
    shown = list(map(shortened, names))
    if len(shown) > MOST_NAMED + 1:
        shown = [*shown[:MOST_NAMED], f"{len(shown) - MOST_NAMED} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def sentences(found: Improvement) -> tuple[str, ...]:
    """The difference, the probability of improvement, and whether it is settled."""
    return (_difference(found), _probability(found), _verdict(found))


def _difference(found: Improvement) -> str:
    one, other = map(shortened, found.labels)
    n, m = map(len, found.values)
    gap = found.difference.value
    agree = "is" if len(found.strata) == 1 else "are"
    within = f", compared where {listed(found.strata)} {agree} equal" if found.strata else ""
    runs = f"{n} and {m} runs{within}"
    means = f"{number(found.means[0])} against {number(found.means[1])}"
    if gap == 0:
        head = f"{one} and {other} are equal in the mean {found.words}"
    else:
        word = "higher" if gap > 0 else "lower"
        if found.better is not None:
            word = "better" if (gap > 0) == (found.better == "max") else "worse"
        head = f"{one} is {word} than {other} by {number(abs(gap))} in the mean {found.words}"
    kind = "Welch's" if found.interval.name == "t" else "bootstrap"
    return f"{head}: {means} ({runs}){_interval(found, found.difference, kind)}."


def _interval(found: Improvement, estimate: Estimate, kind: str) -> str:
    """The interval of a number, behind it."""
    if math.isnan(estimate.low):
        return ""
    low, high = (f"{number(edge)}" for edge in (estimate.low, estimate.high))
    return f", {found.interval.numbers[0]:g} % interval of the difference {low} to {high} ({kind})"


def _probability(found: Improvement) -> str:
    one, other = map(shortened, found.labels)
    does = "is better than" if found.better else "is higher than"
    likely = found.probability
    kind = "Newcombe's" if found.interval.name == "t" else "bootstrap"
    span = ""
    if not math.isnan(likely.low):
        level = f"{found.interval.numbers[0]:g} %"
        span = f" ({level} interval {likely.low:.2f} to {likely.high:.2f}, {kind})"
    return (
        f"A run of {one} {does} one of {other} with probability {likely.value:.2f}{span}; "
        "0.5 is a coin's toss."
    )


def _verdict(found: Improvement) -> str:
    if math.isnan(found.difference.low):
        return "With a single run on a side there is no interval: run it with a second seed first."
    if found.settled:
        return "The interval of the difference leaves zero out: at this level it is settled."
    begin = "Zero is within the interval of the difference, so it is not settled"
    if math.isnan(found.needed):
        return f"{begin}: all runs are equal."
    if math.isinf(found.needed):
        return (
            f"{begin}, and never will be at the spread seen: more than {MOST_RUNS:,} runs of each "
            "would be needed for so small a difference."
        )
    each = f" for each combination of {listed(found.strata)}" if found.parts > 1 else ""
    fewest = min(map(len, found.values)) / found.parts
    more = max(1, math.ceil(found.needed - fewest))
    return (
        f"{begin}. If difference and spread are as seen, {found.needed:.0f} runs of each{each}, "
        f"{more} more, would settle it in four of five cases."
    )
