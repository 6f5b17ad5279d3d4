"""JSON that anybody may have written: a ValueError where it cannot be read, be it too deep."""

from __future__ import annotations

import json
from typing import Any

import orjson


def parse_json(text: str | bytes, **options: Any) -> Any:
    """The value of a JSON document; the options are those of ``json.loads``.

    Raises:
        ValueError: it is none, or is nested too deeply.
    """
    try:
        return json.loads(text, **options)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_written_json(text: bytes) -> Any:
    """The same of what ``json.dumps`` has written, in a third of the time.

    Raises:
        ValueError: as above.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # names that are no UTF-8 have halves of characters
        return parse_json(text)
