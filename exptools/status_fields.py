"""What each field of ``status.json`` may hold: anybody may have written the file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from exptools.visible import whole

LARGEST = 2**53  # beyond it not every JSON reader keeps an integer exactly
LARGEST_PID = 2**31 - 1


class _Kind(NamedTuple):
    """Which values a field takes, in code and in words."""

    allows: Callable[[Any], bool]
    words: str


def _integers(low: int, high: int) -> _Kind:
    return _Kind(
        lambda value: type(value) is int and low <= value <= high,
        f"an integer from {low} to {high}",
    )


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and -LARGEST <= value <= LARGEST and math.isfinite(value)


def _is_text(value: Any) -> bool:
    # JSON can spell halves of a surrogate pair, which can be neither printed nor written again.
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_COUNT = _integers(0, LARGEST)
_NUMBER = _Kind(_is_time, f"a finite number up to {LARGEST}")
_TEXT = _Kind(_is_text, "a text")
_TEXTS = _Kind(_are_texts, "a list of texts")
_OBJECT = _Kind(lambda value: isinstance(value, dict), "an object")

_KINDS: Mapping[str, _Kind] = {
    **dict.fromkeys(("job", "slot", "threads", "max_rss"), _COUNT),
    **dict.fromkeys(("attempt", "version"), _integers(1, LARGEST)),
    "exit_code": _integers(-LARGEST, LARGEST),
    "pid": _integers(1, LARGEST_PID),
    **dict.fromkeys(("queued", "started", "ended", "cpu_seconds"), _NUMBER),
    **dict.fromkeys(("host", "element", "pid_start", "cpus", "signal", "error"), _TEXT),
    **dict.fromkeys(("overrides", "gpus", "command"), _TEXTS),
    **dict.fromkeys(("git", "script"), _OBJECT),
}
_NEVER_NULL = ("attempt", "version", "host")


def check_fields(raw: Mapping[str, Any]) -> None:
    """Refuse a status of which a field is of another type or out of range; ``state`` is not seen.

    Raises:
        ValueError: it names the field, what was given and what is allowed.
    """
    for name, kind in _KINDS.items():
        value = raw.get(name)
        missing = name not in raw or (value is None and name not in _NEVER_NULL)
        if not (missing or kind.allows(value)):
            raise ValueError(refusal(name, value, kind.words, null=name not in _NEVER_NULL))


def refusal(name: str, value: Any, allowed: str, *, null: bool = False) -> str:
    """The sentence that says what stands in a field and what should."""
    return f"{name} is {whole(value)}; it should be {allowed}{' or null' if null else ''}"
