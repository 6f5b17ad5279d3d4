"""The texts of a status, whoever wrote it, as they can be sent and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from exptools.rundir import Status
from exptools.viewing.wording import escape_invalid_unicode
from exptools.visible import visible, visible_lines

# What was typed stays so, as long as it is Unicode: it is made visible where it is shown.
_AS_TYPED = ("overrides", "command", "git", "script", "extra")


def with_visible_texts(status: Status) -> Status:
    """The status with texts that are Unicode, and visible but where they tell what was typed."""
    if all(map(_is_printable, vars(status).values())):  # soon said, for there are many
        return status
    texts = {
        f.name: _unicode(value) if f.name in _AS_TYPED else _visible(value)
        for f in fields(status)
        if isinstance(value := getattr(status, f.name), (str, tuple, Mapping))
        and f.name not in ("state", "error")
    }
    return replace(status, **texts, error=status.error and visible_lines(status.error))


def _is_printable(value: Any) -> bool:
    if isinstance(value, str):
        return value.isprintable()
    if isinstance(value, Mapping):
        return all(map(_is_printable, value)) and all(map(_is_printable, value.values()))
    return all(map(_is_printable, value)) if isinstance(value, (tuple, list)) else True


def _visible(value: Any) -> Any:
    return tuple(map(_visible, value)) if isinstance(value, tuple) else visible(str(value))


def _unicode(value: Any) -> Any:
    if type(value) is str:
        return escape_invalid_unicode(value)
    if isinstance(value, (tuple, list)):
        return tuple(map(_unicode, value))
    if isinstance(value, Mapping):
        return {escape_invalid_unicode(key): _unicode(item) for key, item in value.items()}
    return value
