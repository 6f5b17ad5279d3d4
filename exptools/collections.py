"""``AttrDict``: a dictionary whose keys are attributes, too.

rlpyt's named tuples of arrays are found here, too, as in the original.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypeVar

from exptools.hints import did_you_mean
from exptools.lazy import lazy_attributes

_ARRAYS, _SCHEMAS = "exptools.compat.named_arrays", "exptools.compat.named_schemas"

__getattr__ = lazy_attributes(
    __name__,
    {
        "NamedArrayTuple": _SCHEMAS,
        "NamedArrayTupleSchema": _SCHEMAS,
        "NamedArrayTupleSchema_like": _SCHEMAS,
        "NamedTuple": _SCHEMAS,
        "NamedTupleSchema": _SCHEMAS,
        "RESERVED_NAMES": _ARRAYS,
        "is_named_array_tuple": _ARRAYS,
        "is_namedarraytuple": _ARRAYS,
        "is_namedarraytuple_class": _ARRAYS,
        "is_namedtuple": _ARRAYS,
        "is_namedtuple_class": _ARRAYS,
        "namedarraytuple": _ARRAYS,
        "namedarraytuple_like": _SCHEMAS,
    },
)

_Self = TypeVar("_Self", bound="AttrDict")


class MissingKey(KeyError):
    """A key is not there; the message names the nearest one."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show its repr


class AttrDict(dict[Any, Any]):
    """A dictionary for configs: ``config.optimizer.lr`` is ``config["optimizer"]["lr"]``.

    Plain dictionaries that are put into it become AttrDicts, at every depth. A key that is also a
    method's name (``items``) is reached in brackets only.

    Raises:
        AttributeError: an attribute that is no key; the message names the nearest key.
        MissingKey: the same in brackets; it is a KeyError.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.update(*args, **kwargs)

    def __setitem__(self, key: Hashable, value: Any) -> None:
        # Of this very class, so that what the caller made of another kind stays what it is.
        super().__setitem__(key, AttrDict(value) if type(value) is dict else value)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several keys, as ``dict.update``."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key: Hashable, default: Any = None) -> Any:
        """The value of a key, which is set if it is not there."""
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self: _Self) -> _Self:
        """A copy with AttrDicts of its own at every depth; other values are shared."""
        copied = type(self)()
        for key, value in self.items():
            copied[key] = value.copy() if isinstance(value, AttrDict) else value
        return copied

    def __missing__(self, key: Hashable) -> Any:
        raise MissingKey(self._absent(key))

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        if name.startswith("__"):  # copy and pickle ask for many of these
            raise AttributeError(name)
        raise AttributeError(self._absent(name))

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(type(self), name):
            raise AttributeError(f"{name!r} is a method of a dictionary: write [{name!r}] for it")
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise AttributeError(self._absent(name))
        del self[name]

    def _absent(self, key: Hashable) -> str:
        return f"there is no {key!r} here{other_keys(key, list(self))}"


def other_keys(key: Hashable, existing: list[Any]) -> str:
    """What to add to "there is no such key": the nearest one, and those that there are."""
    hint = did_you_mean(str(key), [name for name in existing if isinstance(name, str)])
    shown = ", ".join(map(repr, existing[:10])) + (", …" if len(existing) > 10 else "")
    return f"{hint} ({f'there are {shown}' if existing else 'it is empty'})"
