"""What comes of a comparison of two groups, in sentences."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from exptools.viewing.analysis.two_samples import MOST_RUNS, Estimate
from exptools.viewing.charts.chart import number
from exptools.viewing.wording import shortened
from exptools.visible import visible

if TYPE_CHECKING:
    from exptools.viewing.analysis.improvement import Improvement

MOST_NAMED = 3  # names in a sentence


def named(text: str) -> str:
    """A name as it stands in a sentence."""
    return shortened(visible(text))


def listed(names: Collection[str]) -> str:
    """Some names in a sentence: "a, b and c", of many the first."""
    shown = list(map(named, names))
    if len(shown) > MOST_NAMED + 1:
        shown = [*shown[:MOST_NAMED], f"{len(shown) - MOST_NAMED} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def percent(part: float) -> str:
    """A part as a person reads it: "62 %", "0.4 %"; "—" where it is not known."""
    if math.isnan(part):
        return "—"
    text = f"{100 * part:.1f}" if 0 < part < 0.0095 else f"{100 * part:.0f}"
    return f"{text} %"


def sentences(found: Improvement) -> tuple[str, ...]:
    """The difference first, then of what it is, the probability, and what would settle it."""
    return (_difference(found), _means(found), _probability(found), *_more(found))


def _difference(found: Improvement) -> str:
    one, other = map(named, found.labels)
    gap = found.difference.value
    if gap == 0:
        head = f"{one} and {other} come to the same mean"
    else:
        word = "higher" if gap > 0 else "lower"
        if found.better is not None:
            word = "better" if (gap > 0) == (found.better == "max") else "worse"
        surely = "is" if found.settled else "may be"
        by = rounded(abs(gap), found.difference)
        head = f"{one} {surely} {word} than {other}, by {by}"
    if math.isnan(found.difference.low):
        return f"{head}; with a single run on a side nobody can tell."
    kind = "Welch's" if found.interval.name == "t" else "bootstrap"
    low, high = (
        rounded(e, found.difference) for e in (found.difference.low, found.difference.high)
    )
    zero = "leaves zero out" if found.settled else "has zero in it, so it is not settled"
    level = f"{found.interval.numbers[0]:g} %"
    return f"{head}: the {level} interval of the difference, {low} to {high} ({kind}), {zero}."


def _means(found: Improvement) -> str:
    n, m = map(len, found.values)
    agree = "is" if len(found.strata) == 1 else "are"
    within = f", compared where {listed(found.strata)} {agree} equal" if found.strata else ""
    one, other = (rounded(mean, found.difference) for mean in found.means)
    return f"The mean {found.words} is {one} against {other}, of {n} and {m} runs{within}."


def _probability(found: Improvement) -> str:
    one, other = map(named, found.labels)
    than = "better than" if found.better else "higher than"
    likely = found.probability
    kind = "Newcombe's" if found.interval.name == "t" else "bootstrap"
    span = ""
    if not math.isnan(likely.low):
        level = f"{found.interval.numbers[0]:g} %"
        span = f" ({level} interval {likely.low:.2f} to {likely.high:.2f}, {kind})"
    return (
        f"The probability of improvement, that a run of {one} is {than} one of {other}, is "
        f"{likely.value:.2f}{span}; 0.5 is a coin's toss."
    )


def _more(found: Improvement) -> tuple[str, ...]:
    """What would settle it, where it is not."""
    if found.settled:
        return ()
    if math.isnan(found.difference.low):
        return ("A second seed of each would tell how far runs of one setting are apart.",)
    if math.isnan(found.needed):
        return ("All runs are equal, so more of them would hardly tell anything.",)
    if math.isinf(found.needed):
        return (
            "At the spread seen more seeds will not settle it: for so small a difference it would "
            f"take more than {MOST_RUNS:,} runs of each.",
        )
    of = listed(found.strata)
    each = f" for each {'value' if len(found.strata) == 1 else 'combination'} of {of}"
    each = each if found.strata else ""
    fewest = min(map(len, found.values)) / found.parts
    more = max(1, math.ceil(found.needed - fewest))
    return (
        f"If difference and spread stay as they are, about {found.needed:.0f} runs of each{each}, "
        f"{more} more than now, would settle it with a chance of 80 %.",
    )


def rounded(value: float, estimate: Estimate) -> str:
    """A number with two digits of the uncertainty of the estimate that it is of."""
    spread = (estimate.high - estimate.low) / 2
    if not (spread > 0 and 1e-4 <= max(abs(value), spread) < 1e6):
        return number(value)
    places = max(0, 1 - math.floor(math.log10(spread)))
    text = f"{value:,.{min(places, 12)}f}"
    return text if value == 0 or float(text.replace(",", "")) else number(float(f"{value:.1g}"))
