"""Configs from their texts: flat, read-only, and no text parsed twice.

The configs of a sweep repeat whole sections. So a YAML text is cut before each of its top-level
keys, and each different section is parsed once: ten thousand configs cost little more than the
first few. Where the sections do not stand for themselves (an alias to another one's anchor, a
value that goes on at the margin), the text is parsed as a whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from exptools.viewing.configs import safe_yaml
from exptools.viewing.configs.addresses import blank_addresses, names_an_object
from exptools.viewing.configs.interpolation import is_interpolated, resolve
from exptools.viewing.configs.overrides import Override
from exptools.viewing.configs.safe_yaml import MAX_DEPTH, MAX_KEYS, MAX_VALUES
from exptools.viewing.configs.values import flatten
from exptools.viewing.wording import escape_invalid_unicode

MAX_NAMES = 2**20  # characters of the dotted keys of a config

NOTHING_DERIVED = frozenset[str]()
NO_CONFIG: Mapping[str, Any] = MappingProxyType({})

# Where a line begins with what may be a key; anything else belongs to what is above it.
_SECTION = re.compile(r"\n(?=[^\s#-])")
_KEY = re.compile(r"[A-Za-z_][\w./-]*(?=:(?:[ \n]|\Z))")
_PREAMBLE = re.compile(r"(?:(?:#.*|---)?\n)*")  # of the first section
# What PyYAML raises for a value that is not of the type that its tag says.
_BAD_YAML = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


@dataclass(frozen=True)
class _Section:
    leaves: Mapping[str, Any]
    values: int  # aliases expanded
    interpolated: tuple[str, ...]  # keys


class ParsedConfig(NamedTuple):
    """The config that a text holds."""

    config: Mapping[str, Any]  # by dotted keys
    derived: frozenset[str] = NOTHING_DERIVED  # keys made of others: ``random_state: ${seed}``


class YamlParser:
    """Parses configs, and remembers the sections that it has seen."""

    def __init__(self) -> None:
        self._sections: dict[str, _Section] = {}
        self._keys: dict[str, str | None] = {}  # of a section; None where it cannot stand alone

    def cut(self, text: str) -> list[str]:
        """The lines of a text cut before each top-level key; whole where that is not safe."""
        *parts, last = _SECTION.split(text)
        if len(parts) >= MAX_KEYS:
            return [text]  # one look at the whole is enough to refuse it
        parts = [*[f"{part}\n" for part in parts], last]
        keys = {self._key(part) for part in parts}
        # Of a key that stands twice the last one counts; a text may be several documents.
        safe = len(keys) == len(parts) and None not in keys and "\n---" not in text
        return parts if safe else [text]

    def parse(self, parts: Sequence[str]) -> Mapping[str, Any]:
        """The config of a text that ``cut`` has divided.

        Its leaves by their dotted keys, numbers as Hydra has them, lists as tuples.
        """
        return self.read(parts).config

    def read(self, parts: Sequence[str]) -> ParsedConfig:
        """The same, with the keys whose values are made of others'."""
        try:
            return _merged([self._section(part) for part in parts])
        except (ValueError, *_BAD_YAML):
            if len(parts) == 1:
                raise
            # The error, if it is one, with the lines of the text.
            return self.read(["".join(parts)])

    def overridden(self, parts: Sequence[str], overrides: Sequence[Override]) -> ParsedConfig:
        """The same, with some values set as overrides say; what is made of them follows."""
        sections = list(map(self._section, parts))
        leaves: dict[str, Any] = {}
        for section in sections:
            leaves |= section.leaves
        for override in overrides:
            given = override.value
            if override.sign == "~" or not isinstance(given, Mapping):  # a mapping is merged
                below = f"{override.key}."
                leaves = {k: v for k, v in leaves.items() if not k.startswith(below)}
            if override.sign == "~":
                leaves.pop(override.key, None)
            elif isinstance(given, Mapping) and given:
                leaves.pop(override.key, None)
                leaves |= {f"{override.key}.{key}": _frozen(v) for key, v in flatten(given)}
            else:
                leaves[override.key] = _frozen(given)
        interpolated = tuple(key for key, leaf in leaves.items() if is_interpolated(leaf))
        values = sum(section.values for section in sections)
        return _merged([_Section(leaves, values, interpolated)])

    def _section(self, text: str) -> _Section:
        section = self._sections.get(text)
        if section is None:
            section = self._sections[text] = _parse_yaml(text)
        return section

    def _key(self, part: str) -> str | None:
        if part not in self._keys:
            begin = _PREAMBLE.match(part)
            key = _KEY.match(part, begin.end() if begin else 0)
            self._keys[part] = key and key[0]
        return self._keys[part]


