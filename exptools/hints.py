"""``Did you mean …?``: the nearest of what there is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def suggestion(given: str, allowed: Iterable[str]) -> str:
    """The end of an error's sentence: the nearest of what is allowed, or all of it if short."""
    names = list(allowed)
    ending = [name for name in names if re.split(r"[./]", name)[-1] == given]
    close = ending or difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    close = close or [name for name in names if given and given in name]
    if close:
        return f"did you mean {close[0]!r}?"
    if not names:
        return "there is none to choose from"
    shown = ", ".join(names[:12])
    return f"there are {shown}{', …' if len(names) > 12 else ''}"
