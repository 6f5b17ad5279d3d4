"""Objects in configs that were written as Python shows them: ``<logx.Logger object at 0x7f3a…>``.

Where in memory an object was says nothing of a run, and is another in each.
"""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"(?<= at )0x[0-9A-Fa-f]{4,16}\b")
BLANKED = " at 0x…"


def blank_addresses(text: str) -> str:
    """The text with every object's address left out."""
    if " at 0x" not in text or "<" not in text:
        return text
    return _ADDRESS.sub("0x…", text)


def names_an_object(key: str) -> bool:
    """Whether a key holds what a program had in memory, which nobody has chosen."""
    return BLANKED in key
