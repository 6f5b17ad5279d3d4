"""The text of a condition made ready for sqlglot, which knows nothing of the runs' keys."""

from __future__ import annotations

import re

from exptools.viewing.groups.names import WORDS

_UNQUOTED = WORDS | {"escape"}
CALL = "result_of_"  # before a function's name, lest it be taken for one of SQL's own

# A text, a quoted key, a function with what stands first in its brackets, or a word that may be a
# key; only the last two are ever changed.
_TOKEN = re.compile(
    rf"""'[^']*'
    |"[^"]*"
    |(?<![\w.])(?!(?:{"|".join(WORDS)})\b)(?P<function>[^\W\d]\w*)\s*\(
        (?:\s*(?P<argument>[^\s()'",](?:[^()'",]*[^\s()'",])?)\s*(?=[,)]))?
    |(?<![\w.])(?P<word>[^\W\d]\w*(?:\.\w+)*)""",
    re.VERBOSE | re.IGNORECASE,
)


def quoted(condition: str) -> str:
    """The condition with every word in quotes that is none of its language's.

    It may be a key of the runs, whatever it means to SQL; and of some that begin types or commands
    sqlglot makes several attempts, each of which has its own at what stands in brackets behind it.

    Functions get ``CALL`` before their names, and what is written in them without quotes is quoted.
    """

    def quote(token: re.Match[str]) -> str:
        if token["function"]:
            argument = f'"{token["argument"]}"' if token["argument"] else ""
            return f"{CALL}{token['function'].lower()}({argument}"
        word = token["word"]
        if word and word.lower() not in _UNQUOTED:
            return f'"{word}"'
        return token[0]

    return _TOKEN.sub(quote, condition)
