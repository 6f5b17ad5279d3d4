"""Variants: configs that differ in a few keys, and the file in which a run finds its own.

Hydra's multirun does the same on a command line; ``docs/compat.md`` shows both side by side.
"""

from __future__ import annotations

import json
import numbers
import os
import posixpath
from collections.abc import Hashable, Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from exptools.collections import AttrDict, MissingKey, other_keys
from exptools.plain_files import read_plain
from exptools.plain_json import parse_json
from exptools.rundir import write_atomic

VARIANT_FILE = "variant_config.json"
VARIANT = VARIANT_FILE  # the original's name for it

_Config = TypeVar("_Config", bound=dict[Any, Any])


class VariantLevel(NamedTuple):
    """Keys that change together, and the values that they take."""

    keys: Sequence[tuple[Hashable, ...]]  # the path of each key: ("optimizer", "lr")
    values: Sequence[Sequence[Any]]  # a row a choice: a value a key
    dir_names: Sequence[str]  # one a choice, for the path of its directory


def make_variants(
    *variant_levels: VariantLevel, create_subdirs: bool = True
) -> tuple[list[AttrDict], list[str]]:
    """All combinations of the levels' choices, the first level slowest, and their directories.

    Args:
        variant_levels: they may extend each other's branches, but no key is set twice.
        create_subdirs: whether a directory's parts are joined by "/" or, each behind one, by "_".

    Returns:
        the variants, which share nothing with each other or with the levels, and their directories.

    Raises:
        ValueError: a level is not what `VariantLevel` says, a key is set twice, or two variants
            would get the same directory.
    """
    variants, log_dirs = [AttrDict()], [""]
    for number, level in enumerate(VariantLevel(*given) for given in variant_levels):
        _check_level(f"level {number}", level)
        choices = list(zip(level.values, level.dir_names, strict=True))
        log_dirs = [
            os.path.join(before, name) if create_subdirs else f"{before}_{name}"
            for before in log_dirs
            for _, name in choices
        ]
        variants = [_extend(before, level.keys, row) for before in variants for row, _ in choices]
    refuse_same_directories(log_dirs)
    return variants, log_dirs


def refuse_same_directories(log_dirs: Sequence[str]) -> None:
    """Raise ValueError if two of the directories are the same, however they are spelled."""
    seen: dict[str, str] = {}
    for log_dir in log_dirs:
        other = seen.setdefault(posixpath.normpath(log_dir), log_dir)
        if other is not log_dir:
            both = repr(log_dir) if other == log_dir else f"{other!r} and {log_dir!r}"
            raise ValueError(
                f"two variants would write into the same directory {both}: dir_names must differ"
            )


def update_config(default: _Config, variant: Mapping[Any, Any]) -> _Config:
    """The default config with the values of a variant; neither is changed or shared.

    Raises:
        KeyError: the variant has a key that the default has not; the message names the nearest.
        TypeError: one has a dictionary where the other has none.
    """
    new = deepcopy(default)
    _update(new, variant, ())
    return new


def save_variant(variant: Mapping[Any, Any], log_dir: str | os.PathLike[str]) -> None:
    """Write a variant into a directory, as JSON: the whole file or nothing.

    Raises:
        TypeError: a value or key that JSON cannot say; the message says where it is.
        ValueError: two keys of one dictionary are the same text.
        FileNotFoundError: the directory is missing.
    """
    directory = Path(log_dir)
    if not directory.is_dir():
        raise FileNotFoundError(f"{directory} is no directory: make it before the variant is saved")
    write_atomic(directory / VARIANT_FILE, to_json(variant).encode())


def to_json(variant: Mapping[Any, Any]) -> str:
    """The text that `save_variant` writes; it raises the same errors."""
    return json.dumps(_jsonable(variant, ()), indent=4)


def load_variant(log_dir: str | os.PathLike[str]) -> AttrDict:
    """The variant that was saved in a directory; its dictionaries are AttrDicts at every depth.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file holds no JSON object, or a key twice.
        OSError: it is a link or no regular file.
    """
    path = Path(log_dir) / VARIANT_FILE
    try:
        variant = parse_json(read_plain(path).decode(), object_pairs_hook=_unique_keys)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as a variant: {error}") from error
    if not isinstance(variant, AttrDict):
        raise ValueError(f"{path} should hold a JSON object, not {type(variant).__name__}")
    return variant


def flatten_variant4hparams(variant: Mapping[Any, Any]) -> dict[str, Any]:
    """A new, flat dictionary: nested keys joined by dots, all but numbers as text.

    Raises:
        ValueError: a key is no text, or two become the same.
    """
    flat: dict[str, Any] = {}
    for key, value in _leaves(variant, ()):
        if key in flat:
            raise ValueError(f"two keys of the variant are {key!r} when they are flattened")
        flat[key] = value
    return flat


