"""Centre and band of several runs' values, at each of some points by itself; and their names.

``values`` has the shape [runs, points] throughout, NaN where a run has no value; ``n`` is how
many runs have one, [points].
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar

import numpy as np

from exptools.viewing.arrays import Floats, Ints
from exptools.viewing.curves.statistics import student
from exptools.viewing.curves.statistics.options import Choice, Option, parse
from exptools.viewing.errors import QueryError

Number = TypeVar("Number", int, Ints)

CENTERS = {"mean": "mean", "median": "median", "iqm": "interquartile mean"}  # in words
BANDS = {
    "none": Choice(),
    "std": Choice(),
    "sem": Choice(),
    "minmax": Choice(),
    "percentiles": Choice((25.0, 75.0), 0, 100, "two percentages, as in percentiles:10,90,"),
    "ci": Choice((95.0,), 1, 99.9, "its level in percent, as in ci:95,"),
    "t": Choice((95.0,), 1, 99.9, "its level in percent, as in t:95,"),
    "interval": Choice((95.0,), 1, 99.9, "its level in percent, as in interval:95,"),
}
_BAND_WORDS = {  # as a label, and as a sentence has it
    "none": ("no band", ""),
    "std": ("± standard deviation", "± one standard deviation"),
    "sem": ("± standard error", "± one standard error"),
    "minmax": ("lowest to highest", "from the lowest to the highest run"),
    "percentiles": ("{:g}th to {:g}th percentile", "from the {:g}th to the {:g}th percentile"),
    "ci": ("{:g} % interval, bootstrap", "the {:g} % confidence interval (bootstrap)"),
    "t": ("{:g} % interval, Student's", "Student's {:g} % confidence interval of the mean"),
    "interval": ("{:g} % interval", "the {:g} % confidence interval (Student's or bootstrap)"),
}
FEW = 10  # runs; of fewer a bootstrap interval is much too narrow
LARGE = 1e150  # squares of larger numbers overflow


def parse_center(text: str) -> str:
    """Check a centre's name: ``mean``, ``median``, ``iqm``."""
    return parse("center", text, dict.fromkeys(CENTERS, Choice())).name


def parse_band(text: str) -> Option:
    """Read a band: ``std``, ``sem``, ``minmax``, ``percentiles:10,90``, ``none``, or an interval.

    An interval is ``ci:95`` by bootstrap, ``t:95`` by Student, ``interval:95`` the one that fits.
    """
    band = parse("band", text, BANDS)
    if len(set(band.numbers)) < len(band.numbers):
        raise QueryError(f"band {text!r}: the two percentages should differ")
    return band


def band_label(text: str) -> str:
    """What to call a band where it can be chosen: ``ci:95`` is "95 % interval, bootstrap"."""
    band = parse_band(text)
    return _BAND_WORDS[band.name][0].format(*band.numbers)


def band_words(text: str) -> str:
    """What a band is, in a sentence: "the band is …"; "" where there is none."""
    band = parse_band(text)
    return _BAND_WORDS[band.name][1].format(*band.numbers)


def check_fit(center: str, band: Option) -> None:
    """Raise QueryError where the band is not one of this centre."""
    if band.name == "t" and center != "mean":
        level = f"{band.numbers[0]:g}"
        raise QueryError(
            f"the band {band} is Student's interval of the mean, and the center is {center}: take "
            f"ci:{level}, the bootstrap's, or interval:{level}, which is whichever fits"
        )


def fitting_interval(center: str, band: Option, counts: Iterable[int]) -> Option:
    """For ``interval`` the one that it stands for, given how many runs each interval is of.

    It is Student's where the centre is a mean and an interval is of fewer than ten runs, the
    bootstrap's elsewhere. Any other band stays what it is.
    """
    if band.name != "interval":
        return band
    few = any(1 < n < FEW for n in counts)
    return Option("t" if few and center == "mean" else "ci", band.numbers)


def few_runs(center: str, band: Option, counts: Iterable[int]) -> tuple[str, ...]:
    """What to know of a centre and a band that are of so few runs, in sentences."""
    numbers = set(counts)
    sentences = []
    if interval := bootstrap_of_few(band, numbers):
        level = f"{band.numbers[0]:g}"
        better = f"; Student's, t:{level}, is not" if center == "mean" else ""
        sentences.append(
            f"Fewer than ten runs: the {level} % interval by {interval} is too narrow{better}."
        )
    if center == "iqm" and numbers & {2, 3}:
        sentences.append("The interquartile mean of fewer than four runs is their mean.")
    return tuple(sentences)


