"""What Lightning's ``hparams.yaml`` tells of the directories of one program: attempts, or folds.

Attempts at a training have the same hyperparameters, but for what a second try is told: where to
go on from, how much longer. Those of cross-validation or of a search differ in a setting.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from exptools.rundir import read_regular
from exptools.viewing.configs.parsing import YamlParser
from exptools.viewing.configs.secret_keys import SecretKeys
from exptools.viewing.configs.values import comparison_key, display, segments
from exptools.viewing.signatures import Signature

HPARAMS = "hparams.yaml"
MAX_HPARAMS = 2**18  # bytes
REMEMBERED = 512  # files
_LONGEST = 40  # characters of a setting in a name
_SECRET = SecretKeys()

# In which a second try may differ from the first.
_OF_A_TRY = re.compile(
    r"(?:^|_)(?:resume\w*|restart\w*|ckpt|checkpoint\w*|pretrained|path|dir|file|root|time\w*|date|"
    r"log\w*|host\w*|port|pid|slurm\w*|devices?|gpus?|cuda|workers?|nodes?|rank|attempt|tr(?:y|ies)|"
    r"retry|retries|verbose|debug|epochs?|steps?|iters?|iterations?)(?:_|$)"
    r"|^(?:(?:run|job|wandb|exp|experiment)_)?(?:id|uuid|name)$|^(?:version|run|job|now|load\w*)$",
    re.IGNORECASE,
)


def differing(described: Iterable[tuple[str, Signature]]) -> tuple[dict[str, Any], ...]:
    """For each of some files the settings in which they differ from each other, as attempts do not.

    Empty for all where they agree.
    """
    configs = [_settings(path, signature) for path, signature in described]
    values: dict[str, set[Any]] = {}
    lacking = Counter[str]()
    for config in filter(None, configs):
        lacking.subtract(config.keys())
        for key, value in config.items():
            values.setdefault(key, set()).add(comparison_key(value))
    everywhere = -sum(map(bool, configs))
    differ = {key for key in values if len(values[key]) > 1 or lacking[key] > everywhere}
    return tuple({key: v for key, v in config.items() if key in differ} for config in configs)


def label(settings: Mapping[str, Any]) -> str:
    """A name for what has these settings: ``fold_3``; "" where none is short enough, or secret."""
    if len(settings) != 1:
        return ""
    ((key, value),) = settings.items()
    if _SECRET.hide(key, value):
        return ""
    text = f"{segments(key)[-1]}_{display(value)}"
    return text if len(text) <= _LONGEST and "/" not in text else ""


@lru_cache(REMEMBERED)
def text_of(path: str, _: Signature) -> str:
    """The text of such a file; "" where it cannot be read."""
    try:
        return read_regular(path, MAX_HPARAMS).decode()
    except (OSError, ValueError):
        return ""


@lru_cache(REMEMBERED)
def _settings(path: str, signature: Signature) -> Mapping[str, Any]:
    """What of a file's settings tells trainings apart."""
    try:
        config = YamlParser().parse([text_of(path, signature)])
    except ValueError:
        return {}
    return {key: value for key, value in config.items() if _tells_apart(key, value)}


def _tells_apart(key: str, value: Any) -> bool:
    if value is None or _OF_A_TRY.search(segments(key)[-1]):
        return False
    return not (isinstance(value, str) and re.search(r"[/\\]|\d{4}-\d\d-\d\d|0x[0-9a-f]{4}", value))
