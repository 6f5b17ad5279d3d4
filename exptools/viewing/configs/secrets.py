"""What of a config is not for everybody's eyes: the values of keys such as ``api_key``.

Pages are shown around, tables are printed in papers, notebooks are published. So wherever values
of configs are shown or exported, ``hidden 1`` stands for the first secret of a key, ``hidden 2``
for another: runs that differ in one can still be told apart. The files stay as they are. This is
the one place that says what a secret is.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, NamedTuple

from exptools.viewing.configs.values import comparison_key, segments
from exptools.viewing.memo import Memo
from exptools.viewing.wording import shortened

TOKEN = "*token*"
# Patterns (fnmatch's) of dotted keys in small letters, with _ for -.
HIDE = (
    *(TOKEN, "*secret*", "*password*", "*passwd*", "*passphrase*", "*credential*"),
    *("*api_key*", "*apikey*", "*access_key*", "*accesskey*", "*private_key*", "*privatekey*"),
)
SHORTEST = 6  # characters of a secret that is looked for in other texts, too
MOST = 200  # such secrets of a run

# Of language models: "tokenizer", "max_tokens: 512", "token_dim: 64", "pad_token: <pad>".
_TOKENIZER = re.compile("tokeni[sz](?:er|ers|ed|e|ation|ing)?")
_MARK = re.compile(r"[<\[][^\s,]{0,30}[>\]]")
# What stands elsewhere, or nowhere, or is hidden already.
_NO_SECRET = re.compile(
    r"(?:\$\{[^{},]*\})+|\?\?\?||hidden(?: \d+)?|true|false|null|none", re.IGNORECASE
)
_NUMBERS_ONLY = re.compile(r"[-+\d.eE,\[\] ]+")
# key=value as it stands in names of directories, overrides and commands.
# Only from where a word begins: else each of its letters is tried, which a long one makes too many.
_PAIR = re.compile(r"(?<![\w@+~.-])(?P<key>[\w@+~.-]+)=(?P<value>[^\s,/;&]+)")
_PAIR_IN_NAME = re.compile(
    r"(?<![\w@+~.-])(?P<key>[\w@+~.-]+)=(?P<value>(?:\[[^\[\]/]*\]|'[^'/]*'|\"[^\"/]*\"|[^,/;&])+)"
)
# 'key': 'value' as Python and JSON print it, and as it stands within an override.
_PRINTED = re.compile(
    r"(?<![\w@+~.-])(?P<begin>(?P<key>[\w@+~.-]+)['\"]?\s*:\s*(?P<quote>['\"]))"
    r"(?P<value>(?:(?!(?P=quote)).){3,})"
)
_IN_BRACES = re.compile(r"(?P<begin>[{,]\s*(?P<key>[\w.-]+)\s*:\s*)(?P<value>[^\s,{}\[\]]+)")
_OPTION = re.compile(r"--?[A-Za-z][\w.-]*")


class _Numbers:
    """A number for each secret of a key: the same for it in all of this process."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[Hashable, int]] = {}  # by the last part of the key
        self._lock = threading.Lock()

    def of(self, key: str, secret: Any) -> int:
        with self._lock:
            numbers = self._numbers.setdefault(_last(key), {})
            return numbers.setdefault(comparison_key(secret), len(numbers) + 1)


_NUMBERS = _Numbers()


class Secret(NamedTuple):
    """A text that is a secret of some run."""

    text: str
    key: str
    shown: str  # in its place


class _Hides(NamedTuple):
    """How a key's values are hidden."""

    is_token: bool  # "pad_token" may be a mark of a language model
    may_count: bool  # "max_tokens" is a number