def bootstrap_of_few(band: Option, counts: Iterable[int]) -> str:
    """Of how few runs a bootstrap interval is: "bootstrap of 3 runs"; "" where it is of enough."""
    few = {n for n in counts if 1 < n < FEW} if band.name == "ci" else set()
    if not few:
        return ""
    span = f"{min(few)}" if len(few) == 1 else f"{min(few)} to {max(few)}"
    return f"bootstrap of {span} runs"


def count(values: Floats) -> Ints:
    """How many runs have a value."""
    has = np.isfinite(values)
    if has.all():
        return np.full(values.shape[1], len(values))
    n: Ints = has.sum(axis=0, dtype=np.int64)
    return n


def cut_of(n: Number, kind: str) -> Number:
    """How many of n runs the centre leaves out at either end."""
    if kind == "mean":
        return n * 0
    return n // 4 if kind == "iqm" else (n - (n > 0)) // 2


def center(values: Floats, n: Ints, kind: str) -> Floats:
    """Mean, median, or interquartile mean over the runs that have a value; NaN where none has.

    The interquartile mean leaves out the lowest and the highest quarter, each rounded down to
    whole runs (Agarwal et al., 2021; scipy.stats.trim_mean).
    """
    if kind == "mean":
        return _mean(values, n)
    cut = cut_of(n, kind)
    rank = np.arange(len(values))[:, None]
    inside = (rank >= cut) & (rank < n - cut)
    ordered = np.where(inside, np.sort(values, axis=0), 0.0)  # NaN are sorted last
    return np.where(n > 0, ordered.sum(axis=0) / np.maximum(n - 2 * cut, 1), np.nan)


def spread(
    values: Floats, n: Ints, middle: Floats, mean: Floats | None, band: Option
) -> tuple[Floats, Floats]:
    """The edges of a band that is made of the values themselves; NaN where fewer than two runs are.

    std and sem are the sample's (ddof=1), around the centre; t is as many sem wide as Student's
    distribution says for n. Percentiles are interpolated linearly, as NumPy does by default.
    ``mean`` is the mean if it is known already.
    """
    if band.name == "minmax":
        low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    elif band.name == "percentiles":
        ordered = np.sort(values, axis=0)
        low, high = (_percentile(ordered, n, part) for part in sorted(band.numbers))
    elif band.name in ("std", "sem", "t"):
        reach = _deviation(values, n, _mean(values, n) if mean is None else mean)
        if band.name != "std":
            reach = reach / np.sqrt(np.maximum(n, 1))
        if band.name == "t":
            reach = reach * _student(n, band.numbers[0])
        low, high = middle - reach, middle + reach
    else:
        low = high = np.full(len(n), np.nan)
    if (n < 2).any():
        low, high = np.where(n > 1, low, np.nan), np.where(n > 1, high, np.nan)
    return low, high


def scale_of(largest: float) -> float:
    """What to divide by so that squares stay finite: a power of two, which loses no digit."""
    return 2.0 ** (math.frexp(largest)[1] - 1) if largest > LARGE else 1.0


def _complete(values: Floats, n: Ints) -> bool:
    return bool((n == len(values)).all())


def _mean(values: Floats, n: Ints) -> Floats:
    if _complete(values, n):
        mean: Floats = values.sum(axis=0) / len(values)
        return mean
    total = np.where(np.isfinite(values), values, 0.0).sum(axis=0)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _deviation(values: Floats, n: Ints, mean: Floats) -> Floats:
    # Around the mean, in two passes: what is common to large values must not eat the digits.
    off = values - mean
    if not _complete(values, n):
        off = np.where(np.isfinite(off), off, 0.0)
    np.multiply(off, off, out=off)
    deviation: Floats = np.sqrt(off.sum(axis=0) / np.maximum(n - 1, 1))
    return deviation


def _student(n: Ints, level: float) -> Floats:
    """How many standard errors Student's interval reaches to either side, for each n."""
    return np.where(n > 1, student.quantiles(np.maximum(n - 1, 1), level), np.nan)


def _percentile(ordered: Floats, n: Ints, percentage: float) -> Floats:
    rank = np.maximum(n - 1, 0) * (percentage / 100)
    below = np.floor(rank).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(n - 1, 0))
    low, high = (np.take_along_axis(ordered, at[None], axis=0)[0] for at in (below, above))
    between: Floats = low + (rank - below) * (high - low)
    return between
