"""What of a config is not for everybody's eyes: the values of keys such as ``api_key``.

Pages are shown around, tables are printed in papers, notebooks are published. So wherever values
of configs are shown or exported, ``hidden 1`` stands for the first secret of a key, ``hidden 2``
for another: runs that differ in one can still be told apart. The files stay as they are. What a
secret is, ``secret_keys`` says.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

from exptools.error_line import CUT, LONGEST
from exptools.viewing.configs.key_values import (
    NAME,
    SENTENCE,
    WORDS,
    Kind,
    replace_values,
    without_quotes,
)
from exptools.viewing.configs.secret_keys import HIDE, SecretKeys
from exptools.viewing.configs.values import comparison_key, segments
from exptools.viewing.memo import MOST_LETTERS, letters_of
from exptools.viewing.wording import shortened

SHORTEST = 6  # characters of a secret that is looked for in other texts, too
_SHORT_WORK = 50_000  # characters times characters, which always take but a moment
_LONG_TEXT = 30_000  # characters from which on CPython looks for any text in linear time
MOST = 500  # such secrets of a run, each as often as it can be written
MOST_COUNTED = 100_000  # secrets of all runs
MOST_CUTS = 4  # of an error's words: its own, and those of what caused it
# What stands for a secret until all are found: nobody writes it, and it is no part of another one.
_FIRST = 0x100000
_PLACE = re.compile(f"\0([{chr(_FIRST)}-{chr(_FIRST + MOST - 1)}])\0")
_OPTION = re.compile(r"--?[A-Za-z][\w.-]*")
_CODE = re.compile(r"%[0-9A-F]{2}")  # of a character in an address
_NO_VALUE = re.compile(r"--[A-Za-z][\w.-]*|-[A-Za-z]")  # a secret may begin with "-"


Mask = Callable[[str, Any], str]  # what stands for the value of a key


class _Numbers:
    """A number for each secret of a key: the same for it in all of this process.

    A file may say others each second: the first ones are counted, and any other one has a number
    that is made of it, in a way that nobody knows who does not know this process.
    """

    def __init__(self) -> None:
        self._numbers: dict[bytes, dict[bytes, int]] = {}  # by the last part of the key
        self._counted = 0
        self._process = os.urandom(32)
        self._lock = threading.Lock()

    def of(self, key: str, secret: Any) -> int:
        name, text = self._digest(_last(key)), self._digest(repr(comparison_key(secret)))
        with self._lock:
            numbers = self._numbers.get(name, {})
            if text in numbers:
                return numbers[text]
            if self._counted >= MOST_COUNTED:
                return int.from_bytes(text[:6], "big") + MOST_COUNTED
            self._counted += 1
            number = self._numbers.setdefault(name, numbers)[text] = len(numbers) + 1
            return number

    def _digest(self, text: str) -> bytes:
        content = text.encode(errors="surrogatepass")
        return hashlib.blake2b(content, key=self._process, digest_size=16).digest()


_NUMBERS = _Numbers()


class Secret(NamedTuple):
    """A text that is a secret of some run."""

    text: str
    key: str
    shown: str  # in its place


class Secrets:
    """Hides the values of keys that match one of some patterns."""

    def __init__(self, patterns: Sequence[str] = HIDE) -> None:
        self._keys = SecretKeys(patterns)
        self._hides = self._keys.hiding  # by key
        # Keys that were met, and those of them that hide their values.
        self._met: tuple[set[str], set[str]] = (set(), set())
        self._letters = 0  # of these
        self.mentions = self._keys.mentioned

    def are_in(self, config: Mapping[str, Any]) -> bool:
        """Whether a config by dotted keys may have secrets: soon said, for there are many."""
        known, hidden = self._met
        if not known.issuperset(config):
            hidden = self._meet(config)
        if not config.keys().isdisjoint(hidden):
            return True
        if _NESTED.isdisjoint(map(type, config.values())):
            return False
        return any(self._are_within(value) for value in config.values() if type(value) in _NESTED)

    def _meet(self, config: Mapping[str, Any]) -> set[str]:
        """Meet the keys of a config; those that hide, among others."""
        known, hidden = self._met
        self._letters += sum(map(letters_of, config.keys() - known))
        if self._letters > MOST_LETTERS:  # begin anew, as a Memo does
            known, hidden = self._met = set(), set()  # other threads look at those before
            self._letters = sum(map(letters_of, config))
        hidden.update(filter(self._hides.__getitem__, config))
        known.update(config)  # now that it is known which hide
        return hidden

    def may_be_in(self, name: str) -> bool:
        """Whether a name may say a secret: soon said."""
        return "=" in name and self.mentions(name)

    def config(
        self, config: Mapping[str, Any], own: Sequence[Secret] | None = None
    ) -> Mapping[str, Any]:
        """A config by dotted keys without its secrets, or ``own``; itself where it has none."""
        if not own and not self.are_in(config):
            return config
        # Of several secrets that a value may be made of one says which: they are counted apart.
        own = [
            one._replace(shown=f"hidden {_word(one.key)} {one.shown[7:]}")
            for one in (self.of(config) if own is None else own)
        ]
        return MappingProxyType({key: self._value(key, item, own) for key, item in config.items()})

    def of(self, *configs: Mapping[str, Any]) -> tuple[Secret, ...]:
        """The secrets in some configs that are long enough to be found elsewhere."""
        found = {
            spelled: Secret(spelled, name, _mask(name, secret))
            for config in configs
            for key, value in config.items()
            for name, secret in self._within(key, value)
            if len(text := _text(secret)) >= SHORTEST
            for spelled in _spellings(text)
        }
        return tuple(sorted(found.values(), key=lambda secret: -len(secret.text))[:MOST])

    def said(self, words: Sequence[str], sentence: str) -> Mapping[str, Secret]:
        """By their texts the secrets that a command, overrides and a sentence say themselves."""
        found: dict[str, Secret] = {}

        def mask(key: str, value: Any) -> str:
            shown = _mask(key, value)
            for text in {str(value), *_parts(str(value))}:
                if len(text) >= SHORTEST:
                    found.update((one, Secret(one, key, shown)) for one in _spellings(text))
            return shown

        self.words(words, mask=mask)
        self._without_values(sentence, SENTENCE, mask)
        return found

    def text(self, text: str, own: Iterable[Secret] = ()) -> str:
        """A sentence, or a value, without what follows ``api_key=``, and without ``own``."""
        return self._without_values(_without(text, own), SENTENCE)

    def error(self, text: str, own: Sequence[Secret] = ()) -> str:
        """The same of an error, whose words may have been cut in the middle of a secret."""
        return self._without_values(_without_beginnings(_without(text, own), own), SENTENCE)

    def name(self, text: str, own: Iterable[Secret] = ()) -> str:
        """The same of the name of a run, or a path, in which a value may have blanks."""
        return self._without_values(_without(text, own), NAME)

    def override(self, text: str, own: Iterable[Secret] = (), mask: Mask | None = None) -> str:
        """An override, ``db.password=abc``, without its value if that is a secret."""
        if not self.mentions(text):
            return _without(text, own)
        key, equals, value = text.partition("=")
        if equals and self._keys.hide(key.lstrip("+~-"), value):
            return f"{key}={','.join((mask or _mask)(key, part) for part in _parts(value))}"
        return self._without_values(_without(text, own), WORDS, mask)

    def words(
        self, words: Sequence[str], own: Iterable[Secret] = (), mask: Mask | None = None
    ) -> tuple[str, ...]:
        """A command without its secrets: ``--token abc``, ``--token=abc``, ``api.key=abc``."""
        own, shown, option, values = tuple(own), list[str](), "", 0
        for word in words:
            is_option = _OPTION.fullmatch(word) is not None
            # An option may have several values; an override is none of them but the first.
            ends = _NO_VALUE.fullmatch(word) or (values and (is_option or "=" in word))
            is_value = option and not ends
            if is_value and self._keys.hide(option, word):
                shown.append((mask or _mask)(option, word))
                values += 1
            else:
                shown.append(self.override(word, own, mask))
                option, values = word.lstrip("-") if is_option else "", 0
        return tuple(shown)

    def _value(self, key: str, value: Any, own: Sequence[Secret]) -> Any:
        if self._keys.hide(key, value):
            return _mask(key, value)
        if isinstance(value, str):
            return self.text(value, own)
        if type(value) in _SHORT and len(str(value)) < SHORTEST:
            return value
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
        elif self._keys.hide(key, value):
            yield key, value

    def _without_values(self, text: str, kind: Kind, mask: Mask | None = None) -> str:
        if not self.mentions(text):
            return text

        def shown(key: str, value: str) -> str | None:
            return (mask or _mask)(key, value) if self._keys.hide(key, value) else None

        return replace_values(text, kind, self._may_hide, shown)

    def _may_hide(self, key: str) -> bool:
        return self._hides[key] is not None


_NESTED = frozenset({tuple, MappingProxyType})
_SHORT = frozenset({int, float, bool, type(None)})


def _mask(key: str, value: Any) -> str:
    return f"hidden {_NUMBERS.of(key, value)}"


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _parts(value: str) -> list[str]:
    """The values of a sweep, or a list; of a text in quotes the one that is in them."""
    whole = without_quotes(value)
    return [part.strip("[]{}'\" ") for part in value.split(",")] if whole is None else [whole]


def _spellings(text: str) -> set[str]:
    """A secret as it stands elsewhere: as it is, in quotes of Hydra's or JSON's, in an address."""
    in_quotes = text.replace("\\", "\\\\").replace("'", "\\'")
    return {text, in_quotes, json.dumps(text)[1:-1], *_in_addresses(text)}


def _in_addresses(text: str) -> set[str]:
    """As libraries write it there: "/" as it is or not, a blank as "+", codes in small letters."""
    quoted = {quote(text, safe=safe, errors="replace") for safe in ("", "/")}
    quoted |= {one.replace("%20", "+") for one in quoted}
    return quoted | {_CODE.sub(lambda code: code[0].lower(), one) for one in quoted}


def _unless_made_of(own: Iterable[Secret], value: Any) -> Any:
    """A value that is no text, a list or a mapping, or what stands for the secret that it is."""
    text = _text(value)
    if isinstance(value, (int, float)):  # many numbers have the digits of another one in them
        return next((one.shown for one in own if one.text == text), value)
    return next((one.shown for one in own if one.text in text), value)


def _without(text: str, own: Iterable[Secret]) -> str:
    """The text without some secrets; what stands in the place of one is looked into no further."""
    if len(text) < SHORTEST:
        return text
    # One after the other: a pattern of all of them takes hours where they begin alike.
    shown: list[str] = []
    for secret in own:
        if _holds(text, secret.text):
            text = text.replace(secret.text, f"\0{chr(_FIRST + len(shown))}\0")
            shown.append(secret.shown)
    if not shown:
        return text
    instead = {chr(_FIRST + at): one for at, one in enumerate(shown)}
    return _PLACE.sub(lambda place: instead.get(place[1], place[0]), text)


def _holds(text: str, secret: str) -> bool:
    """Whether a secret stands in a text; in linear time, which ``in`` takes for long ones only."""
    if len(text) * len(secret) < _SHORT_WORK or len(text) >= _LONG_TEXT:
        return secret in text
    return _literal(secret).search(text) is not None


@lru_cache(maxsize=MOST)
def _literal(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text))


def _without_beginnings(text: str, own: Sequence[Secret]) -> str:
    """An error without the beginnings of secrets with which its words end where they are cut."""
    for cut in reversed([*islice(CUT.finditer(text), MOST_CUTS)]):
        words = text[max(0, cut.start() - LONGEST) : cut.start()]
        length, shown = max(((_begun(one.text, words), one.shown) for one in own), default=(0, ""))
        if length:
            text = text[: cut.start() - length] + shown + text[cut.start() :]
    return text


def _begun(secret: str, words: str) -> int:
    """How much of a secret some words end with that are cut there; 0 where it is but a little."""
    at = words.find(secret[:SHORTEST])
    while at >= 0:
        if secret.startswith(words[at:]):
            return len(words) - at
        at = words.find(secret[:SHORTEST], at + 1)
    return 0


def _last(key: str) -> str:
    """The last part of a key, however it is written: ``--api-key``, ``+wandb.api_key``."""
    return segments(key.lstrip("+~-").lower().replace("-", "_"))[-1]


def _word(key: str) -> str:
    """The last part of a key as one word, which ``has_hidden`` knows."""
    return re.sub(r"\W+", "_", shortened(_last(key)))


def has_hidden(text: str) -> bool:
    """Whether something is hidden in a text."""
    return re.search(r"\bhidden (?:\w+ )?\d", text) is not None
