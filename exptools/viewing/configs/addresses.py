"""Objects in configs that were written as Python shows them: ``<logx.Logger object at 0x7f3a…>``.

Where in memory an object was says nothing of a run, and is another in each.
"""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"(?<= at )0x[0-9A-Fa-f]{4,16}\b")
# A part of a key that is no name but an object: <_io.TextIOWrapper name='/a/b'>, <A at 0x…>.
_OBJECT = re.compile(r"(?:^|(?<!\\)\.)<[^<> ]+ [^<>]+>")


def blank_addresses(text: str) -> str:
    """The text with every object's address left out."""
    if " at 0x" not in text or "<" not in text:
        return text
    return _ADDRESS.sub("0x…", text)


def names_an_object(key: str) -> bool:
    """Whether a key holds what a program had in memory, which nobody has chosen."""
    return " at 0x…" in key or ("<" in key and _OBJECT.search(key) is not None)