def parse_json(text: str, without: Sequence[str] = ()) -> Mapping[str, Any]:
    """As ``YamlParser.parse``, of JSON, less some top-level keys."""
    try:
        config = json.loads(text)
    except RecursionError as error:
        raise ValueError("no valid JSON: it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"no valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"a config should be an object, not a {type(config).__name__}")
    try:
        leaves = _flat({key: value for key, value in config.items() if key not in without})
    except RecursionError as error:
        raise ValueError(f"values nested more than {MAX_DEPTH} deep are not read") from error
    return MappingProxyType(leaves)


def flat_settings(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """As ``YamlParser.parse``, of settings that are values already.

    Raises:
        ValueError: there are too many, or they are nested too deeply.
    """
    try:
        leaves = _flat(settings)
    except RecursionError as error:
        raise ValueError(f"values nested more than {MAX_DEPTH} deep are not read") from error
    interpolated = [key for key, leaf in leaves.items() if is_interpolated(leaf)]
    return MappingProxyType(resolve(leaves, interpolated) if interpolated else leaves)


def _flat(config: Mapping[Any, Any]) -> dict[str, Any]:
    """The leaves of a nested config, as they are written."""
    leaves: dict[str, Any] = {}
    length = 0
    for key, leaf in flatten(config):
        length += len(key)
        if len(leaves) == MAX_KEYS:
            raise ValueError(f"a config of more than {MAX_KEYS} keys is not read")
        if length > MAX_NAMES:  # a long key is part of the name of each leaf below it
            raise ValueError(f"keys of more than {MAX_NAMES} characters together are not read")
        leaves[_unused(blank_addresses(escape_invalid_unicode(key)), leaves)] = _frozen(leaf)
    return leaves


def _unused(key: str, leaves: Mapping[str, Any]) -> str:
    """A key that is not taken: those of two objects of one type differ in their addresses only."""
    if key not in leaves or not names_an_object(key):
        return key
    return next(name for at in count(2) if (name := f"{key} ({at})") not in leaves)


def _parse_yaml(text: str) -> _Section:
    try:
        config, values = safe_yaml.load(text)
    except safe_yaml.TooLarge as error:
        raise ValueError(error.problem) from error
    except _BAD_YAML as error:
        raise ValueError(f"no valid YAML: {_first_line(error)}") from error
    if config is not None and not isinstance(config, dict):
        raise ValueError(f"a config should be a mapping, not a {type(config).__name__}")
    leaves = _flat(config or {})
    interpolated = tuple(key for key, leaf in leaves.items() if is_interpolated(leaf))
    return _Section(leaves, values, interpolated)


def _merged(parts: Sequence[_Section]) -> ParsedConfig:
    leaves: dict[str, Any] = {}
    interpolated: list[str] = []
    values = 0
    for part in parts:
        leaves |= part.leaves
        interpolated += part.interpolated
        values += part.values
    if values > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES} values, aliases expanded, are not read")
    if len(leaves) > MAX_KEYS:
        raise ValueError(f"a config of more than {MAX_KEYS} keys is not read")
    if not interpolated:
        return ParsedConfig(MappingProxyType(leaves))
    resolved = resolve(leaves, interpolated)
    return ParsedConfig(MappingProxyType(resolved), _derived(resolved, interpolated))


def _derived(config: Mapping[str, Any], interpolated: Sequence[str]) -> frozenset[str]:
    """The keys of a resolved config that are made of others; what could not be resolved is none."""
    below = tuple(f"{key}." for key in interpolated if key not in config)  # those of a section
    keys = {key for key in config if key.startswith(below)} if below else set()
    keys.update(key for key in interpolated if key in config)
    return frozenset(key for key in keys if not is_interpolated(config[key]))


def _frozen(value: Any, depth: int = 1) -> Any:
    if isinstance(value, str):
        return blank_addresses(escape_invalid_unicode(value))
    if not isinstance(value, (list, tuple, dict)):
        return value
    if depth > MAX_DEPTH:
        raise ValueError(f"values nested more than {MAX_DEPTH} deep are not read")
    if isinstance(value, dict):
        items = {
            blank_addresses(key) if isinstance(key, str) else key: _frozen(item, depth + 1)
            for key, item in value.items()
        }
        return MappingProxyType(items)
    return tuple(_frozen(item, depth + 1) for item in value)


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    return str(problem).partition("\n")[0]
