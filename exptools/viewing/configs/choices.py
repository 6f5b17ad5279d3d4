"""What was chosen of each config group of a Hydra app: ``model=mlp``.

Hydra's own settings of a run have the choices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from exptools.rundir import read_listed
from exptools.viewing.configs.parsing import YamlParser

MAX_SETTINGS = 2**20  # bytes
_OF_HYDRA = "hydra/"  # groups of Hydra's own: its launcher, its logging
# Parsing all of it would cost more than the rest of the run: only these lines are.
_BEGIN = "\n  runtime:\n"
_CHOICES = re.compile(rf"{_BEGIN}(?:    .*\n)*?    choices:\n((?:      .*(?:\n|\Z))+)")


def choices_text(settings: str, limit: int = MAX_SETTINGS) -> str:
    """The lines of Hydra's settings that hold the choices; none where they are not to be had.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        text = read_listed(settings, limit).decode()
    except ValueError:
        return ""
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    at = text.find(_BEGIN)
    choices = _CHOICES.match(text, at) if at >= 0 else None
    return "\n".join(line[6:] for line in choices[1].splitlines()) if choices else ""


def with_choices(config: Mapping[str, Any], text: str, configs: YamlParser) -> Mapping[str, Any]:
    """A config with the choices before it, by the names of their groups; its own keys count more.

    They come first, as it is they that somebody has chosen, and all in their sections follows.
    """
    try:
        choices = configs.parse([text])
    except ValueError:
        return config
    added = {
        group: choice
        for group, choice in choices.items()
        if not group.startswith(_OF_HYDRA) and group not in config and choice is not None
    }
    return MappingProxyType({**added, **config}) if added else config
