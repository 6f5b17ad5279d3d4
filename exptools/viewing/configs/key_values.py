"""Where keys have values in a text: ``key=value``, ``'key': [1, 2]``, ``--key value``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

_KEY = re.compile(
    # Only from where a word begins: else each of its letters is tried, which a long one makes many.
    r"(?<![\w@+~.-])(?:"
    r"(?P<key>[\w@+~.-]+)(?P<closed>\\{0,4}['\"])?\]?\s*(?P<sign>[=:])[=>]{0,2}"
    r"|(?P<option>--[A-Za-z][\w.-]*)(?:\\{0,4}['\"])?,?(?=\s)"
    r")\s*"
)
# b'...' is Python's; within quotes others are escaped, or doubled as YAML does it, and the ends of
# escaped ones have as many backslashes.
_QUOTED = re.compile(
    r"(?<!\w)[bBrRuU]{0,2}(?:"
    r"(?P<quote>['\"])(?P<inner>(?:(?P=quote){2}|(?!(?P=quote))(?:\\.|[^\\]))*)(?P=quote)"
    r"|(?P<escaped>\\{1,4}['\"])(?P<within>(?:(?!(?<!\\)(?P=escaped)).)*)(?P=escaped))",
    re.DOTALL,
)
_OPENS = re.compile(r"(?<![\w\\])\\{0,4}['\"]\Z")
_OPENING = re.compile(r"[bBrRuU]{0,2}\\{0,4}['\"]")
# What stands right behind quotes if they are no more than a part, as in 'it'"'"'s' of a shell.
_MORE = re.compile(r"[^\s,;&/.:?'\"\])}\\]|'\"|\"'")
_RUN = re.compile(r"\\.|[^\s,;&/\[\](){}'\"\\]+", re.DOTALL)
_AFTER_BRACKET = re.compile(r"[\s,;&.:'\"\])}]|\Z")
# What a sentence goes on with behind a colon, as in "invalid password: try again".
_WORD = re.compile(r"(?:[A-Za-z][a-z'-]*|[A-Z]{1,5})[.!?:]*|\W*")
LONGEST = 2**14  # characters of a value; of a longer one the text's end is the end


class Kind(NamedTuple):
    """What a text is."""

    ends: str  # what ends a value that has neither quotes nor brackets
    is_sentence: bool = False  # what follows a colon may be no value


BLANKS = " \t\r\n"  # nothing else ends what stands behind an option
SENTENCE = Kind(f"{BLANKS},;&", is_sentence=True)
WORDS = Kind(",;&")  # an override, or a word of a command
NAME = Kind("/,;&")  # of a directory, or a path


def replace_values(
    text: str, kind: Kind, may_hide: Callable[[str], bool], shown: Callable[[str, str], str | None]
) -> str:
    """The text with what ``shown`` says of the values of keys that may hide them; None: nothing."""
    pieces, done, at = [], 0, 0
    while found := _KEY.search(text, at):
        at = found.end()
        key = (found["key"] or found["option"]).lstrip("+~-")
        if not may_hide(key):
            continue
        is_behind = found["option"] and kind is not NAME
        value = _value(text, at, kind._replace(ends=BLANKS) if is_behind else kind)
        at = value.after
        may_go_on = kind.is_sentence and found["sign"] != "="
        if may_go_on and _goes_on(text[value.begin : value.end], is_quoted=value.is_quoted):
            continue
        instead = shown(key, value.text)
        if instead is None:
            continue
        end = value.end if found["closed"] or value.is_quoted else _quotes_end(text, found, kind)
        if end > value.end:
            instead, at = shown(key, text[value.begin : end]) or instead, end
        pieces += [text[done : value.begin], instead]
        done = max(value.end, end)
    return "".join([*pieces, text[done:]])


def without_quotes(text: str) -> str | None:
    """What is in the quotes that a text stands in; None where it stands in none."""
    quoted = _QUOTED.fullmatch(text)
    return unescaped(quoted["inner"] or quoted["within"] or "") if quoted else None


def unescaped(text: str) -> str:
    """A text as it was before its quotes and backslashes were escaped."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


class _Value(NamedTuple):
    """A value within a text, without the quotes that it stands in."""

    text: str
    begin: int
    end: int
    after: int  # where what follows begins

    @property
    def is_quoted(self) -> bool:
        return self.after > self.end


def _goes_on(value: str, *, is_quoted: bool) -> bool:
    """Whether a sentence goes on with this, behind a colon: with a word, a quoted sign."""
    return len(value) < 3 if is_quoted else _WORD.fullmatch(value) is not None


def _value(text: str, begin: int, kind: Kind) -> _Value:
    quoted = _QUOTED.match(text, begin)
    if quoted and not _MORE.match(text, quoted.end()):
        begin, end = quoted.span("inner" if quoted["quote"] else "within")
        return _Value(unescaped(text[begin:end]), begin, end, quoted.end())
    if not quoted and _OPENING.match(text, begin):  # it is never closed
        value = text[begin:].rstrip()
    else:  # of quotes around key and value the last is none of the value
        value = text[begin : _end(text, begin, kind)].rstrip().rstrip("'\"`\\")
    return _Value(value, begin, begin + len(value), begin + len(value))


def _quotes_end(text: str, found: re.Match[str], kind: Kind) -> int:
    """Where the quotes end that key and value stand in together: 'password=a b'; 0 if in none."""
    opening = _OPENS.search(text, max(0, found.start() - 5), found.start())
    if not opening:
        return 0
    quoted = _QUOTED.match(text, opening.start())
    if not quoted:
        return len(text)
    if _MORE.match(text, quoted.end()):
        return _end(text, opening.start(), kind)
    return quoted.end("inner" if quoted["quote"] else "within")


def _end(text: str, begin: int, kind: Kind) -> int:
    """Where a value without quotes ends; with a bracket that is never closed, with the text."""
    at, depth = begin, 0
    while at < len(text) and at - begin <= LONGEST:
        part = _QUOTED.match(text, at) or _RUN.match(text, at)
        if part:
            at = part.end()
            continue
        letter = text[at]
        if not depth and letter in kind.ends:
            return at
        if letter in "[({":
            depth += 1
        elif letter in "])}":
            if not depth and kind is not NAME and _AFTER_BRACKET.match(text, at + 1):
                return at
            depth = max(0, depth - 1)
        at += 1
    return len(text)