def _check_level(name: str, level: VariantLevel) -> None:
    for key in level.keys:
        if not isinstance(key, tuple | list) or not key:
            hint = f": write ({key!r},)" if isinstance(key, str) and key else ""
            raise ValueError(
                f"{name}: keys should be a list of paths such as [('optimizer', 'lr')]; "
                f"{key!r} is no tuple{hint}"
            )
    if not len(level.values):
        raise ValueError(f"{name} has no values: give it at least one row, or leave the level out")
    if len(level.values) != len(level.dir_names):
        raise ValueError(
            f"{name} has {len(level.values)} rows of values, but {len(level.dir_names)} dir_names"
        )
    for row in level.values:
        if isinstance(row, str | bytes) or not hasattr(row, "__len__"):
            raise ValueError(f"{name}: each row of values should be a list, not {row!r}")
        if len(row) != len(level.keys):
            raise ValueError(
                f"{name}: the row {row!r} has {len(row)} values for {len(level.keys)} keys"
            )
    for dir_name in level.dir_names:
        if not isinstance(dir_name, str) or os.path.isabs(dir_name):
            raise ValueError(
                f"{name}: dir_names should be texts that stand for part of a path, not {dir_name!r}"
            )


def _extend(before: AttrDict, keys: Sequence[tuple[Hashable, ...]], row: Sequence[Any]) -> AttrDict:
    variant = deepcopy(before)
    for path, value in zip(keys, row, strict=True):
        place: Any = variant
        for depth, part in enumerate(path[:-1]):
            place = place.setdefault(part, AttrDict())
            if not isinstance(place, dict):
                above = _dotted(path[: depth + 1])
                raise ValueError(f"{_dotted(path)} cannot be set: {above} is {place!r} already")
        if path[-1] in place:
            raise ValueError(
                f"{_dotted(path)} is set twice, to {place[path[-1]]!r} and to {value!r}: "
                "each key belongs into one level"
            )
        place[path[-1]] = deepcopy(value)
    return variant


def _update(config: dict[Any, Any], variant: Mapping[Any, Any], path: tuple[Any, ...]) -> None:
    for key, value in variant.items():
        here = (*path, key)
        if key not in config:
            raise MissingKey(
                f"the variant's key {_dotted(here)} is not in the default config"
                f"{other_keys(key, list(config))}"
            )
        if isinstance(value, Mapping) != isinstance(config[key], dict):
            raise TypeError(
                f"the variant has {value!r} for {_dotted(here)}, the default config has "
                f"{config[key]!r}: both or neither should be a dictionary"
            )
        if isinstance(value, Mapping):
            _update(config[key], value, here)
        else:
            config[key] = deepcopy(value)


def _jsonable(value: Any, path: tuple[Any, ...]) -> Any:
    """The value in types that JSON has: tuples become lists, NumPy's numbers Python's."""
    if isinstance(value, Mapping):
        return {_json_key(key, value, path): _jsonable(v, (*path, key)) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item, (*path, number)) for number, item in enumerate(value)]
    if value is None or isinstance(value, str | int | float):
        return value
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # a number of NumPy's
        return value.item()
    raise TypeError(
        f"{_dotted(path)} is of type {type(value).__name__}, which JSON cannot say: use a number, "
        "text, list or dictionary"
    )


def _json_key(key: Any, of: Mapping[Any, Any], path: tuple[Any, ...]) -> str:
    if isinstance(key, str):
        return key
    if not (key is None or isinstance(key, int | float)):
        raise TypeError(
            f"{_dotted((*path, key))}: a key of type {type(key).__name__} cannot stand in JSON; "
            "use text"
        )
    (text,) = parse_json(json.dumps({key: None}))
    if text in of:
        raise ValueError(f"{_dotted((*path, key))}: {key!r} and {text!r} are the same key in JSON")
    return str(text)


def _unique_keys(pairs: list[tuple[str, Any]]) -> AttrDict:
    seen = AttrDict()
    for key, value in pairs:
        if key in seen:
            raise ValueError(f"it has the key {key!r} twice")
        seen[key] = value
    return seen


def _leaves(variant: Mapping[Any, Any], path: tuple[str, ...]) -> Iterable[tuple[str, Any]]:
    for key, value in variant.items():
        if not isinstance(key, str):
            raise ValueError(f"{_dotted((*path, key))}: the key {key!r} is no text")
        here = (*path, key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, here)
        else:
            yield ".".join(here), value if isinstance(value, numbers.Number) else str(value)


def _dotted(path: Sequence[Any]) -> str:
    return ".".join(map(str, path)) or "the variant"
