"""Texts and times as a page can show them."""

from __future__ import annotations

import time


def escape_invalid_unicode(text: str) -> str:
    """The text with halves of characters escaped, as Python shows them: no browser takes them.

    Names of files may be of bytes that are no UTF-8, and JSON and YAML can spell such halves.
    """
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def moment(seconds: float) -> str:
    """A time as a clock and a calendar have it, here."""
    try:
        return time.strftime("%d %b %Y, %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "at no time that there is"
