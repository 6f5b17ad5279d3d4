"""Resolve ``${…}`` in a config from the config itself, as OmegaConf would, without OmegaConf.

References to other values are resolved: absolute (``${optim.lr}``), relative (``${.lr}``,
``${..name}``), to a whole node, to an item of a list (``${sizes.0}``, ``${sizes[0]}``), inside
other text and inside one another. Whatever asks for a resolver (``${oc.env:HOME}``) or cannot be
found stays as it was written, for nobody can say later what it stood for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from exptools.viewing.configs.safe_yaml import MAX_DEPTH, MAX_KEYS, MAX_VALUES
from exptools.viewing.configs.values import BETWEEN_SEGMENTS

MAX_TEXT = 10_000  # characters of a resolved text
MAX_WORK = 20_000_000  # characters that are put together for a config, one time or another
LOOK = 50  # characters, as which a value counts each time that it is looked at
MAX_CHAIN = 50  # values that need each other
# Where so many were in longer chains, each of which is followed as far, others are followed so far.
MOST_TOO_DEEP, SHORT_CHAIN = 20, 3
MISSING = "???"  # Hydra's mark of a value that has to be given

_INNERMOST = re.compile(r"\$\{([^${}]*)\}")
_REFERENCE = re.compile(
    r"\s*(\.*)([^\s:.\[\]{}$\\,'\"]+(?:\.[^\s:.\[\]{}$\\,'\"]+|\[[^\[\]]+\])*)\s*"
)


def is_interpolated(value: Any) -> bool:
    """Whether there is a ``${`` in a leaf of a config."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, (list, tuple)):
        return any(map(is_interpolated, value))
    return isinstance(value, Mapping) and any(map(is_interpolated, value.values()))


def resolve(
    leaves: Mapping[str, Any], keys: list[str], work: int | None = None
) -> tuple[dict[str, Any], bool]:
    """The leaves of a flat config with the interpolations in ``keys`` resolved, order kept.

    What would make more than ``MAX_KEYS`` leaves or ``MAX_VALUES`` values stays as it was written,
    and so does what is left when ``work`` (``MAX_WORK``) was done: then that is said, too.
    """
    resolver = _Resolver(leaves, MAX_WORK if work is None else work)
    resolved: dict[str, Any] = {}
    wanted, values = set(keys), 0
    for key, value in leaves.items():
        new = resolver.value(key) if key in wanted and values <= MAX_VALUES else value
        values += _count(new) if new is not value else 0
        too_many = values > MAX_VALUES and not isinstance(new, str)
        if not isinstance(new, _Node):
            resolved[key] = value if too_many else new
        elif too_many or len(resolved) + len(new.leaves) + len(leaves) > MAX_KEYS:
            resolved[key] = value
        else:
            resolved |= {f"{key}.{below}": leaf for below, leaf in new.leaves.items()}
    return resolved, resolver.work_left < 0


class _Unresolved(Exception):
    """The value stays as it was written."""


class _Node:
    """A mapping that an interpolation stands for, by its leaves."""

    def __init__(self, leaves: dict[str, Any]) -> None:
        self.leaves = leaves


class _TooDeep(_Unresolved):
    """It may be resolved when another key that needs it less indirectly asks."""


class _Resolver:
    def __init__(self, leaves: Mapping[str, Any], work: int) -> None:
        self.work_left = work
        self._leaves = leaves
        self._sizes: dict[str, int] = {}  # of leaves, as they are written
        self._resolved: dict[str, Any] = {}
        self._is_final: dict[str, bool] = {}  # of these: whether others may be made of it
        self._nodes: dict[str, _Node | None] = {}  # by path; None where a leaf stays as written
        self._too_deep = 0  # values in chains that are too long
        self._open: set[str] = set()  # being resolved: who asks for one of these goes in circles

    def value(self, key: str) -> Any:
        """The resolved value of a leaf; as written where it, or one that it needs, cannot be."""
        if key not in self._resolved:
            written = self._leaves[key]
            try:
                self._resolved[key] = self._guarded(key, written)
            except _Unresolved as error:
                self._resolved[key] = written
                self._too_deep += isinstance(error, _TooDeep)
        return self._resolved[key]

    def _spend(self, work: int) -> None:
        self.work_left -= work
        if self.work_left < 0:
            raise _Unresolved

    def _guarded(self, key: str, written: Any) -> Any:
        if key not in self._sizes:
            self._sizes[key] = 1 if isinstance(written, str) else _count(written)
        self._spend(LOOK * self._sizes[key])
        if not is_interpolated(written):
            return written
        if key in self._open:
            raise _Unresolved
        most = MAX_CHAIN if self._too_deep < MOST_TOO_DEEP else SHORT_CHAIN
        if len(self._open) > most:
            raise _TooDeep
        self._open.add(key)
        try:
            return self._content(key, written)
        finally:
            self._open.discard(key)

    def _content(self, key: str, written: Any) -> Any:
        if isinstance(written, str):
            return self._text(key, written)
        if isinstance(written, (list, tuple)):  # in there, a relative one would mean the list
            return tuple(self._item(item) for item in written)
        raise _Unresolved  # a mapping in a list

    def _item(self, item: Any) -> Any:
        if not is_interpolated(item):
            return item
        value = self._content("", item)
        if isinstance(value, _Node):
            raise _Unresolved
        return value

    def _text(self, key: str, text: str) -> Any:
        if "\\" in text:
            raise _Unresolved  # an escape: what it means depends on what follows
        while match := _INNERMOST.search(text):
            value = self._reference(key, match[1])
            if match.span() == (0, len(text)):
                return value
            if isinstance(value, (_Node, tuple, list, Mapping)):
                raise _Unresolved
            text = text[: match.start()] + str(value) + text[match.end() :]
            self._spend(len(text))
            if len(text) > MAX_TEXT:
                raise _Unresolved
        if "${" in text:
            raise _Unresolved
        return text

    def _reference(self, key: str, reference: str) -> Any:
        match = _REFERENCE.fullmatch(reference)
        if match is None or (match[1] and not key):
            raise _Unresolved
        path = re.sub(r"\[([^\[\]]+)\]", r".\1", match[2])
        if match[1]:
            around = key.split(".")[: -len(match[1])]
            if len(match[1]) > len(key.split(".")):
                raise _Unresolved
            path = ".".join([*around, path])
        return self._find(path)

    def _find(self, path: str) -> Any:
        if path in self._leaves:
            return self._final(path)
        if path in self._keys_below:
            return self._node(path)
        if path.count(".") > MAX_DEPTH:  # so deep is no value
            raise _Unresolved
        parent, dot, rest = path.rpartition(".")
        while dot:
            if parent in self._leaves:
                value = self._final(parent)
                self._spend(LOOK * len(value.leaves) if isinstance(value, _Node) else LOOK)
                return _inside(value, rest)
            parent, dot, last = parent.rpartition(".")
            rest = f"{last}.{rest}"
        raise _Unresolved

    @cached_property
    def _keys_below(self) -> dict[str, list[str]]:
        below: dict[str, list[str]] = {}
        for key in self._leaves:
            for dot in BETWEEN_SEGMENTS.finditer(key):
                below.setdefault(key[: dot.start()], []).append(key)
        return below

    def _node(self, path: str) -> _Node:
        if path not in self._nodes:
            self._spend(LOOK * len(self._keys_below[path]))
            try:
                leaves = {k[len(path) + 1 :]: self._leaf(k) for k in self._keys_below[path]}
                self._nodes[path] = _Node(leaves)
            except _TooDeep:
                raise
            except _Unresolved:
                self._nodes[path] = None
        node = self._nodes[path]
        if node is None:
            raise _Unresolved
        return node

    def _leaf(self, key: str) -> Any:
        value = self._final(key)
        if isinstance(value, _Node):
            raise _Unresolved
        return value

    def _final(self, key: str) -> Any:
        """The value of a leaf that another needs, which without it cannot be resolved either."""
        if key not in self._resolved:
            self._resolved[key] = self._guarded(key, self._leaves[key])
        value = self._resolved[key]
        if key not in self._is_final:
            is_node = isinstance(value, _Node)
            self._is_final[key] = is_node or not (value == MISSING or is_interpolated(value))
        if not self._is_final[key]:
            raise _Unresolved
        return value


def _count(value: Any) -> int:
    """How many values there are in one, itself included."""
    if isinstance(value, _Node):
        return sum(map(_count, value.leaves.values()))
    if isinstance(value, Mapping):
        return 1 + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, (list, tuple)) else 1


def _inside(value: Any, path: str) -> Any:
    """What stands at a path in a resolved value."""
    if isinstance(value, _Node):
        if path in value.leaves:
            return value.leaves[path]
        below = {k[len(path) + 1 :]: v for k, v in value.leaves.items() if k.startswith(f"{path}.")}
        if below:
            return _Node(below)
    elif isinstance(value, tuple) and path.isdecimal() and int(path) < len(value):
        return value[int(path)]
    raise _Unresolved
