"""What the names of directories below a run tell: an earlier attempt, a logger, or a place.

Libraries put metrics below a run's directory under names of their own: ``csv/version_0``,
``PPO_1``, ``runs/Nov27_00-59-22_host``. Those say nothing of what was measured; ``train`` and
``fold_3`` do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from exptools.viewing.run import natural_key
from exptools.visible import visible

MANY = 4096  # names and the like that are remembered: runs of one kind have the same
Place = tuple[str, ...]  # names of directories, from a run's own to where its metrics stand
Order = tuple[Any, ...]

# No word is made of others, so that there is one way at most to read a name.
_LOGGERS = r"csv|tb|tensorboardx?|tf|lightning|wandb|mlflow|mlruns"
_OF_LOGGERS = (
    rf"{_LOGGERS}|log(?:s|ger|gers|ging)?|runs?|events?|metrics|summar(?:y|ies)|outputs?|files?"
)
_LOGGERS_ONLY = re.compile(rf"(?:(?:{_OF_LOGGERS})[-_. ]?)+", re.IGNORECASE)
_A_LOGGER = re.compile(_LOGGERS, re.IGNORECASE)

# Parts of one attempt, though they are numbered as attempts are.
_PART = re.compile(
    r"(?:train(?:ing)?|val|valid|validation|validate|test|testing|eval|evaluation|dev|holdout|"
    r"cv|k?folds?|splits?|ranks?|local|global|node|gpu|cuda|device|worker|proc|process|replica|"
    r"shard|env|environment|agent|player|actor|learner|client|server|seed|task|stage|phase|round|"
    r"level|member|model|net|network|layer|head|critic|policy|part|group|expert|generator|"
    r"discriminator|teacher|student|episode|epoch|step|iter|iteration)s?(?![A-Za-z])",
    re.IGNORECASE,
)
_SPLIT = re.compile("train|training|val|valid|validation|eval|evaluation|test|dev", re.IGNORECASE)
# Lightning's, and Stable-Baselines3's: an algorithm has two capitals, PPO or CrossQ; Subject_1 and
# Subject_2 are parts.
_NUMBERED = re.compile(
    r"(version|attempt|try|retry|restart|resume|[A-Z][a-z0-9]*[A-Z][A-Za-z0-9]*)_(\d{1,9})"
)
_WANDB = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-(\w+)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = re.compile(
    # As torch's SummaryWriter names its directories: Nov27_00-59-22.
    rf"(?P<month>{'|'.join(_MONTHS)})(?P<of_month>\d\d_\d\d-\d\d-\d\d)"
    # 2026-11-27_00-59-22, 20261127-005922, 2026-11-27T00:59:22.123, 2026-11-27
    r"|(?<!\d)(?P<date>(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:0[1-9]|[12]\d|3[01])"
    r"(?:[-_T .,]{1,2}\d\d[-_.:h]?\d\d(?:[-_.:m]?\d\d(?:[.,_-]\d{1,6})?)?)?)(?!\d)"
    # 26_11_27-00_59_22
    r"|(?<!\d)(?P<short>\d\d[-_.](?:0[1-9]|1[0-2])[-_.](?:0[1-9]|[12]\d|3[01])"
    r"[-_T .]\d\d[-_.:]\d\d[-_.:]\d\d)(?!\d)"
    r"|^(?P<clock>\d\d[-_.:h]\d\d[-_.:m]\d\d)$"
    # Unix seconds
    r"|(?<!\d)(?P<unix>1\d{9}(?:\.\d{1,7})?)(?!\d)"
)
# Beside a time it is another one in each attempt: ppo__4cdd62eb_26_11_27-00_59_22.
_RANDOM_ID = re.compile(r"(?<![A-Za-z0-9])(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{8}(?![A-Za-z0-9])")
_EVENT_FILE = re.compile(r"\.tfevents\.(\d{10})\.(.*)")


class Attempt(NamedTuple):
    """A directory as one of several attempts at the same."""

    family: tuple[str, str, str]  # before and after the number, and what kind of number it is
    order: Order  # the newest of a family has the largest

    @property
    def is_resumed(self) -> bool:
        """Whether the name has an id that tells the attempts at one run, wherever they are."""
        return self.family[2] == "id"

    @property
    def label(self) -> str:
        """What the attempts have in common, if it says anything."""
        before, after, _ = self.family
        return "" if before == "version" else f"{before}{after}".strip("-_. ")


@lru_cache(MANY)
def attempt(name: str, event_files: tuple[str, ...] = ()) -> Attempt | None:
    """Which attempt a directory is by its name; None where it is none.

    ``event_files`` are the names of those below it: they tell when it was begun, and on which host.
    """
    numbered = _NUMBERED.fullmatch(name)
    if numbered:
        head, number = numbered.groups()
        return None if _PART.match(head) else Attempt((head, "", "number"), (int(number),))
    of_wandb = _WANDB.fullmatch(name)
    if of_wandb:
        return Attempt(("run", of_wandb[2], "id"), (of_wandb[1],))
    time = _TIME.search(name)
    if time is None:
        return None
    tail = name[time.end() :]
    for found in filter(None, map(_EVENT_FILE.search, event_files)):
        # The host in the name of an event file; process and number follow, if at all.
        host = re.sub(r"\.\d+\.\d+(?:\..*)?$", "", found[2])
        if host and tail.startswith(f"_{host}"):  # the next attempt may be on another one
            tail = tail[len(host) + 1 :]
            break
    first = begun_at(event_files) or 0
    order = (first, *_when(time)) if time["month"] else (*_when(time), first)  # it has no year
    before, after = (_RANDOM_ID.sub("", part) for part in (name[: time.start()], tail))
    return Attempt((before, after, time.lastgroup or ""), order)


def begun_at(event_files: Sequence[str]) -> int | None:
    """When the first of some event files was begun, in Unix seconds, as their names tell."""
    found = filter(None, map(_EVENT_FILE.search, event_files))
    return min((int(one[1]) for one in found), default=None)


def _when(time: re.Match[str]) -> Order:
    if time["month"]:
        return _MONTHS.index(time["month"]), time["of_month"]
    return (natural_key(re.sub(r"\D", " ", time[0])),)


def names_logger(name: str) -> bool:
    """Whether a directory is called after a logger: ``tb_logs``, ``csv``."""
    return is_logger(name) and bool(_A_LOGGER.search(name))


@lru_cache(MANY)
def is_logger(name: str) -> bool:
    """Whether a directory is called after what loggers do, and says no more: ``tb``, ``logs``."""
    return bool(_LOGGERS_ONLY.fullmatch(name))


@lru_cache(MANY)
def is_part(name: str) -> bool:
    """Whether a directory is called after a part of the run: ``eval``, ``fold_3``."""
    return bool(_PART.match(name))


def is_split(name: str) -> bool:
    """Whether a directory is called after a part of the data: ``train``, ``validation``."""
    return bool(_SPLIT.fullmatch(name))


@lru_cache(MANY)
def prefixes(places: tuple[tuple[Place, frozenset[str]], ...]) -> tuple[str, ...]:
    """What the metrics' names of each place begin with, given the kinds of files that it has.

    The nearest to the run's directory has its plain names; those of other places with the same
    kind of files are called by their place. The run's own is ``()``. Contents play no part, so a
    name stays what it is.
    """
    names = _names(places)
    lengths: dict[str, list[int]] = {}
    for name, (_, kinds) in zip(names, places, strict=True):
        for kind in kinds:
            lengths.setdefault(kind, []).append(len(name))
    two_nearest = {kind: sorted(its)[:2] for kind, its in lengths.items()}

    def is_plain(name: Place, kinds: frozenset[str]) -> bool:
        if not name or len(places) == 1:
            return True
        if any(map(is_part, name)):
            return False
        nearest = [two_nearest[kind] for kind in kinds]
        return all(its[0] == len(name) and its[1:] != its[:1] for its in nearest)

    return tuple(
        ""
        if is_plain(name, kinds) and not _is_of_split(place, kinds)
        else visible("".join(f"{n}/" for n in name))
        for name, (place, kinds) in zip(names, places, strict=True)
    )


def _is_of_split(place: Place, kinds: frozenset[str]) -> bool:
    """Whether a split's events are there: another run of the sweep may have those of more splits.

    What trainings are called, which have tables (YOLO's ``train``, ``train2``), is no split.
    """
    return bool(place) and kinds == {"events"} and is_split(place[-1])


def _names(places: Sequence[tuple[Place, frozenset[str]]]) -> list[Place]:
    """What to call the places: each by the shortest name that tells it from those of its kinds."""
    names: list[Place] = [()] * len(places)
    left = [at for at, (place, _) in enumerate(places) if place]
    for shorten in (_telling, _without_attempts, lambda place: place):
        for at in left:
            names[at] = shorten(places[at][0])
        times = Counter((names[at], kind) for at in left for kind in places[at][1])
        left = [at for at in left if any(times[names[at], kind] > 1 for kind in places[at][1])]
    return names


def _telling(place: Place) -> Place:
    """The names that say what was measured there."""
    tells = [name if is_part(name) else "" for name in place]
    # Before Lightning's number stands what the logger calls the experiment.
    numbered = max((at for at, name in enumerate(place) if name.startswith("version_")), default=-1)
    for at, name in enumerate(place):
        if at > numbered and not is_logger(name) and attempt(name) is None:
            tells[at] = name
    return _without_attempts(tuple(filter(None, tells)))


def _without_attempts(place: Place) -> Place:
    """The names, of attempts no more than all of them have in common."""
    tries = [attempt(name) for name in place]
    names = [one.label if one else name for one, name in zip(tries, place, strict=True)]
    return tuple(filter(None, names))
