"""What travels between a sweep's processes: by name where both have it, else by value."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from types import CodeType
from typing import Any

import cloudpickle

_MAIN = "__main__"


@dataclass(frozen=True)
class NotSent:
    """Stands in a return value for a part that cannot be sent between processes."""

    what: str  # its representation


def dumps(content: object, *, main_by_name: bool = True) -> bytes:
    """Pickle something for another process, as cloudpickle does.

    Args:
        content: what to pickle.
        main_by_name: whether that process runs the same program, so that what has a name in
            ``__main__`` need not travel.

    Raises what pickling raises, which runs code of the user's objects.
    """
    buffer = io.BytesIO()
    _Pickler(buffer, main_by_name=main_by_name).dump(content)
    return buffer.getvalue()


def without_unsendable(value: Any) -> tuple[Any, list[str]]:
    """A value with each part that cannot be pickled replaced by a `NotSent`, and those parts.

    Parts are members of dictionaries, lists, tuples and dataclasses; each is named as Python would
    reach it, such as ``['trainer']``.
    """
    lost: list[str] = []
    return _without_unsendable(value, "", lost, frozenset()), lost


def _without_unsendable(value: Any, path: str, lost: list[str], above: frozenset[int]) -> Any:
    if _is_sendable(value):
        return value
    if id(value) not in above:  # a list in itself has no end
        above |= {id(value)}
        rebuild = _parts(value)
        if rebuild is not None:
            parts, make = rebuild
            kept = [_without_unsendable(part, path + name, lost, above) for name, part in parts]
            made = make(kept)
            if _is_sendable(made):
                return made
    lost.append(f"{path or 'the whole'} ({type(value).__qualname__})")
    return NotSent(_describe(value))


def _parts(value: Any) -> tuple[list[tuple[str, Any]], Callable[[list[Any]], Any]] | None:
    """The parts of a container with their names, and what makes one of other parts."""
    if isinstance(value, dict):
        members = [(f"[{_describe(key)}]", member) for key, member in value.items()]
        keys = [(f" key {_describe(key)}", key) for key in value]
        return members + keys, lambda kept: dict(zip(kept[len(value) :], kept, strict=False))
    if type(value) in (list, tuple):
        return [(f"[{i}]", part) for i, part in enumerate(value)], type(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        names = zip(value._fields, value, strict=True)
        return [(f".{name}", part) for name, part in names], value._make  # type: ignore[attr-defined]
    if is_dataclass(value) and not isinstance(value, type):
        settable = [field.name for field in fields(value) if field.init]
        parts = [(f".{name}", getattr(value, name)) for name in settable]
        return parts, lambda kept: replace(value, **dict(zip(settable, kept, strict=True)))
    return None


def _is_sendable(value: object) -> bool:
    try:
        cloudpickle.loads(dumps(value))  # some can be written, but not read back
    except Exception:  # noqa: BLE001 (pickling runs code of the user's classes)
        return False
    return True


def _describe(value: object) -> str:
    try:
        return repr(value)[:200]
    except Exception:  # noqa: BLE001 (the user's own __repr__)
        return type(value).__qualname__


def _reduce_code(code: CodeType) -> tuple[Any, ...]:
    _, arguments = cloudpickle.Pickler.dispatch_table[CodeType](code)
    return _make_code, (code.co_filename, *arguments)


def _make_code(file: str, *arguments: Any) -> CodeType:
    return CodeType(*arguments).replace(co_filename=file)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Cloudpickle's, with functions that know their file.

    Since 3.1.3 it takes the file's name out of what it pickles by value, and a traceback would show
    no line of the user's program.
    """

    dispatch_table = cloudpickle.Pickler.dispatch_table.new_child({CodeType: _reduce_code})

    def __init__(self, buffer: io.BytesIO, *, main_by_name: bool) -> None:
        super().__init__(buffer)
        self._main_by_name = main_by_name

    def reducer_override(self, obj: Any) -> Any:
        """See `pickle.Pickler`: leave to it what it pickles by name."""
        if self._main_by_name and getattr(obj, "__module__", None) == _MAIN:
            path = getattr(obj, "__qualname__", None)
            if isinstance(path, str) and find_member(_MAIN, path) is obj:
                return NotImplemented
        return super().reducer_override(obj)


def find_member(module: str, path: str) -> Any:
    """What a loaded module has by a name such as ``Class.method``; None if it has not."""
    member: Any = sys.modules.get(module)
    for name in path.split("."):
        member = getattr(member, name, None)
    return member


def find_wrapped(module: str, path: str) -> Iterator[Any]:
    """What a loaded module has by a name, then what that wraps, and so on."""
    member = find_member(module, path)
    while member is not None:
        yield member
        member = getattr(member, "__wrapped__", None)
