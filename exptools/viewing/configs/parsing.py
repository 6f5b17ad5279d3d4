"""Configs from their texts: flat, read-only, and no text parsed twice.

The configs of a sweep repeat whole sections. So a YAML text is cut before each of its top-level
keys, and each different section is parsed once: ten thousand configs cost little more than the
first few. Where the sections do not stand for themselves (an alias to another one's anchor, a
value that goes on at the margin), the text is parsed as a whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from exptools.viewing.configs import safe_json, safe_yaml
from exptools.viewing.configs.addresses import blank_addresses, names_an_object
from exptools.viewing.configs.interpolation import is_interpolated, resolve
from exptools.viewing.configs.nested import ConfigTree
from exptools.viewing.configs.overrides import Override
from exptools.viewing.configs.safe_yaml import MAX_DEPTH, MAX_KEYS, MAX_VALUES
from exptools.viewing.configs.values import flatten
from exptools.viewing.memo import Memo
from exptools.viewing.wording import escape_invalid_unicode
from exptools.visible import visible_lines

LITTLE_WORK = 100_000  # of resolving, where it was too much for another job of the sweep
MAX_NAMES = 2**20  # characters of the dotted keys of a config
MOST_MERGED = 2**19  # leaves of configs that are remembered as wholes

NOTHING_DERIVED = frozenset[str]()
NO_CONFIG: Mapping[str, Any] = MappingProxyType({})

_PLAIN = (str, int, bool, type(None))
# Where a line begins with what may be a key; anything else belongs to what is above it.
_SECTION = re.compile(r"\n(?=[^\s#-])")
_KEY = re.compile(r"[A-Za-z_][\w./-]*(?=:(?:[ \n]|\Z))")
_PREAMBLE = re.compile(r"(?:(?:#.*|---)?\n)*")  # of the first section
_BAD_YAML = (yaml.YAMLError, *safe_yaml.BAD_VALUE)


@dataclass(frozen=True, eq=False)
class _Section:
    leaves: Mapping[str, Any]
    values: int  # aliases expanded
    interpolated: tuple[str, ...]  # keys
    first: _Section | None  # the first section with the same keys; None: this one
    changes: Mapping[str, Any]  # the leaves that are others than in that one


class ParsedConfig(NamedTuple):
    """The config that a text holds."""

    config: Mapping[str, Any]  # by dotted keys
    derived: frozenset[str] = NOTHING_DERIVED  # keys made of others: ``random_state: ${seed}``
    was_too_much: bool = False  # to resolve: some of it stands as it was written


class YamlParser:
    """Parses configs, and remembers the sections that it has seen."""

    def __init__(self) -> None:
        self._sections = Memo(self._section)  # by their texts
        self._keys = Memo(_key)  # of sections, by their texts
        self._too_much: set[tuple[str, ...]] = set()  # texts of sweeps; see ``overridden``
        self._first: dict[tuple[str, ...], _Section] = {}  # with these keys
        # A config of sections that are the first of their kind, with no key in common.
        self._merged_first: dict[tuple[_Section, ...], Mapping[str, Any]] = {}
        self._merged_leaves = 0  # in all of these

    def cut(self, text: str) -> list[str]:
        """The lines of a text cut before each top-level key; whole where that is not safe."""
        *parts, last = _SECTION.split(text)
        if len(parts) >= MAX_KEYS:
            return [text]  # one look at the whole is enough to refuse it
        parts = [*[f"{part}\n" for part in parts], last]
        keys = set(map(self._keys.__getitem__, parts))
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
            return self._parsed(list(map(self._sections.__getitem__, parts)))
        except (ValueError, *_BAD_YAML):
            if len(parts) == 1:
                raise
            # The error, if it is one, with the lines of the text.
            return self.read(["".join(parts)])

    def overridden(self, parts: Sequence[str], overrides: Sequence[Override]) -> ParsedConfig:
        """The same, with some values set as overrides say; what is made of them follows."""
        sections = list(map(self._sections.__getitem__, parts))
        before = {key: leaf for section in sections for key, leaf in section.leaves.items()}
        tree = ConfigTree()
        for key, leaf in before.items():
            tree.put(key, leaf)
        for override in overrides:
            if override.sign == "~":
                tree.remove(override.key)
            elif isinstance(override.value, Mapping):
                tree.merge(override.key, {k: _frozen(v) for k, v in flatten(override.value)})
            else:
                tree.put(override.key, _frozen(override.value))
        leaves = tree.leaves(MAX_NAMES)
        # Thousands of jobs may share what their sweep says.
        known = {key for section in sections for key in section.interpolated}
        interpolated = [
            key
            for key, leaf in leaves.items()
            if (key in known if before.get(key, tree) is leaf else is_interpolated(leaf))
        ]
        # Nor does each of them have as much work as one that has found it to be too much.
        work = LITTLE_WORK if tuple(parts) in self._too_much else None
        values = sum(section.values for section in sections)
        config = _config(leaves, interpolated, values, work)
        if config.was_too_much:
            self._too_much.add(tuple(parts))
        return config

    def _section(self, text: str) -> _Section:
        if not self._sections:  # emptied, for they were too many
            self._first.clear()
            self._too_much.clear()
            self._forget_merged()
        leaves, values = _parse_yaml(text)
        interpolated = tuple(key for key, leaf in leaves.items() if is_interpolated(leaf))
        first = self._first.get(tuple(leaves))
        if first is None:
            section = _Section(leaves, values, interpolated, None, {})
            return self._first.setdefault(tuple(leaves), section)
        changes = {key: leaf for key, leaf in leaves.items() if not _same(leaf, first.leaves[key])}
        return _Section({**first.leaves, **changes}, values, interpolated, first, changes)

    def _parsed(self, parts: Sequence[_Section]) -> ParsedConfig:
        interpolated: list[str] = []
        values = 0
        for part in parts:
            values += part.values
            if part.interpolated:
                interpolated += part.interpolated
        return _config(self._merged(parts), interpolated, values)

    def _merged(self, parts: Sequence[_Section]) -> dict[str, Any]:
        """The leaves of all parts; what the configs of a sweep share is put together once."""
        firsts = tuple([part.first or part for part in parts])
        merged = self._merged_first.get(firsts)
        if merged is None:
            merged = {key: leaf for part in firsts for key, leaf in part.leaves.items()}
            if len(merged) < sum([len(part.leaves) for part in parts]):  # the last of each counts
                return {key: leaf for part in parts for key, leaf in part.leaves.items()}
            if self._merged_leaves + len(merged) > MOST_MERGED:
                self._forget_merged()
            self._merged_first[firsts] = merged
            self._merged_leaves += len(merged)
        leaves = dict(merged)
        for part in parts:
            if part.changes:
                leaves |= part.changes
        return leaves

    def _forget_merged(self) -> None:
        self._merged_first.clear()
        self._merged_leaves = 0


def _config(
    leaves: dict[str, Any], interpolated: list[str], values: int, work: int | None = None
) -> ParsedConfig:
    """A config of these leaves: some are made of others, and ``values`` stand in all of them.

    ``work``: see ``resolve``.
    """
    if values > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES} values, aliases expanded, are not read")
    if len(leaves) > MAX_KEYS:
        raise ValueError(f"a config of more than {MAX_KEYS} keys is not read")
    if not interpolated:
        return ParsedConfig(MappingProxyType(leaves))
    resolved, was_too_much = resolve(leaves, interpolated, work)
    derived = _derived(resolved, interpolated)
    return ParsedConfig(MappingProxyType(resolved), derived, was_too_much)


def _key(section: str) -> str | None:
    """The key of a section; None where it cannot stand alone."""
    begin = _PREAMBLE.match(section)
    key = _KEY.match(section, begin.end() if begin else 0)
    return key and key[0]


def parse_json(text: str, without: Sequence[str] = ()) -> Mapping[str, Any]:
    """As ``YamlParser.parse``, of JSON, less some top-level keys."""
    config = safe_json.load(text)
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
    return MappingProxyType(resolve(leaves, interpolated)[0] if interpolated else leaves)


def _flat(config: Mapping[Any, Any]) -> dict[str, Any]:
    """The leaves of a nested config, as they are written."""
    leaves: dict[str, Any] = {}
    objects: Counter[str] = Counter()
    length = 0
    for key, leaf in flatten(config):
        length += len(key)
        if len(leaves) == MAX_KEYS:
            raise ValueError(f"a config of more than {MAX_KEYS} keys is not read")
        if length > MAX_NAMES:  # a long key is part of the name of each leaf below it
            raise ValueError(f"keys of more than {MAX_NAMES} characters together are not read")
        leaves[_unused(blank_addresses(visible_lines(key)), leaves, objects)] = _frozen(leaf)
    return leaves


def _unused(key: str, leaves: Mapping[str, Any], objects: Counter[str]) -> str:
    """A key that is not taken: those of two objects of one type differ in their addresses only."""
    if key not in leaves or not names_an_object(key):
        return key
    name = key
    while name in leaves:
        objects[key] += 1
        name = f"{key} ({objects[key] + 1})"
    return name


def _parse_yaml(text: str) -> tuple[dict[str, Any], int]:
    """The leaves of a text, and how many values it has, aliases expanded."""
    try:
        config, values = safe_yaml.load(text)
    except safe_yaml.TooLarge as error:
        raise ValueError(error.problem) from error
    except _BAD_YAML as error:
        raise ValueError(f"no valid YAML: {safe_yaml.problem(error)}") from error
    if config is not None and not isinstance(config, dict):
        raise ValueError(f"a config should be a mapping, not a {type(config).__name__}")
    return _flat(config or {}), values


def _same(value: Any, other: Any) -> bool:
    """Whether two leaves are one plain value; 1 is neither 1.0 nor True, and 0.0 is not -0.0."""
    if type(value) is not type(other):
        return False
    if type(value) is float:
        return repr(value) == repr(other)
    return type(value) in _PLAIN and value == other


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
