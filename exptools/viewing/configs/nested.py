"""A config as a tree of sections, in which whole sections are replaced and removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from exptools.viewing.configs.safe_yaml import MAX_DEPTH
from exptools.viewing.configs.values import segments

_Section = dict[str, Any]  # leaves by the last part of their keys, and other sections: dicts


class ConfigTree:
    """Leaves by their dotted keys. No leaf is a dict."""

    def __init__(self) -> None:
        self._root: _Section = {}

    def put(self, key: str, leaf: Any) -> None:
        """Set a leaf, in place of what was there; what was no section above it becomes one.

        Raises:
            ValueError: it is deeper than any config that is read.
        """
        *above, last = _parts(key)
        section = self._root
        for part in above:
            inside = section.get(part)
            if not isinstance(inside, dict):
                inside = section[part] = {}
            section = inside
        section[last] = leaf

    def merge(self, key: str, leaves: Mapping[str, Any]) -> None:
        """Add leaves below a key to those that are there; it becomes a section, if only for them.

        Raises:
            ValueError: as ``put``.
        """
        if not leaves and not isinstance(self._at(_parts(key)), dict):
            self.put(key, MappingProxyType({}))
        for below, leaf in leaves.items():
            self.put(f"{key}.{below}", leaf)

    def remove(self, key: str) -> None:
        """Remove a leaf or a section, if there is one."""
        *above, last = _parts(key)
        section = self._at(above)
        if isinstance(section, dict):
            section.pop(last, None)

    def leaves(self, most: int) -> dict[str, Any]:
        """All leaves by their keys, section by section; an empty section is none.

        Raises:
            ValueError: the keys have more than ``most`` characters together.
        """
        found: dict[str, Any] = {}
        for key, leaf in _leaves(self._root, ""):
            most -= len(key)
            if most < 0:
                raise ValueError("keys of a config that are so long together are not read")
            found[key] = leaf
        return found

    def _at(self, parts: list[str]) -> Any:
        section: Any = self._root
        for part in parts:
            section = section.get(part) if isinstance(section, dict) else None
        return section


def _parts(key: str) -> list[str]:
    parts = segments(key)
    if len(parts) > MAX_DEPTH:
        raise ValueError(f"keys of more than {MAX_DEPTH} parts are not read")
    return parts


def _leaves(section: _Section, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, inside in section.items():
        if isinstance(inside, dict):
            yield from _leaves(inside, f"{prefix}{name}.")
        else:
            yield prefix + name, inside
