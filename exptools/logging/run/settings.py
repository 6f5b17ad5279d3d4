"""What a run was made with, as JSON can say it: of dictionaries, namespaces, dataclasses and such.

Equal settings have equal texts in every process: no address of an object is in them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from types import SimpleNamespace
from typing import Any

LONGEST = 10_000  # characters of a value; what is longer is there with its beginning and its hash
_SHOWN = 200
_MOST_NUMBERS = 1000  # of an array
_DEEPEST = 50
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def as_settings(config: object) -> dict[str, Any]:
    """The settings by their names, as nested as they were given.

    Numbers, booleans, texts and None stay what they are; tuples and sets are lists; of an Enum its
    name counts, of a path its text, of a function or class where it is defined. Interpolations of
    OmegaConf's (``${oc.env:TOKEN}``) stay as they are written.

    Args:
        config: a mapping, an ``argparse.Namespace``, a dataclass's instance, a config of
            OmegaConf's, or another object that can be asked for its fields.

    Raises:
        TypeError: it is none of these.
        ValueError: it is nested more than 50 deep, or holds itself.
    """
    fields = _fields(config)
    if fields is None:
        raise TypeError(
            "a run's config is a mapping of names to values, an argparse.Namespace, a dataclass's "
            f"instance or a config of OmegaConf's, not {type(config).__name__} {config!r:.60}"
        )
    return _plain_fields(fields, (id(config),))


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """The values by their names that an object holds, None where it is one value itself."""
    if isinstance(value, (type, Enum)):
        return None
    fields: Mapping[Any, Any] | None = _from_omegaconf(value, "DictConfig")
    if fields is not None:
        return fields
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    argparse = sys.modules.get("argparse")
    if isinstance(value, SimpleNamespace) or (argparse and isinstance(value, argparse.Namespace)):
        return vars(value)
    for method in ("_asdict", "model_dump"):  # named tuples, pydantic
        if callable(ask := getattr(value, method, None)):
            fields = ask()
    return fields if isinstance(fields, Mapping) else None


def _from_omegaconf(value: Any, kind: str) -> Any:
    """A config of OmegaConf's as plain Python; None for anything else, or where it is missing."""
    omegaconf = sys.modules.get("omegaconf")
    if omegaconf is None or not isinstance(value, getattr(omegaconf, kind)):
        return None
    plain = omegaconf.OmegaConf.to_container(value, resolve=False, enum_to_str=True)
    return plain if isinstance(plain, (dict, list)) else {"DictConfig": {}, "ListConfig": []}[kind]


def _plain_fields(fields: Mapping[Any, Any], above: tuple[int, ...]) -> dict[str, Any]:
    return {
        key if type(key) is str else str(_plain(key, above)): _plain(value, above)
        for key, value in fields.items()
    }


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    """A value as JSON has it; ``above`` identifies what holds it."""
    if value is None or isinstance(value, (bool, int, float, str, Enum)):
        return _plain_scalar(value)
    if id(value) in above:
        raise ValueError(f"a run's config holds itself: a {type(value).__name__} is within itself")
    if len(above) > _DEEPEST:
        raise ValueError(f"a run's config is nested {_DEEPEST} deep at most")
    fields = _fields(value)
    if fields is not None:
        return _plain_fields(fields, (*above, id(value)))
    items = _items(value)
    if items is not None:
        plain = [_plain(item, (*above, id(value))) for item in items]
        if isinstance(value, (set, frozenset)):
            plain.sort(key=json.dumps)
        return _bounded(plain, json.dumps(plain, ensure_ascii=False))
    if callable(item := getattr(value, "item", None)) and getattr(value, "ndim", 1) == 0:
        with suppress(RuntimeError):  # of a tensor without data
            return _plain(item(), above)  # NumPy's scalars, tensors without dimensions
    text = _text(value)
    return _bounded(text, text)


def _plain_scalar(value: Any) -> Any:
    """The same without what a class of the user's adds to it."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, str):
        return _bounded(str(value), str(value))
    if isinstance(value, int) and abs(value) >= 2**1024:  # Python reads no thousands of digits
        return _bounded(hex(value), hex(value))
    kind = next((kind for kind in (bool, int, float) if isinstance(value, kind)), None)
    return value if kind is None else kind(value)


def _items(value: Any) -> list[Any] | None:
    """What a sequence, a set or a small array holds; None for anything else."""
    plain = _from_omegaconf(value, "ListConfig")
    if plain is not None:
        return list(plain)
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return list(value)
    shape = getattr(value, "shape", None)
    if shape and callable(getattr(value, "tolist", None)):
        size = 1
        for length in shape:
            size *= length
        if size <= _MOST_NUMBERS:
            return list(value.tolist())
    return None


def _text(value: Any) -> str:
    """What a person calls a value that has no place in JSON."""
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    try:
        return _ADDRESS.sub("", str(value))
    except Exception:  # noqa: BLE001 (code of the user's classes)
        return type(value).__name__


def _bounded(value: Any, text: str) -> Any:
    """The value, or of one that is too long its beginning and a hash that tells it from others."""
    if len(text) <= LONGEST:
        return value
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
    return f"{text[:_SHOWN]}… ({len(text)} characters, SHA-256 {digest}…)"
