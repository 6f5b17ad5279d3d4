"""Names and numbers as they stand in the sentences of an analysis."""

from __future__ import annotations

import math
from collections.abc import Collection

from exptools.viewing.analysis.two_samples import Estimate
from exptools.viewing.charts.chart import number
from exptools.viewing.wording import shortened
from exptools.visible import visible

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


def rounded(value: float, estimate: Estimate) -> str:
    """A number with two digits of the uncertainty of the estimate that it is of."""
    spread = (estimate.high - estimate.low) / 2
    if not (spread > 0 and 1e-4 <= max(abs(value), spread) < 1e6):
        return number(value)
    places = max(0, 1 - math.floor(math.log10(spread)))
    text = f"{value:,.{min(places, 12)}f}"
    return text if value == 0 or float(text.replace(",", "")) else number(float(f"{value:.1g}"))
