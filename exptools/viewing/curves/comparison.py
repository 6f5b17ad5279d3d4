"""Which group is whose baseline, the curves of the differences, and what has to be said of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from exptools.hints import suggestion
from exptools.viewing.arrays import Floats, Series
from exptools.viewing.configs.values import comparison_key, display, label_among
from exptools.viewing.curves.baseline import (
    UNCERTAIN,
    Against,
    Partners,
    difference,
    none_at_all,
)
from exptools.viewing.curves.curve_data import GroupCurve
from exptools.viewing.curves.selection import Setting
from exptools.viewing.curves.statistics.aggregation import Method, Seen, aggregate
from exptools.viewing.curves.statistics.centers import CENTERS
from exptools.viewing.curves.statistics.options import Option
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import Key
from exptools.viewing.run import Run
from exptools.viewing.wording import shortened

MOST_NAMED = 3  # groups in a sentence
_PAIR = re.compile(r",\s+(?=[^,=]+=)")  # between "lr=0.1" and "env=Hopper"


class NoBaselineError(QueryError):
    """What should be the baseline is not among the runs that are asked for."""


@dataclass(frozen=True)
class _Base:
    label: str
    runs: tuple[Run, ...]


@dataclass
class Comparison:
    """The groups of a question, each with its baseline, and how their runs were compared."""

    name: str  # of the baseline, as people read it
    percent: bool
    _bases: Mapping[int, _Base | None]  # by a setting's id
    _found: list[tuple[GroupCurve, Partners, bool]] = field(default_factory=list)
    _centers: dict[str, Floats] = field(default_factory=dict)  # of baselines, where they are needed

    @classmethod
    def of(
        cls, settings: Sequence[Setting], keys: Sequence[Key], runs: Sequence[Run], asked: Against
    ) -> Comparison:
        """Find the baseline of each setting.

        It is the group of that label; of ``key=value`` the group that has this value and is like
        the setting in the other keys; or the run of that name.

        Raises:
            NoBaselineError: there is none of that name, with the nearest that there is.
        """
        name = asked.baseline
        for setting in settings:
            if setting.label == name or setting.label.startswith(f"{name} ("):
                base = _Base(setting.label, setting.runs)
                return cls(name, asked.percent, {id(one): base for one in settings})
        wanted = _values_asked(name, keys, settings)
        if wanted:
            found = {id(one): _alike(one, wanted, keys, settings) for one in settings}
            if any(found.values()):
                return cls(name, asked.percent, found)
        run = next((run for run in runs if run.name == name), None)
        if run is None:
            labels = [setting.label for setting in settings]
            near = suggestion(name, labels) if labels else "there are no groups"
            said = shortened(repr(name))
            raise NoBaselineError(
                f"there is no group or run {said} among those shown to be the baseline; {near}"
            )
        return cls(name, asked.percent, {id(one): _Base(name, (run,)) for one in settings})

    def runs_of(self, setting: Setting) -> tuple[Run, ...]:
        """The runs of a setting's baseline; none where it has none."""
        base = self._bases[id(setting)]
        return base.runs if base else ()

    def curve(
        self,
        setting: Setting,
        series: Mapping[str, Series],
        method: Method,
        seen: Seen | None,
    ) -> GroupCurve:
        """The difference of a setting to its baseline; of the baseline itself zero."""
        base, runs = self._bases[id(setting)], setting.runs
        given = (setting.group, setting.label, runs)
        if base is None:
            return GroupCurve(*given, aggregate([], method), setting.best)
        if base.runs == runs:
            own = aggregate([series[run.name] for run in runs], method, seen=seen)
            return GroupCurve(*given, none_at_all(own), setting.best, is_baseline=True)
        if self.percent:
            plain = replace(method, band=Option("none"))
            own = aggregate([series[run.name] for run in base.runs], plain)
            self._centers[base.label] = own.center
        curve, partners = difference(
            runs, base.runs, series, method, percent=self.percent, seen=seen
        )
        group = GroupCurve(*given, curve, setting.best)
        if len(curve.x):
            self._found.append((group, partners, len(base.runs) > 1))
        return group

    def sentences(self, method: Method) -> tuple[str, ...]:
        """What a caption must say: of what the difference is, and what the band is of."""
        center = CENTERS[method.center]
        share = f", in % of its {center}" if self.percent else ""
        said = [f"Shown is the difference to {self.name}{share}."]
        said += self._of_percentages(center)
        paired = [(group, found) for group, found, _ in self._found if found.pairs]
        for by in dict.fromkeys(found.by for _, found in paired):
            same = [(group, found) for group, found in paired if found.by == by]
            said.append(_paired_words(same, by, center, all_of_them=len(same) == len(self._found)))
        others = [(group, several) for group, found, several in self._found if not found.pairs]
        for many in dict.fromkeys(several for _, several in others):
            same_kind = [group for group, several in others if several is many]
            said += filter(None, [_unpaired_words(same_kind, method, several=many)])
        lost = [base for base in self._bases.values() if base is None]
        if lost:
            said.append(f"{len(lost)} {_groups(len(lost))} no baseline and are left out.")
        return tuple(said)

    def _of_percentages(self, center: str) -> Iterator[str]:
        """Where percentages are none, or say little."""
        values = np.concatenate([np.empty(0), *self._centers.values()])
        if (values == 0).any():
            yield f"Where the baseline's {center} is 0 there are no percentages."
        if any((part < 0).any() and (part > 0).any() for part in self._centers.values()):
            yield f"The baseline's {center} has both signs: around 0 percentages say little."


