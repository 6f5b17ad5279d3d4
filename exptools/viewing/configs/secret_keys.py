"""Which keys say by their names that their values are secrets, and which values look like none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from exptools.viewing.configs.values import segments
from exptools.viewing.memo import Memo

TOKEN = "*token*"
# Patterns (fnmatch's) of dotted keys in small letters, with _ for -.
HIDE = (
    *(TOKEN, "*secret*", "*password*", "*passwd*", "*passphrase*", "*credential*"),
    *("*api_key*", "*apikey*", "*access_key*", "*accesskey*", "*private_key*", "*privatekey*"),
)

# No secrets, though a token is in their names: "tokenizer", "max_tokens: 512", "token_dim: 64",
# "pad_token: <pad>".
_TOKENIZER = re.compile("tokeni[sz](?:er|ers|ed|e|ation|ing)?")
_MARK = re.compile(r"<[\w/|.:｜▁-]{0,30}>|\[[A-Z]{2,5}\]")
# Words beside "token" that make a number of it, as in "max_token" and "lr_per_token".
_COUNTS = frozenset(
    (
        *("max", "min", "num", "n", "number", "count", "total", "mean", "avg", "per", "lr"),
        *("loss", "weight", "dropout", "prob", "rate", "ratio", "cost", "time"),
    )
)
# The last part of a key, without a number at its end, that is one token: "hf_token", "token.key".
_ONE_TOKEN = re.compile(r".*token|key|value|code|pin", re.DOTALL)
# What stands elsewhere, or nowhere, or is hidden already.
_NO_SECRET = re.compile(
    r"(?:\$\{[^{},]*\})+|\?\?\?|[\[\](){}\s]*|hidden(?: \d+)?|true|false|null|none", re.IGNORECASE
)
_NUMBER = r"[-+]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_NUMBERS = re.compile(rf"[\[\]\s]*{_NUMBER}(?:[\[\]\s]*,[\[\]\s]*{_NUMBER})*[\[\]\s]*")


class _Hides(NamedTuple):
    """How a key's values are hidden."""

    is_token: bool  # "pad_token" may be a mark in a text
    may_count: bool  # "max_tokens" is a number


class SecretKeys:
    """The keys that match one of some patterns, and which of their values are secrets."""

    def __init__(self, patterns: Sequence[str] = HIDE) -> None:
        self._patterns = patterns
        self.hiding = Memo(self._how)  # by key; None: it hides nothing
        words = "|".join(re.escape(pattern.strip("*")) for pattern in patterns)
        self._mention = re.compile(words.replace("_", "[-_]"))

    def mentioned(self, text: str) -> bool:
        """Whether a text names what hides: soon said, and sooner of small letters."""
        return self._mention.search(text.lower()) is not None

    def hide(self, key: str, value: Any) -> bool:
        """Whether a value of a key is a secret; what is in a list is one by itself."""
        hides = self.hiding[key]
        if hides is None:
            return False
        if isinstance(value, str):
            is_mark = hides.is_token and _MARK.fullmatch(value)
            is_count = hides.may_count and _NUMBERS.fullmatch(value)
            return not (is_mark or is_count or _NO_SECRET.fullmatch(value))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return not hides.may_count
        if isinstance(value, Mapping):  # in a list; names in it may be secrets as well
            return bool(value) and not hides.is_token
        # What YAML has besides, such as bytes and sets.
        return not isinstance(value, (bool, type(None), tuple))

    def _how(self, key: str) -> _Hides | None:
        plain = _TOKENIZER.sub("", key.lower().replace("-", "_"))
        matching = [pattern for pattern in self._patterns if fnmatchcase(plain, pattern)]
        if not matching:
            return None
        is_token = matching == [TOKEN]
        return _Hides(is_token, is_token and _is_count(plain))


def _is_count(key: str) -> bool:
    """Whether a key of tokens is one of counts or ids, such as "max_tokens" or "pad_token_id"."""
    parts = segments(key)
    words = {word for part in parts if "token" in part for word in part.split("_")}
    is_one = _ONE_TOKEN.fullmatch(parts[-1].rstrip("_0123456789"))
    return not (is_one and words.isdisjoint(_COUNTS))
