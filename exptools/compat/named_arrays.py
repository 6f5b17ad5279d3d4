"""``namedarraytuple``: a named tuple of arrays that is indexed as one, as rlpyt has it.

samples[3:5] has [3:5] of each field; samples[0] = others writes into each field.
"""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

RESERVED_NAMES = ("get", "items")


class ArrayFields:
    """What a named tuple has when an index reaches into each of its fields.

    A field that is None is left out: it stays None.
    """

    __slots__ = ()
    _fields: tuple[str, ...]

    def __getitem__(self, place: Any) -> Any:
        return _remake(self, (_read(self, name, place) for name in self._fields))

    def __setitem__(self, place: Any, value: Any) -> None:
        """Write into each field: of a tuple with the same fields each its own, else all of it."""
        is_alike = isinstance(value, tuple) and getattr(value, "_fields", None) == self._fields
        values = tuple.__iter__(value) if is_alike else [value] * len(self._fields)
        for (name, field), part in zip(_pairs(self), values, strict=True):
            if field is None and (part is None or not is_alike):
                continue
            try:
                field[place] = part
            except (ValueError, IndexError, TypeError) as error:
                raise _naming_field(self, name, error) from error

    def __contains__(self, key: object) -> bool:
        """Whether there is a field of that name; a tuple would look among its values."""
        return key in self._fields

    def get(self, index: int) -> Any:
        """A field by its number, as of a plain tuple."""
        return _get(self, index)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Each field's name and value."""
        return _pairs(self)

    @property
    def shape(self) -> Any:
        """Each field's shape, in such a tuple."""
        shapes = (None if field is None else field.shape for _, field in _pairs(self))
        return _remake(self, shapes)


# What the classes have of it: they are no subclasses, for rlpyt knows them by their ancestors.
_SHARED = {
    name: vars(ArrayFields)[name]
    for name in ("__getitem__", "__setitem__", "__contains__", "get", "items", "shape")
}


def namedarraytuple(
    typename: str,
    field_names: str | Sequence[str],
    return_namedtuple_cls: bool = False,
    classname_suffix: bool = False,
) -> Any:
    """A class of named tuples whose fields are indexed and written together.

    Args:
        typename: the class's name.
        field_names: as ``collections.namedtuple`` takes them; ``get`` and ``items`` are taken.
        return_namedtuple_cls: whether to return the plain named tuple's class, too.
        classname_suffix: whether the classes' names end in ``_nat`` and ``_nt``.

    Raises:
        ValueError: there cannot be a field of that name.
    """
    # Where the caller will keep the class, so that its instances can be pickled.
    module = sys._getframe(1).f_globals.get("__name__", "__main__")
    return make_class(typename, field_names, module, return_namedtuple_cls, classname_suffix)


def make_class(
    typename: str,
    field_names: str | Sequence[str],
    module: str,
    return_namedtuple_cls: bool = False,
    classname_suffix: bool = False,
) -> Any:
    """See `namedarraytuple`; ``module`` is where pickle finds the class."""
    plain_name, name = typename, typename
    if classname_suffix:
        plain_name, name = f"{typename}_nt", f"{typename}_nat"
    plain: Any = namedtuple(plain_name, field_names, module=module)  # type: ignore[misc]
    refuse_reserved(plain._fields)
    shared = {key: value for key, value in _SHARED.items() if key not in plain._fields}
    made = type(name, (plain,), {"__slots__": (), "__module__": module, **shared})
    return (made, plain) if return_namedtuple_cls else made


def refuse_reserved(fields: Iterable[str]) -> None:
    """Raise ValueError if a field has the name of a method."""
    for name in fields:
        if name in RESERVED_NAMES:
            raise ValueError(f"a field cannot be called {name!r}: it is a method of these tuples")


def is_namedtuple_class(obj: object) -> bool:
    """Whether it is a class of ``collections.namedtuple``; a guess by its ancestors."""
    if type(obj) is not type or not issubclass(obj, tuple):
        return False
    return obj.__bases__ == (tuple,) and _looks_named(obj)


def is_namedarraytuple_class(obj: object) -> bool:
    """Whether it is a class of `namedarraytuple`; a guess by its ancestors."""
    if type(obj) is not type or len(obj.__bases__) != 1:
        return False
    return is_namedtuple_class(obj.__bases__[0]) and all(hasattr(obj, n) for n in RESERVED_NAMES)


def is_namedtuple(obj: object) -> bool:
    """Whether it is an instance of such a class."""
    return is_namedtuple_class(type(obj))


def is_namedarraytuple(obj: object) -> bool:
    """Whether it is an instance of such a class."""
    return is_namedarraytuple_class(type(obj))


def is_named_array_tuple(obj: object) -> bool:
    """Whether it is a named tuple of either kind."""
    return is_namedarraytuple(obj) or is_namedtuple(obj)


def _looks_named(obj: type) -> bool:
    return all(hasattr(obj, name) for name in ("_fields", "_asdict", "_make", "_replace"))


def _pairs(arrays: Any) -> Iterator[tuple[str, Any]]:
    return zip(arrays._fields, tuple.__iter__(arrays), strict=True)


def _get(arrays: Any, index: int) -> Any:
    return tuple.__getitem__(arrays, index)


def _read(arrays: Any, name: str, place: Any) -> Any:
    field = _get(arrays, arrays._fields.index(name))
    try:
        return None if field is None else field[place]
    except IndexError as error:
        raise _naming_field(arrays, name, error) from error


def _remake(arrays: Any, fields: Iterable[Any]) -> Any:
    """Another tuple of its kind, be it a class of its own or one that a schema describes."""
    return arrays._make(fields)


def _naming_field(arrays: Any, name: str, error: Exception) -> Exception:
    title = getattr(arrays, "_typename", type(arrays).__name__)
    kind = IndexError if isinstance(error, IndexError) else ValueError
    return kind(f"field {name!r} of {title}: {error}")
