"""The sentences around the chart: how to read it, why it shows this, and what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from exptools.metrics import better
from exptools.viewing.app.compare.content import bands_on_demand
from exptools.viewing.app.compare.panels import Drawing
from exptools.viewing.app.facts import Facts
from exptools.viewing.app.view import View
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.curves.curve_data import GroupCurve
from exptools.viewing.curves.statistics.centers import CENTERS, band_words
from exptools.viewing.curves.statistics.options import parse
from exptools.viewing.curves.statistics.smoothing import SMOOTHINGS

LONGEST = 40  # characters of a key in a sentence
SMOOTHED = {
    "ema": "smoothed exponentially with weight {0:g}",
    "gaussian": "smoothed with a Gaussian of {0:g} rows",
    "mean": "smoothed by the mean of {0:g} rows",
}


def caption(facts: Facts, view: View, drawing: Drawing) -> str:
    """How to read the chart; "" where it shows nothing."""
    shown = [group for panel in drawing.panels for group in panel.groups]
    sizes = [int(group.curve.n.max()) for group in shown if len(group.curve.n)]
    sizes = [size for size in sizes if size]
    if not sizes:
        return ""
    smoothing = parse("smoothing", view.smooth, SMOOTHINGS)
    smoothed = SMOOTHED.get(smoothing.name, "").format(*smoothing.numbers)
    band = band_words(drawing.band)
    if band:
        pointed = bands_on_demand(drawing, view)
        band = f"the band{' of the line you point at' if pointed else ''} is {band}"
    text = _lines(facts, view, shown, sizes, band, smoothed=bool(smoothed))
    if smoothed:
        when = "" if max(sizes) == 1 else f", {view.smooth_when} averaging"
        text += f" Lines are {smoothed}{when}."
    return " ".join([text, *drawing.caveats])


def _lines(
    facts: Facts,
    view: View,
    shown: Sequence[GroupCurve],
    sizes: Sequence[int],
    band: str,
    *,
    smoothed: bool,
) -> str:
    if len(facts.runs) == 1:
        return "The only run so far: there is nothing to compare it with yet."
    if view.by == (facts.each_run,):
        if not facts.keys:
            return "The configs of these runs do not differ, so each line is one run."
        return "Each line is one run." if smoothed else "Each line is one run, as it was logged."
    names = " and ".join(_short(facts, key) for key in view.by or ())
    if max(sizes) == 1:
        return f"One line a value of {names}, with one run each, so there is no band."
    low, high = min(sizes), max(sizes)
    number = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    averaged = averaged_over(facts, view, shown)
    inside = f" ({averaged} averaged)" if averaged else ""
    center = CENTERS[view.center]
    start = (
        f"Each line is the {center} of {number} runs with the same {names}{inside}"
        if names
        else f"The line is the {center} of {number} runs{inside}"
    )
    return f"{start}; {band}." if band else f"{start}."


def averaged_over(facts: Facts, view: View, shown: Sequence[GroupCurve]) -> str:
    """In what the runs of one line differ: ``3 seeds and 2 values of layers``."""
    keys = averaged_candidates(facts, view)
    if facts.seed and facts.seed not in {*(view.by or ()), *view.split, *view.best}:
        keys = [facts.seed, *keys]
    parts = [group.drawn_runs for group in shown]
    differing = []
    for key in keys[:8]:
        (own_key,) = facts.find([key])
        values = max(len({comparison_key(own_key.value(run)) for run in part}) for part in parts)
        # Others of which each run has its own value (a directory, a time) are no settings.
        if key == facts.seed and values > 1:
            differing.append(f"{values} seeds")
        elif 1 < values < max(map(len, parts)) + (key in facts.settings):
            differing.append(f"{values} values of {_short(facts, key)}")
    named, more = differing[:3], len(differing) - 3
    if more > 0:
        return f"{', '.join(named)} and {more} other key{'s' * (more > 1)}"
    return " and ".join(filter(None, [", ".join(named[:-1]), *named[-1:]]))


def averaged_candidates(facts: Facts, view: View) -> list[str]:
    """The keys of which a line may have several values, but for the seed."""
    own = {*(view.by or ()), *view.split, *view.best, facts.seed}
    return [key for key in dict.fromkeys([*facts.settings, *facts.keys]) if key not in own]


def reason(facts: Facts, view: View) -> str:
    """Why the page shows this metric and these groups, where it has chosen both."""
    if view.metrics != (facts.metric,) or view.by != facts.by or len(facts.runs) < 2:
        return ""
    chosen = f"Chosen for you: {_short(facts, facts.metric or '')}"
    if not facts.by or len(facts.keys) < 2 or facts.by == (facts.each_run,):
        return f"{chosen}."
    most = ", which matters most" if facts.depends else ""
    return f"{chosen} by {_short(facts, facts.by[0])}{most}."


def pager(drawing: Drawing, view: View) -> str:
    """Which of too many groups are drawn; "" where all are."""
    if drawing.shown == drawing.all:
        return ""
    last = drawing.first + drawing.shown
    extreme = "lowest" if better(view.metrics[0]) == "min" else "highest"
    return (
        f"Groups {drawing.first + 1} to {last} of {drawing.all}, those with the {extreme} last "
        f"{view.metrics[0]} first. A filter or ticked runs show others, too."
    )


def _short(facts: Facts, key: str) -> str:
    name = facts.names.get(key, key)
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[1 - LONGEST // 2 :]}"
