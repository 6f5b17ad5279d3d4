"""Names of keys: a key's end is enough where no other key ends so, in any case of letters."""

from __future__ import annotations

from collections.abc import Set
from functools import cached_property

from exptools.hints import MOST_LISTED, each_by_itself, similar, suggestion
from exptools.viewing.configs.addresses import names_an_object
from exptools.viewing.configs.values import MOST_PARTS, endings
from exptools.viewing.errors import QueryError
from exptools.viewing.wording import shortened, what_is_below

RUN, CONFIG = "run.", "config."  # before a key that a run and its config both have
SUMMARY = "summary."  # before the name of a value in the runs' summaries
OWN = ("name", "state", "sweep")  # what a run has by itself
# What its status says beside its state: known by these names where no key of a config ends so.
OF_STATUS = ("duration", "started", "host", "element", "slot", "commit")

# Of a condition's language: a key of that name stands in double quotes there.
WORDS = frozenset(
    {"and", "or", "not", "in", "between", "like", "ilike", "is", "null", "true", "false"}
)


class KeyNames:
    """The keys of some runs, to be found by what people type.

    Args:
        keys: those of the configs, and with ``summary.`` before them those of the summaries.
    """

    def __init__(self, keys: Set[str]) -> None:
        self.keys = keys

    def find(self, name: str) -> str:
        """The whole name of the key that is meant.

        The first of these that there is: the name itself, of a config, of the run, or of a summary;
        the end of one key alone; both again without regard to upper and lower case; and what a
        run's status says.

        Raises:
            QueryError: there is none, or there are several.
        """
        meant = self._meant(name)
        if len(meant) == 1:
            return meant[0]
        if name in OWN and meant:
            raise QueryError(
                f"the runs have a {name}, and so have their configs: "
                f"say {RUN}{name} or {CONFIG}{name}"
            )
        if meant:
            listed = ", ".join(map(shortened, meant[:MOST_LISTED]))
            listed += ", …" if len(meant) > MOST_LISTED else ""
            raise QueryError(f"several keys are {name!r} at their end: say which of {listed}")
        raise QueryError(f"no run has a key {shortened(name)!r}; {self._suggestion(name)}")

    def has(self, name: str) -> bool:
        """Whether there is a key that may be meant, or several."""
        return bool(self._meant(name))

    def has_exactly(self, name: str) -> bool:
        """Whether there is a key of this whole name."""
        return self._exact(name) is not None

    def short(self, key: str) -> str:
        """The shortest end of a key by which it is found; no word of the conditions' language."""
        ends = (end for end in endings(key) if end.lower() not in WORDS)
        return next((end for end in ends if self._meant(end) == [key]), key)

    def _suggestion(self, name: str) -> str:
        """The nearest key, by its whole name or its end."""
        if several := each_by_itself(name, self.has):
            return several
        if has := what_is_below(name, sorted(self.keys)):
            return f"it is a section of their configs: it has {has}"
        known = sorted(self.keys | {*OWN})
        ends = {end: keys[0] for end, keys in self._ending_in.items() if end not in self.keys}
        of_configs = [end for end, key in ends.items() if not key.startswith(SUMMARY)]
        close = similar(name, [*known, *of_configs]) or similar(name, ends) or ""
        return f"did you mean {ends[close]!r}?" if close in ends else suggestion(name, known)

    def _meant(self, name: str) -> list[str]:
        """The whole names of the keys that a name may mean, in the order of their names."""
        if name in OWN and name in self.keys:
            return [f"{RUN}{name}", f"{CONFIG}{name}"]
        exact = self._exact(name)
        if exact is not None:
            return [exact]
        return (
            self._ending_in.get(name)
            or self._same_but_case.get(name.lower())
            or self._ending_but_case.get(name.lower())
            or self._of_configs(name)
            or ([f"{RUN}{name}"] if name in OF_STATUS else [])
        )

    def _of_configs(self, name: str) -> list[str]:
        """What ``config.name`` means where ``name`` is but the end of a config's key."""
        if not name.startswith(CONFIG):
            return []
        return self.longer(name.removeprefix(CONFIG))

    def longer(self, end: str) -> list[str]:
        """The keys of the configs that have this end and more before it."""
        return [key for key in self._ending_in.get(end, ()) if not key.startswith(SUMMARY)]

    def _exact(self, name: str) -> str | None:
        if name in self.keys:
            return name
        if (own := name.removeprefix(RUN)) in OWN:
            return own_name(own, self.keys)
        if name.startswith(RUN) and own in OF_STATUS:
            return name
        if name.startswith(CONFIG) and (key := name.removeprefix(CONFIG)) in self.keys:
            return config_name(key)
        return f"{SUMMARY}{name}" if f"{SUMMARY}{name}" in self.keys else None

    @cached_property
    def _ending_in(self) -> dict[str, list[str]]:
        owners: dict[str, list[str]] = {}
        for key in sorted(self.keys):
            if names_an_object(key):  # a program's memory may repeat what a key says
                continue
            for end in _ends_of(key):
                owners.setdefault(end, []).append(key)
        return owners

    @cached_property
    def _same_but_case(self) -> dict[str, list[str]]:
        alike: dict[str, list[str]] = {}
        for key in (*OWN, *sorted(self.keys)):
            whole = own_name(key, self.keys) if key in OWN else key
            alike.setdefault(key.removeprefix(SUMMARY).lower(), []).append(whole)
        return alike

    @cached_property
    def _ending_but_case(self) -> dict[str, list[str]]:
        alike: dict[str, list[str]] = {}
        for end, keys in self._ending_in.items():
            alike.setdefault(end.lower(), []).extend(keys)
        return {end: list(dict.fromkeys(keys)) for end, keys in alike.items()}


def _ends_of(key: str) -> list[str]:
    """The ends by which a key is found; of a config group within others the end of its name."""
    parts = key.rsplit("/", MOST_PARTS)
    groups = ["/".join(parts[start:]) for start in range(1, len(parts))]
    return [*endings(key)[:-1], *(groups if "." not in key else [])]


def config_name(key: str) -> str:
    """What to call a key of the configs, also where the runs have one of that name themselves."""
    return f"{CONFIG}{key}" if key in OWN else key


def own_name(key: str, keys: Set[str]) -> str:
    """What to call a key of the runs' own, also where it is known from the configs, too."""
    return f"{RUN}{key}" if key in keys else key
