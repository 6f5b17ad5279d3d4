"""Read JSON that anybody may have written, within limits on time and memory."""

from __future__ import annotations

from typing import Any

from exptools.plain_json import parse_json

MAX_VALUES = 2**24  # of a text; each takes up to a hundred bytes of memory


def load(text: bytes | str) -> Any:
    """The value of a JSON document.

    Raises:
        ValueError: it is none, is nested too deeply, or has more than ``MAX_VALUES`` values; the
            message is a sentence for a fault, the cause tells the line.
    """
    if len(text) > MAX_VALUES and _most_values(text) > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES:,} values are not read")
    try:
        return parse_json(text)
    except ValueError as error:
        raise ValueError(f"no valid JSON: {error}") from error


def _most_values(text: bytes | str) -> int:
    """How many values a text has at most: each is the first in something, or has a comma before."""
    content = text if isinstance(text, bytes) else text.encode(errors="replace")
    return sum(content.count(mark) for mark in (b",", b"[", b"{"))
