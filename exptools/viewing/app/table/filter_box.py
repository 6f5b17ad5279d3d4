"""The filter box's text in parts, so that one can be put in or taken out while the rest stays.

The parts of ``a = 1 and (b = 2 or c = 3)`` are what its outermost ``and`` joins. What somebody has
typed stays as it is, to the blank.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<quoted>'[^']*'|"[^"]*")|(?P<comment>--|/\*|\{\#)|(?P<open>[(\[{])|(?P<close>[)\]}])
    |(?P<word>[\w.]+)|(?P<quote>['"])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Parts:
    """A condition's text, divided."""

    texts: tuple[str, ...]  # the parts, with the blanks around them
    joints: tuple[str, ...]  # what stands between them: "and", as it was typed
    whole: bool  # False where a quote, bracket or comment is left open, in the last part
    alternatives: bool  # an "or" is outermost: the text is one part

    def __str__(self) -> str:
        joined = zip(self.texts, (*self.joints, ""), strict=True)
        return "".join(text + joint for text, joint in joined)


def divide(text: str) -> Parts:
    """A condition's parts; also of a text that cannot be read."""
    depth, start, between = 0, 0, False
    texts: list[str] = []
    joints: list[str] = []
    whole, alternatives = True, False
    for token in _TOKEN.finditer(text):
        depth += bool(token["open"]) - bool(token["close"])
        if token["comment"] or token["quote"] or depth < 0:
            whole = False
            break
        word = "" if depth else (token["word"] or "").lower()
        alternatives = alternatives or word == "or"
        if word == "and" and not between:
            texts.append(text[start : token.start()])
            joints.append(token[0])
            start = token.end()
        between = word == "between" or (between and word != "and")
    if alternatives:
        return Parts((text,), (), whole and depth == 0, alternatives=True)
    return Parts((*texts, text[start:]), tuple(joints), whole and depth == 0, alternatives=False)


def with_part(text: str, part: str) -> str:
    """The text and one part more; an ``or`` in it gets brackets.

    Raises:
        ValueError: something is left open in the text, and would swallow the part.
    """
    parts = divide(text)
    if not text.strip():
        return part
    if not parts.whole:
        raise ValueError(text)
    if parts.alternatives:
        return f"({text.strip()}) and {part}"
    ends_with_and = not parts.texts[-1].strip()
    return f"{text.rstrip()} {part}" if ends_with_and else f"{text.rstrip()} and {part}"


def replace_part(text: str, at: int, part: str) -> str:
    """The text with another part in the place of one; the blanks around it stay."""
    parts = divide(text)
    texts = list(parts.texts)
    old = texts[at]
    texts[at] = old[: len(old) - len(old.lstrip())] + part + old[len(old.rstrip()) :]
    return str(Parts(tuple(texts), parts.joints, parts.whole, parts.alternatives))


def without_part(text: str, at: int) -> str:
    """The text without one of its parts, and without an ``and`` beside it."""
    parts = divide(text)
    texts, joints = list(parts.texts), list(parts.joints)
    del texts[at]
    del joints[max(at - 1, 0) : max(at, 1)]
    rest = "".join(text + joint for text, joint in zip(texts, (*joints, ""), strict=False))
    if at == 0:
        return rest.lstrip()
    return rest.rstrip() if at == len(texts) else rest
