"""A config as a page shows it: its leaves with their types, each cut where it is long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exptools.viewing.configs.values import pieces, segments
from exptools.visible import visible_lines

MAX_VALUE = 20_000  # characters of a value
MAX_TOTAL = 2_000_000  # characters of all values; from then on each is cut at SHORT
SHORT = 200

# As Python calls them; a config's author knows them from OmegaConf's errors.
_KINDS = ((bool, "bool"), (int, "int"), (float, "float"), (str, "str"), (Mapping, "dict"))


@dataclass(frozen=True)
class Leaf:
    """A value of a config, and where it stands."""

    path: tuple[str, ...]  # from the outermost key
    text: str
    kind: str  # of the value: "float"
    cut: bool  # whether the value goes on


def leaves(config: Mapping[str, Any]) -> list[Leaf]:
    """The leaves of a config with dotted keys, in its order."""
    shown, total = [], 0
    for key, value in config.items():
        text, cut = bounded(value, MAX_VALUE if total < MAX_TOTAL else SHORT)
        total += len(text)
        path = tuple(visible_lines(part.replace("\\.", ".")) for part in segments(key))
        shown.append(Leaf(path, text, kind_of(value), cut))
    return shown


def kind_of(value: Any) -> str:
    """The name of a value's type."""
    if value is None:
        return "null"
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "list")


def bounded(value: Any, limit: int) -> tuple[str, bool]:
    """A value as a person reads it, up to so many characters, and whether it goes on.

    A short text of aliases may stand for more than any memory holds, so no more is built.
    """
    parts, length = [], 0
    for piece in pieces(value):
        parts.append(piece[: limit + 1])
        length += len(parts[-1])
        if length > limit:
            break
    text = visible_lines("".join(parts))
    return text[:limit], len(text) > limit
