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
from itertools import islice
from types import MappingProxyType
from typing import Any

import yaml

from exptools.viewing.configs import safe_yaml as yaml_text
from exptools.viewing.configs.interpolation import is_interpolated, resolve
from exptools.viewing.configs.values import flatten
from exptools.viewing.wording import sound

MAX_KEYS = 5000  # leaves; the page compares each of them over all runs

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


class ConfigTexts:
    """Parses configs, and remembers the sections that it has seen."""

    def __init__(self) -> None:
        self._sections: dict[str, _Section] = {}
        self._keys: dict[str, str | None] = {}  # of a section; None where it cannot stand alone

    def cut(self, text: str) -> list[str]:
        """The lines of a text cut before each top-level key; whole where that is not safe."""
        *parts, last = _SECTION.split(text)
        parts = [*[f"{part}\n" for part in parts], last]
        keys = {self._key(part) for part in parts}
        # Of a key that stands twice the last one counts; a text may be several documents.
        safe = len(keys) == len(parts) and None not in keys and "\n---" not in text
        return parts if safe else [text]

    def parse(self, parts: Sequence[str]) -> Mapping[str, Any]:
        """The config whose text ``cut`` has divided; see ``parse_config``."""
        try:
            return _merged([self._section(part) for part in parts])
        except (ValueError, *_BAD_YAML):
            if len(parts) == 1:
                raise
            # The error, if it is one, with the lines of the text.
            return self.parse(["".join(parts)])

    def _section(self, text: str) -> _Section:
        known = self._sections.get(text)
        if known is None:
            known = self._sections[text] = _parse_yaml(text)
        return known

    def _key(self, part: str) -> str | None:
        if part not in self._keys:
            begin = _PREAMBLE.match(part)
            key = _KEY.match(part, begin.end() if begin else 0)
            self._keys[part] = key and key[0]
        return self._keys[part]


def parse_config(text: str) -> Mapping[str, Any]:
    """A config's leaves by their dotted keys, numbers as Hydra has them, lists as tuples.

    Raises:
        ValueError: the text is no YAML, no mapping, or beyond our limits; the message says why.
    """
    texts = ConfigTexts()
    return texts.parse(texts.cut(text))


def parse_json(text: str, without: Sequence[str] = ()) -> Mapping[str, Any]:
    """As ``parse_config``, of JSON, less some top-level keys.

    Raises:
        ValueError: the text is no JSON, no object, or beyond our limits; the message says why.
    """
    try:
        config = json.loads(text)
    except RecursionError as error:
        raise ValueError("no valid JSON: it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"no valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"a config should be an object, not a {type(config).__name__}")
    return freeze({key: value for key, value in config.items() if key not in without})


def freeze(config: Mapping[Any, Any]) -> Mapping[str, Any]:
    """The leaves of a nested config, read-only, as they are written.

    Raises:
        ValueError: it has more than ``MAX_KEYS``.
    """
    return MappingProxyType(_flat(config))


def _flat(config: Mapping[Any, Any]) -> dict[str, Any]:
    leaves = {sound(key): _frozen(leaf) for key, leaf in islice(flatten(config), MAX_KEYS + 1)}
    if len(leaves) > MAX_KEYS:
        raise ValueError(f"a config of more than {MAX_KEYS} keys is not read")
    return leaves


def _parse_yaml(text: str) -> _Section:
    try:
        config, values = yaml_text.load(text)
    except yaml_text.TooLarge as error:
        raise ValueError(error.problem) from error
    except _BAD_YAML as error:
        raise ValueError(f"no valid YAML: {_first_line(error)}") from error
    if config is not None and not isinstance(config, dict):
        raise ValueError(f"a config should be a mapping, not a {type(config).__name__}")
    leaves = _flat(config or {})
    interpolated = tuple(key for key, leaf in leaves.items() if is_interpolated(leaf))
    return _Section(leaves, values, interpolated)


def _merged(parts: Sequence[_Section]) -> Mapping[str, Any]:
    if sum(part.values for part in parts) > yaml_text.MAX_VALUES:
        raise ValueError(f"more than {yaml_text.MAX_VALUES} values, aliases expanded, are not read")
    leaves: dict[str, Any] = {}
    for part in parts:
        leaves.update(part.leaves)
    if len(leaves) > MAX_KEYS:
        raise ValueError(f"a config of more than {MAX_KEYS} keys is not read")
    interpolated = [key for part in parts for key in part.interpolated]
    return MappingProxyType(resolve(leaves, interpolated) if interpolated else leaves)


def _frozen(value: Any) -> Any:
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    return value


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    return str(problem).partition("\n")[0]
