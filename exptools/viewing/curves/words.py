"""Centres and bands in words, for captions, hovers and controls."""

from __future__ import annotations

from exptools.viewing.curves.statistics import parse_band

CENTERS = {"mean": "mean", "median": "median", "iqm": "interquartile mean"}
_BANDS = {  # as a label, and as a sentence has it
    "none": ("no band", ""),
    "std": ("± standard deviation", "± one standard deviation"),
    "sem": ("± standard error", "± one standard error"),
    "minmax": ("lowest to highest", "from the lowest to the highest run"),
    "percentiles": ("{:g}th to {:g}th percentile", "from the {:g}th to the {:g}th percentile"),
    "ci": ("{:g} % confidence interval", "the {:g} % confidence interval (bootstrap)"),
}


def band_label(text: str) -> str:
    """What to call a band where it can be chosen: ``ci:95`` is "95 % confidence interval"."""
    band = parse_band(text)
    return _BANDS[band.name][0].format(*band.numbers)


def band_words(text: str) -> str:
    """What a band is, in a sentence: "the band is …"; "" where there is none."""
    band = parse_band(text)
    return _BANDS[band.name][1].format(*band.numbers)
