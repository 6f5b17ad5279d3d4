"""rlpyt's schemas: named tuples without a class for each, so that spawned processes unpickle them.

A schema stands for the class, and makes instances of `NamedTuple` or `NamedArrayTuple`, which know
their names themselves.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from exptools.compat.named_arrays import (
    ArrayFields,
    is_namedarraytuple,
    is_namedarraytuple_class,
    is_namedtuple,
    is_namedtuple_class,
    make_class,
    refuse_reserved,
)


class NamedTuple(tuple[Any, ...]):
    """A named tuple that carries the names of its type and fields.

    Raises:
        ValueError: there are not as many values as fields.
    """

    _typename: str
    _fields: tuple[str, ...]

    def __new__(cls, typename: str, fields: Sequence[str], values: Iterable[Any]) -> NamedTuple:
        """One of these values, in the fields' order."""
        made = super().__new__(cls, values)
        if len(fields) != tuple.__len__(made):
            raise ValueError(f"{typename} has {len(fields)} fields, but {len(made)} values came")
        made.__dict__.update(_typename=typename, _fields=tuple(fields))
        return made

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__.get("_fields", ())
        if name not in fields:
            raise AttributeError(f"{self.__dict__.get('_typename')} has no field {name!r}")
        return tuple.__getitem__(self, fields.index(name))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{self._typename} is a tuple: its fields cannot be set")

    def _make(self, values: Iterable[Any]) -> Any:
        """Another one of this type."""
        return type(self)(self._typename, self._fields, values)

    def _replace(self, **changes: Any) -> Any:
        """Another one, with other values in some fields.

        Raises:
            ValueError: there is no such field.
        """
        unknown = [name for name in changes if name not in self._fields]
        if unknown:
            raise ValueError(f"{self._typename} has no fields {', '.join(unknown)}")
        return self._make(changes.get(name, value) for name, value in self._asdict().items())

    def _asdict(self) -> dict[str, Any]:
        """Each field's value by its name."""
        return dict(zip(self._fields, tuple.__iter__(self), strict=True))

    def __getnewargs__(self) -> tuple[str, tuple[str, ...], tuple[Any, ...]]:
        return self._typename, self._fields, tuple(tuple.__iter__(self))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{self._typename}({fields})"


class NamedArrayTuple(ArrayFields, NamedTuple):
    """A `NamedTuple` whose fields are indexed and written together, as of `namedarraytuple`."""


class NamedTupleSchema:
    """Called like a class of named tuples, it makes a `NamedTuple`.

    Raises:
        TypeError: the type's name is no text.
        ValueError: there cannot be a field of that name.
    """

    _typename: str
    _fields: tuple[str, ...]
    _makes: type[NamedTuple] = NamedTuple

    def __init__(self, typename: str, fields: str | Sequence[str]) -> None:
        if not isinstance(typename, str):
            raise TypeError(f"a type's name should be a text, not {typename!r}")
        names = tuple(re.split(r"[,\s]+", fields.strip()) if isinstance(fields, str) else fields)
        for name in names:
            if not isinstance(name, str) or name.startswith("_") or name in ("index", "count"):
                raise ValueError(f"a field cannot be called {name!r}")
        self.__dict__.update(_typename=typename, _fields=names)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """An instance; TypeError where the arguments are not the fields."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature = inspect.Signature([inspect.Parameter(name, kind) for name in self._fields])
        return self._make(signature.bind(*args, **kwargs).args)

    def _make(self, values: Iterable[Any]) -> Any:
        """An instance with these values, in the fields' order."""
        return self._makes(self._typename, self._fields, values)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise TypeError(f"the schema {self._typename} cannot be changed")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._typename!r}, {self._fields!r})"


class NamedArrayTupleSchema(NamedTupleSchema):
    """Called like a class of `namedarraytuple`, it makes a `NamedArrayTuple`."""

    _makes = NamedArrayTuple

    def __init__(self, typename: str, fields: str | Sequence[str]) -> None:
        super().__init__(typename, fields)
        refuse_reserved(self._fields)


def namedarraytuple_like(example: Any, classname_suffix: bool = False) -> Any:
    """The class of `namedarraytuple` with the names of a named tuple, its class or a schema.

    Raises:
        TypeError: the example is none of these.
    """
    if is_namedarraytuple(example):
        return type(example)
    if is_namedarraytuple_class(example):
        return example
    typename, fields = _names(example)
    return make_class(typename, fields, __name__, classname_suffix=classname_suffix)


def NamedArrayTupleSchema_like(example: Any) -> NamedArrayTupleSchema:
    """The schema with the names of a named tuple, its class or a schema.

    Raises:
        TypeError: the example is none of these.
    """
    if isinstance(example, NamedArrayTupleSchema):
        return example
    return NamedArrayTupleSchema(*_names(example))


def _names(example: Any) -> tuple[str, tuple[str, ...]]:
    if isinstance(example, NamedTuple | NamedTupleSchema):
        return example._typename, example._fields
    if is_namedtuple_class(example) or is_namedarraytuple_class(example):
        return example.__name__, example._fields
    if is_namedtuple(example) or is_namedarraytuple(example):
        return type(example).__name__, example._fields
    raise TypeError(f"a named tuple, its class or a schema is needed, not {type(example).__name__}")