def _groups(number: int) -> str:
    return "group has" if number == 1 else "groups have"


def _paired_words(
    found: Sequence[tuple[GroupCurve, Partners]],
    by: Sequence[str],
    center: str,
    *,
    all_of_them: bool,
) -> str:
    numbers = [len(partners.pairs) for _, partners in found]
    low, high = min(numbers), max(numbers)
    pairs = f"{low} pair{'s' * (low != 1)}" if low == high else f"{low} to {high} pairs"
    which = "Runs" if all_of_them else f"The runs of {_named([group for group, _ in found])}"
    alone = sum(partners.alone for _, partners in found)
    rest = f"; {alone} without a partner {'is' if alone == 1 else 'are'} left out" if alone else ""
    how = f"{center} and band are of the pairs' differences"
    return f"{which} are paired by {' and '.join(by)} ({pairs}): {how}{rest}."


def _unpaired_words(found: Sequence[GroupCurve], method: Method, *, several: bool) -> str:
    band, named = method.band.name, _named(found)
    if band == "none" or max(len(group.runs) for group in found) < 2:
        return ""
    start = f"{named}: not paired, as a run of the smaller side has no partner, or several;"
    if not several:
        return f"{named}: the baseline is one run, so the band is of the other side alone."
    if band not in UNCERTAIN:
        return f"{start} the band is the spread of the group's own runs."
    words = {
        "sem": "the band has the standard errors of both sides",
        "t": "the band is Welch's interval, of both sides",
        "ci": "the band is the bootstrap of both sides",
    }
    return f"{start} {words[band]}."


def _named(groups: Sequence[GroupCurve]) -> str:
    labels = [group.label for group in groups[:MOST_NAMED]]
    more = len(groups) - MOST_NAMED
    return ", ".join([*labels, *([f"{more} more"] if more > 0 else [])])


def _values_asked(
    name: str, keys: Sequence[Key], settings: Sequence[Setting]
) -> dict[int, tuple[object, ...]]:
    """The values of keys, by the keys' places, that ``key=value, key=value`` stands for."""
    # The value of a single key may have commas and equal signs in it.
    parts = [name] if len(keys) == 1 else _PAIR.split(name)
    wanted: dict[int, tuple[object, ...]] = {}
    for part in parts:
        said, equals, text = part.partition("=")
        at = next((i for i, k in enumerate(keys) if said in (k.short, k.name, k.whole)), None)
        if not equals or at is None:
            return {}
        values = [setting.group[at] for setting in settings]
        shown = label_among(values)
        meant = [v for v in values if text in (shown(v), display(v), str(v), keys[at].show(v))]
        if not meant:
            return {}
        wanted[at] = comparison_key(meant[0])
    return wanted


def _alike(
    setting: Setting,
    wanted: Mapping[int, tuple[object, ...]],
    keys: Sequence[Key],
    settings: Sequence[Setting],
) -> _Base | None:
    """The setting with the wanted values that is like another one in all other keys."""
    own = [comparison_key(value) for value in setting.group]
    same = [wanted.get(at, own[at]) for at in range(len(keys))]
    for other in settings:
        if [comparison_key(value) for value in other.group] == same:
            return _Base(other.label, other.runs)
    return None
