"""A run's config as a notebook has it: read-only, with errors that say what to write."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from exptools.hints import suggestion
from exptools.viewing.configs.values import segments
from exptools.viewing.errors import QueryError

MOST_NAMED = 5  # keys of a section


class NoKeyError(QueryError, KeyError):
    """The config has no such key; the message says which was probably meant."""

    __str__ = ValueError.__str__  # a KeyError shows its message in quotes


class RunConfig(dict[str, Any]):
    """The values of a run's config by their dotted keys. It cannot be changed."""

    def __missing__(self, key: object) -> NoReturn:
        raise NoKeyError(_no_key(key, self))

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        ends = [key for key in self if segments(key)[-1] == name]
        meant = f', as in config["{ends[0]}"]' if ends else f"; {_no_key(name, self)}"
        raise AttributeError(f"a key of a config stands in brackets{meant}")

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the config of a run cannot be changed; dict(run.config) is a copy")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return RunConfig, (dict(self),)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)


def _no_key(given: object, keys: Iterable[str]) -> str:
    names = list(keys)
    below = [key for key in names if key.startswith(f"{given}.")]
    if below:
        more = ", …" if len(below) > MOST_NAMED else ""
        return f"{given!r} is a section of the config: it has {', '.join(below[:MOST_NAMED])}{more}"
    return f"the config has no key {given!r}; {suggestion(str(given), names)}"
