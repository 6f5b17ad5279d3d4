"""Texts and numbers as a person reads them."""

from __future__ import annotations

import time


def sound(text: str) -> str:
    """The text with what is no Unicode escaped, as Python shows it: no browser takes it as it is.

    Names of files may be of such bytes, and JSON and YAML can say such characters.
    """
    return text.encode(errors="backslashreplace").decode()


def clean(text: str) -> str:
    """A text that can be sent: JSON can spell halves of characters, UTF-8 cannot."""
    return text.encode(errors="replace").decode()


def moment(seconds: float) -> str:
    """A time as a clock and a calendar have it, here."""
    try:
        return time.strftime("%d %b %Y, %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "at no time that there is"


def duration(seconds: float) -> str:
    """So many seconds, in the two units that say most."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{max(0.0, seconds):.1f} s" if whole < 10 else f"{whole} s"
    for unit, name, part, its in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= unit:
            return f"{whole // unit:,} {name} {whole % unit // part} {its}"
    return f"{whole // 60} min {whole % 60} s"


def size(bytes_: float) -> str:
    """So many bytes."""
    number = float(bytes_)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} TB"
