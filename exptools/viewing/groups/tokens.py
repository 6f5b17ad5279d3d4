"""The text of a condition made ready for sqlglot, which knows nothing of the runs' keys."""

from __future__ import annotations

import re

from exptools.viewing.groups.names import WORDS, KeyNames

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


def quoted(condition: str, names: KeyNames) -> str:
    """The condition with every key of the runs in quotes, be it a word of SQL's or a type's.

    Functions get ``CALL`` before their names, and what is written in them without quotes is quoted.
    """

    def quote(token: re.Match[str]) -> str:
        if token["function"]:
            argument = f'"{token["argument"]}"' if token["argument"] else ""
            return f"{CALL}{token['function'].lower()}({argument}"
        word = token["word"]
        if word and word.lower() not in WORDS and names.has(word):
            return f'"{word}"'
        return token[0]

    return _TOKEN.sub(quote, condition)
