"""A run's config and summary as a notebook has them: read-only, with errors that help."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, ClassVar, NoReturn

from exptools.hints import suggestion
from exptools.viewing.configs.values import segments
from exptools.viewing.errors import QueryError
from exptools.viewing.wording import what_is_below


class NoKeyError(QueryError, KeyError):
    """There is no such key; the message says which was probably meant."""

    __str__ = ValueError.__str__  # a KeyError shows its message in quotes


class RunConfig(Mapping[str, Any]):
    """The values of a run's config by their dotted keys. It cannot be changed."""

    __slots__ = ("_values",)
    what: ClassVar[str] = "config"

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values  # and no copy: there may be ten thousand runs

    def __getitem__(self, key: str) -> Any:
        try:
            return self._values[key]
        except (KeyError, TypeError):
            raise NoKeyError(_no_key(key, self._values, self.what)) from None

    # As quick as the values themselves: runs are grouped by these.
    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key; the default where the config has none."""
        return self._values.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def keys(self) -> KeysView[str]:
        """The dotted keys."""
        return self._values.keys()

    def values(self) -> ValuesView[Any]:
        """The values, in the order of the keys."""
        return self._values.values()

    def items(self) -> ItemsView[str, Any]:
        """The keys with their values."""
        return self._values.items()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        ends = [key for key in self._values if segments(key)[-1] == name]
        no_key = _no_key(name, self._values, self.what)
        meant = f', as in {self.what}["{ends[0]}"]' if ends else f"; {no_key}"
        raise AttributeError(f"a key of a {self.what} stands in brackets{meant}")

    def __repr__(self) -> str:
        return repr(dict(self._values))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._values,)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._values)


class RunSummary(RunConfig):
    """What a run's summary says, by name. It cannot be changed."""

    __slots__ = ()
    what = "summary"


def _no_key(given: object, keys: Iterable[str], what: str) -> str:
    names = list(keys)
    if has := what_is_below(given, names):
        return f"{given!r} is a section of the {what}: it has {has}"
    return f"the {what} has no key {given!r}; {suggestion(str(given), names)}"
