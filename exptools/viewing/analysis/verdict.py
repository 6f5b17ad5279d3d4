"""What came of a comparison of two groups, in numbers and in sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass

from exptools.viewing.analysis.two_samples import MOST_RUNS, Estimate
from exptools.viewing.analysis.words import listed, named, rounded
from exptools.viewing.arrays import Floats
from exptools.viewing.curves.statistics.options import Option
from exptools.viewing.frames import text_column
from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Run


@dataclass(frozen=True)
class Improvement:
    """Two groups of runs compared."""

    metric: str
    summary: str
    words: str  # the number of a run: "last test/accuracy"
    better: str | None  # "max", "min"; None where nobody said and the name does not tell
    labels: tuple[str, str]  # of the group whose improvement is asked for, and of the other
    values: tuple[Floats, Floats]  # the runs' numbers
    runs: tuple[tuple[Run, ...], tuple[Run, ...]]  # whose they are
    means: tuple[float, float]  # of several strata the mean of theirs
    strata: tuple[str, ...]  # the keys within whose values runs are compared
    parts: int  # how many strata there are
    difference: Estimate  # of the first less the second, in the metric's units
    # That a run of the first is better than one of the second, ties counting half; where it is not
    # known what is better, that it is higher.
    probability: Estimate
    interval: Option  # "t" (Welch's, Newcombe's) or "ci" (bootstrap), with its level
    needed: float  # runs of each in each stratum that would settle it; see ``runs_needed``
    notes: tuple[str, ...]  # what a reader must know, in sentences

    @property
    def settled(self) -> bool:
        """Whether the difference's interval leaves zero out."""
        return self.difference.low > 0 or self.difference.high < 0

    @property
    def sentences(self) -> tuple[str, ...]:
        """What came of it: the difference, the probability, and whether it is settled."""
        return _difference(self), _means(self), _probability(self), *_more(self)

    def frame(self) -> pl.DataFrame:
        """One row with all numbers; nothing is rounded."""
        texts = {"metric": self.metric, "summary": self.summary}
        texts |= {"of": self.labels[0], "over": self.labels[1]}
        numbers = {
            "mean_of": self.means[0],
            "mean_over": self.means[1],
            "difference": self.difference.value,
            "low": self.difference.low,
            "high": self.difference.high,
            "probability": self.probability.value,
            "probability_low": self.probability.low,
            "probability_high": self.probability.high,
            "runs_needed": self.needed,
        }
        sizes = {"n_of": len(self.values[0]), "n_over": len(self.values[1]), "strata": self.parts}
        return pl.DataFrame(
            [text_column(name, [text]) for name, text in texts.items()]
            + [pl.Series(name, [number], dtype=pl.Int64) for name, number in sizes.items()]
            + [pl.Series(name, [number], dtype=pl.Float64) for name, number in numbers.items()]
        )


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
    interval = f"{found.interval.numbers[0]:g} % interval"
    of = f"the {interval} of the difference"
    if gap < 0:  # "by" how much has no sign, its interval has
        of = f"the difference is {rounded(gap, found.difference)}, and its {interval}"
    return f"{head}: {of}, {low} to {high} ({kind}), {zero}."


def _means(found: Improvement) -> str:
    n, m = map(len, found.values)
    agree = "is" if len(found.strata) == 1 else "are"
    within = f", compared where {listed(found.strata)} {agree} equal" if found.strata else ""
    one, other = (rounded(mean, found.difference) for mean in found.means)
    mean = "average" if found.words.startswith("mean ") else "mean"
    return f"The {mean} {found.words} is {one} against {other}, of {n} and {m} runs{within}."


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