class Secrets:
    """Hides the values of keys that match one of some patterns."""

    def __init__(self, patterns: Sequence[str] = HIDE) -> None:
        self._patterns = patterns
        self._hides = Memo(self._hidden_kinds)  # by key
        self._known: set[str] = set()  # keys that were met
        self._hidden: set[str] = set()  # those of them that hide their values
        words = "|".join(re.escape(pattern.strip("*")) for pattern in patterns)
        self._mention = re.compile(words.replace("_", "[-_]"))

    def are_in(self, config: Mapping[str, Any]) -> bool:
        """Whether a config by dotted keys may have secrets: soon said, for there are many."""
        if not self._known.issuperset(config):
            self._hidden.update(filter(self._hides.__getitem__, config))
            self._known.update(config)
        if not config.keys().isdisjoint(self._hidden):
            return True
        if _NESTED.isdisjoint(map(type, config.values())):
            return False
        return any(self._are_within(value) for value in config.values() if type(value) in _NESTED)

    def may_be_in(self, name: str) -> bool:
        """Whether a name may say a secret: soon said."""
        return "=" in name and self.mentions(name)

    def mentions(self, text: str) -> bool:
        """Whether a text names what hides: soon said, and sooner of small letters."""
        return self._mention.search(text.lower()) is not None

    def config(
        self, config: Mapping[str, Any], own: Sequence[Secret] | None = None
    ) -> Mapping[str, Any]:
        """A config by dotted keys without its secrets, or ``own``; itself where it has none."""
        if not own and not self.are_in(config):
            return config
        # Of several secrets that a value may be made of one says which: they are counted apart.
        own = [
            one._replace(shown=f"hidden {shortened(_last(one.key))} {one.shown[7:]}")
            for one in (self.of(config) if own is None else own)
        ]
        return MappingProxyType({key: self._value(key, item, own) for key, item in config.items()})

    def of(self, *configs: Mapping[str, Any]) -> tuple[Secret, ...]:
        """The secrets in some configs that are long enough to be found elsewhere."""
        found = {
            text: Secret(text, name, _mask(name, secret))
            for config in configs
            for key, value in config.items()
            for name, secret in self._within(key, value)
            if len(text := _text(secret)) >= SHORTEST
        }
        return tuple(sorted(found.values(), key=lambda secret: -len(secret.text))[:MOST])

    def text(self, text: str, own: Iterable[Secret] = ()) -> str:
        """A sentence without what follows ``api_key=`` up to a blank, and without ``own``."""
        text = _without(text, own)
        if not self.mentions(text):
            return text
        text = _PAIR.sub(self._pair, text)
        return _PRINTED.sub(self._printed, text) if ":" in text else text

    def name(self, text: str, own: Iterable[Secret] = ()) -> str:
        """The same of the name of a run, or a path, in which a value may have blanks."""
        text = _without(text, own)
        return _PAIR_IN_NAME.sub(self._pair, text) if "=" in text else text

    def override(self, text: str, own: Iterable[Secret] = ()) -> str:
        """An override, ``db.password=abc``, without its value if that is a secret."""
        if not self.mentions(text):
            return _without(text, own)
        key, equals, value = text.partition("=")
        if equals and self._is_hidden(key.lstrip("+~-"), value):
            parts = (part.strip("[]{}'\" ") for part in value.split(","))  # of a sweep, or a list
            return f"{key}={','.join(_mask(key, part) for part in parts)}"
        text = self.text(text, own)
        return _IN_BRACES.sub(self._printed, text) if "{" in value else text

    def words(self, words: Sequence[str], own: Iterable[Secret] = ()) -> tuple[str, ...]:
        """A command without its secrets: ``--token abc``, ``--token=abc``, ``api.key=abc``."""
        own, shown, option = tuple(own), list[str](), ""
        for word in words:
            is_option = _OPTION.fullmatch(word) is not None
            is_secret = option and not is_option and self._is_hidden(option, word)
            shown.append(_mask(option, word) if is_secret else self.override(word, own))
            option = word.lstrip("-") if is_option else ""
        return tuple(shown)

    def _value(self, key: str, value: Any, own: Sequence[Secret]) -> Any:
        if self._is_hidden(key, value):
            return _mask(key, value)
        if isinstance(value, str):
            return self.text(value, own) if own or "=" in value else value
        if isinstance(value, Mapping) and value:
            return MappingProxyType(
                {name: self._value(f"{key}.{name}", item, own) for name, item in value.items()}
            )
        if isinstance(value, tuple):
            return tuple(self._value(key, item, own) for item in value)
        return _unless_made_of(own, value) if own else value

    def _are_within(self, value: Any) -> bool:
        """Whether a list, or a mapping in one, has a key of a secret."""
        if isinstance(value, Mapping):
            return any(self._hides[str(k)] or self._are_within(v) for k, v in value.items())
        return isinstance(value, tuple) and any(map(self._are_within, value))

    def _within(self, key: str, value: Any) -> Iterator[tuple[str, Any]]:
        """The values in a value that are hidden, with their keys."""
        if isinstance(value, Mapping):
            for name, item in value.items():
                yield from self._within(f"{key}.{name}", item)
        elif isinstance(value, (tuple, set, frozenset)):
            for item in value:
                yield from self._within(key, item)
        elif self._is_hidden(key, value):
            yield key, value

    def _is_hidden(self, key: str, value: Any) -> bool:
        hides = self._hides[key]
        if hides is None:
            return False
        if isinstance(value, str):
            is_mark = hides.is_token and _MARK.fullmatch(value)
            may_count = hides.may_count or (hides.is_token and not value.isdigit())
            is_count = may_count and _NUMBERS_ONLY.fullmatch(value)
            return not (is_mark or is_count or _NO_SECRET.fullmatch(value))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return not (hides.may_count or (hides.is_token and isinstance(value, float)))
        # What YAML has besides, as bytes and sets; what is in a list or a mapping by itself.
        return not isinstance(value, (bool, type(None), tuple, Mapping))

    def _hidden_kinds(self, key: str) -> _Hides | None:
        plain = _TOKENIZER.sub("", key.lower().replace("-", "_"))
        matching = [pattern for pattern in self._patterns if fnmatchcase(plain, pattern)]
        if not matching:
            return None
        is_token = matching == [TOKEN]
        return _Hides(is_token, is_token and not segments(plain)[-1].endswith("token"))

    def _pair(self, pair: re.Match[str]) -> str:
        key, value = pair["key"], pair["value"]
        hidden = self._is_hidden(key.lstrip("+~-"), value)
        return f"{key}={_mask(key, value)}" if hidden else pair[0]

    def _printed(self, pair: re.Match[str]) -> str:
        hidden = self._is_hidden(pair["key"], pair["value"])
        return pair["begin"] + _mask(pair["key"], pair["value"]) if hidden else pair[0]


_NESTED = frozenset({tuple, MappingProxyType})


def _mask(key: str, value: Any) -> str:
    return f"hidden {_NUMBERS.of(key, value)}"


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _unless_made_of(own: Iterable[Secret], value: Any) -> Any:
    """A value that is no text, a list or a mapping, or what stands for the secret that it is."""
    text = _text(value)
    if isinstance(value, (int, float)):  # many numbers have the digits of another one in them
        return next((one.shown for one in own if one.text == text), value)
    return next((one.shown for one in own if one.text in text), value)


def _without(text: str, own: Iterable[Secret]) -> str:
    """The text without some secrets; what stands in the place of one is looked into no further."""
    shown = {secret.text: secret.shown for secret in own if secret.text in text}
    if not shown:
        return text
    return re.sub("|".join(map(re.escape, shown)), lambda found: shown[found[0]], text)


def _last(key: str) -> str:
    """The last part of a key, however it is written: ``--api-key``, ``+wandb.api_key``."""
    return segments(key.lstrip("+~-").lower().replace("-", "_"))[-1]


def has_hidden(text: str) -> bool:
    """Whether something is hidden in a text."""
    return re.search(r"\bhidden (?:\w+ )?\d", text) is not None
