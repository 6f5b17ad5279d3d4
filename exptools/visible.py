"""Somebody else's text where it can do nothing: characters that steer a screen are shown instead.

A terminal obeys escape codes, and a page or a terminal turns text round at marks for Arabic and
Hebrew: ``photo\\u202egnp.exe`` reads ``photoexe.png``. Such characters become what Python would
write for them.
"""

from __future__ import annotations

import re
import reprlib

# Controls; what turns text round or takes no room; ends of lines; tags; halves of characters. Not
# the two joiners, without which Persian and some emoji cannot be written. Compiled when it is used.
_OTHERS = (
    "\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f"
)
_NOUNS = {str: "text", list: "list", dict: "object", int: "number"}
_STEERING = rf"[\x00-\x1f{_OTHERS}]"
_STEERING_BUT_LINES = rf"[\x00-\x08\x0b-\x1f{_OTHERS}]"


def visible(text: str) -> str:
    """The text in one line, with what steers a screen as ``\\x1b``, ``\\n`` or ``\\u202e``."""
    return text if text.isprintable() else re.sub(_STEERING, _spelled, text)


def visible_lines(text: str) -> str:
    """The same for a text of several lines: it keeps its ends of lines and its tabs."""
    if text.isprintable():
        return text
    return re.sub(_STEERING_BUT_LINES, _spelled, text.replace("\r\n", "\n"))


def _spelled(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def whole(value: object) -> str:
    """A value as an error quotes it: whole or, where it is long, not at all.

    What is cut may be a secret, of which nobody would find the halves.
    """
    text = reprlib.repr(value)
    return f"a long {_NOUNS.get(type(value), 'value')}" if "..." in text else text
