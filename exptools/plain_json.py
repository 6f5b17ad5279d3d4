"""JSON that anybody may have written: a ValueError where it cannot be read, be it too deep."""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 200  # levels; what is read is walked through and written again, level in level
_TOO_DEEP = "it is nested too deeply"


def parse_json(text: str | bytes, **options: Any) -> Any:
    """The value of a JSON document; the options are those of ``json.loads``.

    Raises:
        ValueError: it is none, or is nested too deeply.
    """
    try:
        value = json.loads(text, **options)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    if _most_levels(text) > DEEPEST and _is_deep(value):
        raise ValueError(_TOO_DEEP)
    return value


def _most_levels(text: str | bytes) -> int:
    """How deep a text can be nested: soon said."""
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        lists = [one for one in level if isinstance(one, list)]
        objects = [one.values() for one in level if isinstance(one, dict)]
        level = [inner for one in (*lists, *objects) for inner in one]
        if not level:
            return False
    return any(isinstance(one, list | dict) for one in level)
