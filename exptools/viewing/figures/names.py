"""Names of many runs, told apart in few letters: what they have in common says nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from exptools.viewing.figures.theme import LEGEND_CHARACTERS


def telling(names: Sequence[str], characters: int = LEGEND_CHARACTERS) -> dict[str, str]:
    """Of each name its end, from where they differ; as they are if none is longer than that.

    They are cut between words, never within. ``exptools.telling`` of page.js does the same.
    """
    if len(names) < 2 or max(map(len, names)) <= characters:
        return {name: name for name in names}
    first, last = min(names), max(names)  # what these two share all do
    differ = (at for at, pair in enumerate(zip(first, last, strict=False)) if len({*pair}) > 1)
    common = first[: next(differ, len(first))]
    begin = re.match(r".*[^0-9A-Za-z.=+-]|", common, re.DOTALL)
    cut = len(begin[0]) if begin else 0
    return {name: f"…{name[cut:]}" if cut > 1 else name for name in names}
