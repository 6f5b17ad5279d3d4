"""JSON that anybody may have written: a ValueError where it cannot be read, be it too deep."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str | bytes, **options: Any) -> Any:
    """The value of a JSON document; the options are those of ``json.loads``.

    Raises:
        ValueError: it is none, or is nested too deeply.
    """
    try:
        return json.loads(text, **options)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
